"""Readers without an account: how often one may say something, and the random key under which one votes."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import limits
from marketplace.core import config, ids
from marketplace.core.actor import Actor

COOKIE = "reader"
_YEAR = 365 * 24 * 3600


def spend(what: str) -> None:
    """Count one try of who asks, votes or reports from here. Raises RateLimited, LimitsUnavailable.

    what: ask, vote, follow or report.
    """
    limits.spend_visit(what, flask.request.remote_addr)


def key(actor: Actor) -> str:
    """Return the key under which this reader votes: a new one where the browser has none, none for an account."""
    if actor.user_id is not None:
        return ""
    given = flask.request.cookies.get(COOKIE, "")
    return given if 20 <= len(given) <= 60 and given.isascii() else ids.secret_token(24)


def keep(response: Response, actor: Actor, reader: str) -> Response:
    """Let the browser of somebody who voted without an account keep the key, so that they can take it back."""
    if actor.user_id is None:
        response.set_cookie(
            COOKIE, reader, max_age=_YEAR, httponly=True, samesite="Lax",
            secure=config.current().base_url.startswith("https"),
        )  # fmt: skip
    return response
