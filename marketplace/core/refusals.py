"""Refusals as pages: what happened, what did not change, what to do; and the form that helps, where one does."""

from __future__ import annotations

import re
from collections.abc import Callable

import flask

from marketplace.core import pages, wording
from marketplace.core.actor import Actor
from marketplace.core.errors import AppError, NotAuthenticated, ReauthenticationNeeded

# Codes whose page holds the way out itself; all others share one.
PAGES = {
    "totp_enrolment_needed": "errors/second_factor.html",
    "csrf_refused": "errors/expired.html",
}

# Hung up by accounts: (request, actor, page that sent it) -> number under which what was typed lies, or "".
Keeper = Callable[[flask.Request, Actor, str], str]
_keeper: list[Keeper] = []


def keep_with(keeper: Keeper) -> None:
    """Let `keeper` keep what was typed while its sender proves themselves; accounts calls this at registration."""
    _keeper[:] = [keeper]


def as_page(refusal: AppError) -> flask.Response:
    """Return the page for a refusal, with its status.

    Who is not signed in gets the form to sign in, who must prove themselves the form for that; both lead back.
    """
    request = flask.request
    template, kept = PAGES.get(refusal.code, "errors/refused.html"), ""
    if type(refusal) is NotAuthenticated:
        template = "errors/sign_in.html"
    asked = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else _page_before(request)
    if isinstance(refusal, ReauthenticationNeeded):
        template = "errors/confirm.html"
        kept = _keeper[0](request, pages.actor_here(), asked) if _keeper else ""
    response = pages.render(
        template,
        refusal.status,
        refusal=refusal,
        told=pages.explain(refusal),
        back=asked,
        kept=kept,
        request_id=flask.g.get("request_id", ""),
    )
    answer = flask.make_response(response)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _page_before(request: flask.Request) -> str:
    """Return the page of ours that sent a form, as the browser tells it; else the front door."""
    if request.url_rule is None:
        # Sent to no route of ours, perhaps under a host that is not ours either: no page of ours leads there.
        return "/"
    before = request.referrer or ""
    host = request.host_url.rstrip("/")
    return pages.own_address(before.removeprefix(host) if before.startswith(host + "/") else None, "/")


def told_of(code: str) -> dict[str, str] | None:
    """Return what a code of refusal means, in the reader's language: {status, title, detail, unchanged, next, program}.

    Facts are left open, because no case is in hand; `program` is what a program should do, in the API's words. None for
    a code that no refusal of ours has.
    """
    kind = _kinds().get(code)
    if kind is None:
        return None
    told = {
        "title": wording.pgettext(code, kind.title),
        "detail": wording.pgettext(code, kind.detail),
        "unchanged": wording.pgettext("unchanged", kind.unchanged),
        "next": wording.pgettext(f"{code}.next", kind.next),
        "program": kind.next,
    }
    opened = {name: _FACT.sub("\N{HORIZONTAL ELLIPSIS}", text) for name, text in told.items()}
    return opened | {"status": str(kind.status)}


_FACT = re.compile(r"\{[a-z_]+\}")


def _kinds() -> dict[str, type[AppError]]:
    """Return every kind of refusal by its code; of several with one code the most general one."""
    found: dict[str, type[AppError]] = {}
    left: list[type[AppError]] = [AppError]
    while left:
        kind = left.pop(0)
        found.setdefault(kind.code, kind)
        left += kind.__subclasses__()
    return found
