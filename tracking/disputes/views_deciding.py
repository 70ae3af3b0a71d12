"""/admin/disputes: what shop and adviser don't settle, with the words of both sides, decided here for good."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import flask
import sqlalchemy as sa
from marshmallow import validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.accounts.models import Shop
from marketplace.core import auth, db, forms, pages, schemas
from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from tracking.disputes import answers, reading, rules, service
from tracking.disputes.models import Dispute
from tracking.disputes.schemas import DecideReport
from tracking.disputes.service import Said

blueprint = flask.Blueprint("admin_disputes", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("id", lambda row: row[0].id),
    ("order", lambda row: row[2].order_ref),
    ("shop id", lambda row: row[0].shop_id),
    ("adviser id", lambda row: row[0].adviser_id),
    ("amount", lambda row: Money(row[0].amount_minor, row[0].currency)),
    ("state", lambda row: row[0].state),
    ("outcome", lambda row: row[0].outcome),
    ("ended by", lambda row: row[0].ended_by),
    ("opened at", lambda row: row[0].opened_at),
    ("ended at", lambda row: row[0].ended_at),
)


class DisputesFilter(schemas.Page):
    """Which disputes: those that wait for us by default."""

    state = schemas.Text(load_default="escalated", validate=[validate.OneOf((*rules.STATES, "all"))])
    format = schemas.Text(load_default=None, validate=[validate.OneOf(("csv",))])


@blueprint.get("/admin/disputes")
@policy("disputes", "queue")
def index() -> Response:
    """List disputes, those that wait for the platform first shown."""
    return _page(None, None)


@blueprint.post("/admin/disputes/<uuid:dispute_id>/decide")
@policy("disputes", "decide")
def decide(dispute_id: UUID) -> Response:
    """Decide for the adviser or for the shop, for good, with a reason that both sides read."""
    form = forms.Form(DecideReport)
    actor, now = auth.current_actor(), request_now()

    def run(data: dict[str, Any]) -> str:
        said = Said(data["reason"])
        db.run_in_transaction(
            lambda session: service.decide(session, actor, dispute_id, data["outcome"], said, now),
            point="disputes.decide_page",
        )
        return str(data["outcome"])

    outcome = form.send(run)
    if outcome is None:
        return _page(form, dispute_id)
    pages.said(
        _("Decided for the adviser. The commission stands again within seconds; both sides read your reason.")
        if outcome == "adviser"
        else _("Decided for the shop. The commission stays declined; both sides read your reason.")
    )
    return pages.go(flask.url_for("admin_disputes.index"))


def _page(form: forms.Form | None, about: UUID | None) -> Response:
    query, actor = forms.Query(DisputesFilter), auth.current_actor()
    state, limit = query.data["state"], query.data["limit"]
    wanted = reading.Wanted(None if state == "all" else state)
    with db.session() as session:
        if query.data["format"] == "csv":
            every = reading.page(session, actor, wanted, None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "disputes")
        found = reading.page(session, actor, wanted, place_after(query.data["cursor"]), limit)
        rows = found[:limit]
        if about is not None and about not in {row[0].id for row in rows}:
            rows = [reading.row_of(session, reading.get(session, actor, about)), *rows]
        told = [_moments(one) for one in answers.dispute_answers(session, rows, request_now())]
        names = public.names_of(session, {row[0].adviser_id for row in rows})
        shops = _shops(session, {row[0].shop_id for row in rows})
        counts = _counts(session)
    last = rows[-1][0] if rows else None
    return pages.render(
        "admin/disputes.html",
        form.status if form else 200,
        form=form,
        about=about,
        rows=list(zip(rows, told, strict=True)),
        names=names,
        shops=shops,
        counts=counts,
        state=state,
        query=query,
        next_cursor=encode_cursor(last.opened_at.isoformat(), last.id)
        if last and len(found) > limit
        else None,
    )


def _moments(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of the API with its instants as instants again, as pages write them."""
    events = [one | {"at": dt.datetime.fromisoformat(one["at"])} for one in told["events"]]
    return told | {"events": events}


def _shops(session: Session, shop_ids: set[UUID]) -> dict[UUID, str]:
    query = sa.select(Shop.id, Shop.name).where(Shop.id.in_(shop_ids))
    return {row.id: row.name for row in session.execute(query)}


def _counts(session: Session) -> dict[str, int]:
    query = sa.select(Dispute.state, sa.func.count()).group_by(Dispute.state)
    return {state: int(count) for state, count in session.execute(query)}
