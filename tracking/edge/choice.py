"""What people meet on the links' domain besides links: the way to our front page, and their choice about privacy."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import recognition
from marketplace.core.config import Settings
from tracking.edge import consent


def add_to(app: flask.Flask, settings: Settings) -> None:
    """Add `/choice`, where the page about privacy leads browsers, and `/`, for whoever types the domain."""
    app.add_url_rule("/", "front", lambda: flask.redirect(f"{settings.base_url}/"))
    app.add_url_rule(recognition.PATH, "choice", lambda: _choose(settings))


def _choose(settings: Settings) -> Response:
    """Keep the choice for a year here too, and lead back; one without a fresh token changes nothing and says so."""
    args, agent = flask.request.args, flask.request.headers.get("User-Agent", "")
    wanted = args.get("recognise")
    if wanted == "yes" and not recognition.may_recognise(settings, args.get("t", ""), agent):
        wanted = "stale"
    kept = wanted if wanted in ("yes", "no") else "stale"
    response = flask.redirect(f"{settings.base_url}/privacy?links={kept}", 303)
    response.headers["Cache-Control"] = "no-store"
    secure = settings.edge_url.startswith("https")
    if kept == "no":
        response.set_cookie(
            recognition.COOKIE, "1", max_age=recognition.YEAR, secure=secure, httponly=True, samesite="Lax"
        )
        # What an earlier consent left behind goes too.
        response.delete_cookie(consent.COOKIE, secure=secure, httponly=True, samesite="Lax")
    elif kept == "yes":
        response.delete_cookie(recognition.COOKIE, secure=secure, httponly=True, samesite="Lax")
    return response
