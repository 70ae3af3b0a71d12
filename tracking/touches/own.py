"""An adviser's own clicks: recognised without a cookie, and not billable.

An edge that stores nothing can't know who clicks. So it is told afterwards: when a signed-in adviser uses this site,
the same pseudonym that the edge gives a click (keyed, of one day, from /24 network and user agent) is noted for that
day. A click that looks the same and is shipped after that is the adviser's own. The limits, said on
the adviser's page: somebody else with the same browser in the same network on the same day counts as own too, and a
click from another device does not. Counts are affected, never the sale: attribution gets `own` as a fact.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import flask
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from marketplace.core import auth, config, db, web
from tracking.touches.models import OwnDevice
from tracking.touches.pseudonyms import client_address, day_key, namer, network

log = structlog.get_logger(__name__)
blueprint = flask.Blueprint("own_clicks", __name__)
_noted: set[tuple[dt.date, uuid.UUID, str]] = set()
_MOST_NOTED = 10_000


def note(adviser_id: uuid.UUID | None, environ: Mapping[str, Any], now: dt.datetime) -> None:
    """Remember that this adviser works from here today; opens a transaction of its own, once a day and place.

    environ: the WSGI environment of the adviser's request; now: business time.
    """
    if adviser_id is None:
        return
    day = now.astimezone(dt.UTC).date()
    key = day_key(config.current().secret_key, (day - dt.date(1970, 1, 1)).days)
    seen = namer(key)(network(client_address(environ)), environ.get("HTTP_USER_AGENT", ""))
    if (day, adviser_id, seen) in _noted:
        return
    row = {"day": day, "adviser_id": adviser_id, "dedup": bytes.fromhex(seen)}
    # The request may have been refused before it acted as anybody.
    scope = db.Scope(adviser_id=adviser_id)
    with db.use_scope(scope), db.transaction(point="touches.own_device") as session:
        session.execute(insert(OwnDevice).values(row).on_conflict_do_nothing())
    if len(_noted) >= _MOST_NOTED:
        _noted.clear()
    _noted.add((day, adviser_id, seen))


@blueprint.after_app_request
def notice(response: flask.Response) -> flask.Response:
    """Note where a signed-in adviser works; a program with an API key is no browser and is not noted."""
    # Where flask-login keeps whom it found for this request; nobody is looked up for this.
    actor = flask.g.get("_login_user")
    if isinstance(actor, auth.Actor) and actor.via in ("session", "token"):
        try:
            note(actor.adviser_id, flask.request.environ, web.request_now())
        except sa.exc.DBAPIError as error:
            # A count is not worth a failed answer; the next request notes it.
            log.warning("own_device_not_noted", error=repr(error))
    return response
