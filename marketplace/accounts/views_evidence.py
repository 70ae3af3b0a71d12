"""/admin/evidence: what advisers say makes them what they are, the oldest first, to be verified or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import advisers, evidence, evidence_moves, evidence_queue, influence, public
from marketplace.accounts import schemas_influence as shapes
from marketplace.core import auth, db, forms, pages, schemas
from marketplace.core.formats import ZONE
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("admin_evidence", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = tuple(
    (name, lambda one, name=name: getattr(one, name))  # type: ignore[misc]
    for name in (
        "id",
        "adviser_id",
        "kind",
        "statement",
        "link",
        "state",
        "reason",
        "stated_at",
        "valid_until",
    )
)


class EvidenceFilter(schemas.Page):
    """Which evidence: what waits for an admin by default, or a state, a kind, or all as a file."""

    state = schemas.Text(load_default=None, validate=[validate.OneOf(("waiting", *evidence_moves.STATES))])
    kind = schemas.Text(load_default=None, validate=[validate.OneOf(advisers.KINDS)])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


class Verified(schemas.Schema):
    """Until which day it counts, when that is sooner than its kind allows."""

    valid_until = schemas.Day(load_default=None)


@blueprint.get("/admin/evidence")
@policy("evidence", "queue")
def index() -> Response:
    """List evidence, what waits longest first."""
    return _page(None, None)


@blueprint.post("/admin/evidence/<uuid:evidence_id>/verify")
@policy("evidence", "decide")
def verify(evidence_id: UUID) -> Response:
    """Verify evidence; the adviser's badge shows from now on when it is of their kind."""
    actor, now = auth.current_actor(), request_now()

    def act(session: Session, data: dict[str, Any]) -> None:
        if evidence.get(session, actor, evidence_id).state == "stated":
            evidence.review(session, actor, evidence_id, now)
        evidence.verify(session, actor, evidence_id, _end_of(data["valid_until"]), now)

    return _decide(evidence_id, Verified, act, _("Verified. The adviser is told by mail."))


@blueprint.post("/admin/evidence/<uuid:evidence_id>/refuse")
@policy("evidence", "decide")
def refuse(evidence_id: UUID) -> Response:
    """Refuse evidence, or take back what was verified; the adviser reads the reason."""
    actor, now = auth.current_actor(), request_now()

    def act(session: Session, data: dict[str, Any]) -> None:
        found = evidence.get(session, actor, evidence_id)
        if found.state == "stated" and influence.KINDS[found.kind].verified_by == "admin":
            evidence.review(session, actor, evidence_id, now)
        evidence.refuse(session, actor, evidence_id, data["reason"], now)

    return _decide(evidence_id, shapes.Refusal, act, _("Refused. The adviser reads your reason in a mail."))


def _decide(
    evidence_id: UUID,
    schema: type[schemas.Schema],
    act: Callable[[Session, dict[str, Any]], None],
    said: str,
) -> Response:
    form = forms.Form(schema)

    def run(data: dict[str, Any]) -> bool:
        with db.transaction(point="evidence.page") as session:
            act(session, data)
        return True

    if form.send(run) is None:
        return _page(form, evidence_id)
    pages.said(said)
    return pages.go(flask.url_for("admin_evidence.index"))


def _end_of(day: dt.date | None) -> dt.datetime | None:
    """Return the end of a day in Amsterdam."""
    if day is None:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZONE).astimezone(dt.UTC)


def _page(form: forms.Form | None, about: UUID | None) -> Response:
    query = forms.Query(EvidenceFilter)
    state, limit = query.data["state"] or "waiting", query.data["limit"]
    with db.session() as session:
        after = id_after(query.data["cursor"])
        if query.data["format"] == "csv":
            every = evidence_queue.listed(session, state, query.data["kind"], None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "evidence")
        found = evidence_queue.listed(session, state, query.data["kind"], after, limit)
        rows = found[:limit]
        if about is not None and about not in {one.id for one in rows}:
            rows = [evidence.get(session, auth.current_actor(), about), *rows]
        names = public.names_of(session, {one.adviser_id for one in rows})
        counts = evidence_queue.counts(session)
    return pages.render(
        "admin/evidence.html",
        form.status if form else 200,
        form=form,
        about=about,
        rows=rows,
        names=names,
        counts=counts,
        shown_state=state,
        kinds=influence.KINDS,
        query=query,
        next_cursor=encode_cursor(rows[-1].id) if len(found) > limit else None,
    )
