"""Routes for whoever runs the house: health always; clock, lag and wake-up in demo and test mode only."""

from __future__ import annotations

from typing import Any

import flask
import redis
import sqlalchemy as sa

from marketplace.core import clock, config, db, heartbeat, hooks, jobs
from marketplace.core.errors import Unavailable
from marketplace.core.policy import policy
from marketplace.core.schemas import dump_instant

REST_SECONDS = 1.0

health_blueprint = flask.Blueprint("health", __name__)
dev_blueprint = flask.Blueprint("dev", __name__, url_prefix="/_dev")


def blueprints(settings: config.Settings) -> tuple[flask.Blueprint, ...]:
    """Return the routes that this mode has."""
    return (health_blueprint, dev_blueprint) if settings.clock_moves else (health_blueprint,)


@health_blueprint.get("/health")
@policy("public", "read")
def health() -> dict[str, Any]:
    """Tell whether the database answers."""
    with db.session() as session:
        session.execute(sa.text("SELECT 1"))
    return {"status": "ok"}


# The page draws itself in a shadow root with style attributes; its scripts are still only ours.
DOCS_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@health_blueprint.get("/api/docs")
@policy("public", "read")
def api_docs() -> flask.Response:
    """Show the description of the API as a page."""
    page = flask.make_response(flask.render_template("api/docs.html"))
    page.headers["Content-Security-Policy"] = DOCS_CONTENT_SECURITY_POLICY
    return page


@dev_blueprint.get("/clock")
@policy("public", "read")
def show_clock() -> dict[str, Any]:
    """Tell the business time that this process sees, and what the worker last reported."""
    with db.session() as session:
        session.execute(sa.text("SELECT 1"))
        beats = session.execute(sa.select(heartbeat.Heartbeat)).scalars().all()
        return {
            "business_now": dump_instant(clock.now()),
            "offset_seconds": round(clock.offset().total_seconds()),
            "processes": {
                beat.name: {"offset_seconds": beat.offset_seconds, "seen_at": dump_instant(beat.seen_at)}
                for beat in beats
            },
        }


@dev_blueprint.get("/lag")
@policy("public", "read")
def show_lag() -> dict[str, Any]:
    """Tell what is due at business now and not done yet; all zero means drained. With ?any it ends at the first."""
    lag: dict[str, Any] = {}
    is_first_enough = "any" in flask.request.args
    with db.use_scope(db.WATCH), db.session() as session:
        session.execute(sa.text("SELECT 1"))
        now = clock.now()
        lag["business_now"] = dump_instant(now)
        for name, measure in sorted(hooks.lags.items()):
            lag[name] = measure(session, now)
            if is_first_enough and lag[name] and not isinstance(lag[name], list):
                break
    return lag


@dev_blueprint.post("/wake")
@policy("public", "read")
def wake() -> dict[str, Any]:
    """Ask every background process to look for work at once; with ?rest wait for a second until nothing is found."""
    try:
        has_rested = jobs.wake(REST_SECONDS if "rest" in flask.request.args else 0.0)
    except redis.RedisError as error:
        raise Unavailable(retry_after=2) from error
    return {"woken": True, "rested": has_rested}
