"""Refusals as pages: what happened, what did not change, what to do; and the form that helps, where one does."""

from __future__ import annotations

import flask

from marketplace.core import pages
from marketplace.core.errors import AppError, NotAuthenticated, ReauthenticationNeeded

# Codes whose page holds the way out itself; all others share one.
PAGES = {
    "totp_enrolment_needed": "errors/second_factor.html",
    "csrf_refused": "errors/expired.html",
}


def as_page(refusal: AppError) -> flask.Response:
    """Return the page for a refusal, with its status.

    Who is not signed in gets the form to sign in, who must prove themselves the form for that; both lead back.
    """
    request = flask.request
    template = PAGES.get(refusal.code, "errors/refused.html")
    if type(refusal) is NotAuthenticated:
        template = "errors/sign_in.html"
    elif isinstance(refusal, ReauthenticationNeeded):
        template = "errors/confirm.html"
    # What was sent is gone after a proof, so that one goes back to the page that sent it.
    asked = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else _page_before(request)
    response = pages.render(
        template,
        refusal.status,
        refusal=refusal,
        told=pages.explain(refusal),
        back=asked,
        request_id=flask.g.get("request_id", ""),
    )
    answer = flask.make_response(response)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _page_before(request: flask.Request) -> str:
    """Return the page of ours that sent a form, as the browser tells it; else the front door."""
    before = request.referrer or ""
    host = request.host_url.rstrip("/")
    return pages.own_address(before.removeprefix(host) if before.startswith(host + "/") else None, "/")
