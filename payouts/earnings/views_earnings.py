"""/adviser/earnings: every order and its life; struck rows stay."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.formats import ZONE
from marketplace.core.forms import Form, Query
from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from payouts.accrual import earnings
from payouts.earnings import life, orders, prospect, schemas
from tracking.disputes import service as disputes
from tracking.disputes.schemas import OpenReport
from tracking.disputes.service import Said

blueprint = flask.Blueprint("adviser_earnings", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("order", lambda row: row.order_ref),
    ("product", lambda row: row.title),
    ("shop", lambda row: row.shop),
    ("ordered at", lambda row: row.ordered_at),
    ("place", lambda row: row.placement),
    ("link", lambda row: row.path),
    ("counted over", lambda row: row.base),
    ("status", lambda row: row.state),
    ("reason", lambda row: row.cause if row.is_struck else None),
    ("note", lambda row: row.note),
    ("earns", lambda row: row.amount),
    ("earned before", lambda row: row.was),
    ("approved at", lambda row: row.approved_at),
    ("statement", lambda row: row.number),
    ("commission", lambda row: row.id),
)


@blueprint.get("/adviser/earnings")
@policy("adviser_pages", "read")
def index() -> Response:
    """List every order that earned something, with what became of it, or give the list as a file."""
    actor, now, query = current_actor(), request_now(), Query(schemas.EarningsFilter)
    adviser_id, wanted = actor.adviser(), _wanted(query.data)
    limit = query.data["limit"]
    with db.session() as session:
        if query.data["format"] == "csv":
            every = orders.page(session, adviser_id, wanted, None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "earnings")
        found = orders.page(session, adviser_id, wanted, place_after(query.data["cursor"]), limit)
        sums = orders.totals(session, adviser_id, wanted)
        places = life.places(session, adviser_id)
        ahead = _ahead(session, adviser_id, now)
    shown = found[:limit]
    more = len(found) > limit
    return pages.render(
        "earnings/index.html",
        rows=shown,
        sums=sums,
        totals=orders.summed(sums, wanted.state),
        counts={state: sum(one.orders for one in sums if one.state == state) for state in orders.STATES},
        places=places,
        ahead=ahead,
        query=query,
        next_cursor=encode_cursor(shown[-1].created_at.isoformat(), shown[-1].id) if more else None,
    )


@blueprint.get("/adviser/earnings/<uuid:commission_id>")
@policy("adviser_pages", "read")
def show(commission_id: UUID) -> Response:
    """Show one order from the click to the bank, and what can be done about it."""
    return _page(current_actor(), commission_id, Form(OpenReport))


@blueprint.post("/adviser/earnings/<uuid:commission_id>/dispute")
@policy("adviser_pages", "dispute")
def dispute(commission_id: UUID) -> Response:
    """Dispute a decline; the shop is asked."""
    actor, now, form = current_actor(), request_now(), Form(OpenReport(exclude=("commission_id",)))

    def act(data: dict[str, Any]) -> UUID:
        said = Said(statement=data["statement"], links=data["links"])
        return db.run_in_transaction(
            lambda writer: disputes.open_dispute(writer, actor, commission_id, said, now)[0].id,
            point="pages.open_dispute",
        )

    made = form.send(act)
    if made is None:
        return _page(actor, commission_id, form)
    return pages.go(flask.url_for("adviser_disputes.show", dispute_id=made))


def _page(actor: Actor, commission_id: UUID, form: Form) -> Response:
    adviser_id, now = actor.adviser(), request_now()
    with db.session() as session:
        row = orders.one(session, adviser_id, commission_id)
        if row is None:
            raise NotFound("commission", commission_id)
        told = life.of(session, actor, row, now)
        ahead = _ahead(session, adviser_id, now)
    return pages.render("earnings/show.html", form.status, row=row, life=told, ahead=ahead, form=form)


def _ahead(session: Session, adviser_id: UUID, now: dt.datetime) -> prospect.Prospect:
    money = earnings.earnings(session, adviser_id)
    return prospect.of(session, adviser_id, money[0].payable.amount if money else Money.zero("EUR"), now)


def _wanted(data: dict[str, Any]) -> orders.Wanted:
    def midnight(day: dt.date | None, days: int = 0) -> dt.datetime | None:
        if day is None:
            return None
        return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), ZONE)

    return orders.Wanted(
        data["status"], data["shop_id"], data["link_id"], midnight(data["since"]), midnight(data["until"], 1)
    )
