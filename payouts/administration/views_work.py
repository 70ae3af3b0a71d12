"""/admin/jobs: background work: processes, sweeps, failed jobs, mail that does not go out, promises, what is due."""

from __future__ import annotations

from typing import Any

import flask
import redis
import sqlalchemy as sa
import structlog
from marshmallow import fields
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.core import audit, auth, clock, db, forms, hooks, jobs, pages, queue_watch, schemas
from marketplace.core.heartbeat import Heartbeat
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.administration import told

log = structlog.get_logger(__name__)
blueprint = flask.Blueprint("admin_work", __name__)


class WorkFilter(schemas.Schema):
    """Whether to measure what is due too, which asks every room."""

    due = fields.Boolean(load_default=False)


class JobNamed(schemas.Schema):
    """Which failed job."""

    job_id = schemas.Text(required=True, minimum=1, maximum=80)


@blueprint.get("/admin/jobs")
@policy("operations", "read")
def index() -> Response:
    """Show how background work is doing."""
    return _page(None)


@blueprint.post("/admin/jobs/retry")
@policy("operations", "repeat")
def retry() -> Response:
    """Put a failed job back into the queue; every job is safe to run again."""
    form = forms.Form(JobNamed)

    def run(data: dict[str, Any]) -> str:
        with db.transaction(point="jobs.retry") as session:
            name = queue_watch.retry(data["job_id"])
            _note(session, "job.retry", name)
        return name

    name = form.send(run)
    if name is None:
        return _page(form)
    pages.said(_("%(name)s is in the queue again.", name=name))
    return pages.go(flask.url_for("admin_work.index"))


@blueprint.post("/admin/jobs/check")
@policy("operations", "repeat")
def check() -> Response:
    """Have the worker check every promise on live data."""
    with db.transaction(point="promises.ask") as session:
        queue_watch.ask_check()
        _note(session, "promises.check", "all")
    pages.said(_("The worker checks every promise now. Look again in a minute."))
    return pages.go(flask.url_for("admin_work.index", _anchor="promises"))


def _page(form: forms.Form | None) -> Response:
    query, wall = forms.Query(WorkFilter), clock.wall()
    with db.session() as session:
        beats = session.scalars(sa.select(Heartbeat).order_by(Heartbeat.name)).all()
        mails = told.unsent(session)
    return pages.render(
        "admin/jobs.html",
        form.status if form else 200,
        form=form,
        beats=[(beat, wall - beat.seen_at > queue_watch.SILENT_AFTER) for beat in beats],
        mails=[(one, told.without_addresses(one.last_error)) for one in mails],
        lags=_due() if query.data["due"] else None,
        wall=wall,
        query=query,
        **_queue(),
    )


def _note(session: Session, action: str, name: str) -> None:
    audit.record(session, auth.current_actor(), action, "background_work", name, {}, now=request_now())


def _queue() -> dict[str, Any]:
    """Return what Valkey knows; nothing of it when it does not answer, which the page says."""
    try:
        return {
            "waiting": jobs.waiting(),
            "failed": queue_watch.failed(),
            "failed_count": queue_watch.how_many_failed(),
            "sweeps": queue_watch.sweeps(),
            "checked": queue_watch.checked(),
            "asked_at": queue_watch.asked_at(),
            "queue_away": False,
        }
    except redis.RedisError as error:
        log.warning("queue_away", error=repr(error))
        return {
            "waiting": 0, "failed": [], "failed_count": 0, "sweeps": [], "checked": None, "asked_at": None,
            "queue_away": True,
        }  # fmt: skip


def _due() -> list[tuple[str, str, bool]]:
    """Return what every room says is due and not done: its name, how much, and whether that is anything."""
    found = []
    with db.use_scope(db.WATCH), db.session() as session:
        session.execute(sa.text("SELECT 1"))
        now = request_now()
        for name, measure in sorted(hooks.lags.items()):
            value = measure(session, now)
            found.append((name, *_said(value)))
    return found


def _said(value: Any) -> tuple[str, bool]:
    """Return a measure in words, and whether it is anything to look at: a number, or facts about each of several."""
    if isinstance(value, int):
        return str(value), value != 0
    silent = [str(one.get("name", "?")) for one in value if one.get("silent")]
    if silent:
        return _("silent: %(names)s", names=", ".join(silent)), True
    return _("%(count)s at work", count=len(value)), False
