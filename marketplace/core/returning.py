"""Where a browser looks at a page again whose form was refused, without sending the form again."""

from __future__ import annotations

from urllib.parse import urlsplit

import flask
from werkzeug.exceptions import HTTPException, SecurityError


def again(status: int) -> str:
    """Return where the page of a refused form can be asked for; empty for any other answer.

    That is the address itself where it is a page too, else the page of ours on which the form stood. A browser keeps
    it in its history instead of the sending (static/app.js), so that neither going back there nor reloading asks
    whether to send again. What can't be said of a form that was taken: its page may show what is shown once.
    """
    request = flask.request
    if status < 400 or request.method != "POST":
        return ""
    try:
        # A Host that is none of ours is refused here too, and no page of such a request is ours.
        routes = flask.current_app.create_url_adapter(request)
        host = request.host
    except SecurityError:
        return ""
    try:
        assert routes is not None  # noqa: S101 - with a request there is one.
        routes.match(request.path, "GET")
    except HTTPException:
        came = urlsplit(request.referrer or "")
        is_ours = came.netloc == host and came.path.startswith("/") and not came.path.startswith("//")
        return (f"{came.path}?{came.query}" if came.query else came.path) if is_ours else ""
    return request.full_path.rstrip("?")
