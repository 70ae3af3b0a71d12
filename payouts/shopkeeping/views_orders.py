"""/shop/orders: sales by advice that wait for the shop's word, and every other one with what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import flask
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from marketplace.core import db, formats, pages
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.formats import ZONE
from marketplace.core.forms import Form, Query
from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _, ngettext
from payouts.accrual import budget
from payouts.shopkeeping import order_life, sales, schemas, surroundings
from payouts.shopkeeping.surroundings import Surroundings
from tracking.commissions import approval, many
from tracking.commissions.states import REASONS

blueprint = flask.Blueprint("shop_orders", __name__)
MOST_IN_A_FILE = 20_000
COLUMNS: tuple[pages.Column, ...] = (
    ("order", lambda row: row.order_ref),
    ("product", lambda row: row.title),
    ("ordered at", lambda row: row.ordered_at),
    ("reported at", lambda row: row.received_at),
    ("channel", lambda row: row.channel),
    ("adviser", lambda row: row.adviser),
    ("net", lambda row: row.net),
    ("returned", lambda row: row.back),
    ("status", lambda row: row.state),
    ("approved by itself at", lambda row: row.approves_at if row.state == "pending" else None),
    ("reason", lambda row: row.cause if row.is_struck else None),
    ("note", lambda row: row.note),
    ("commission", lambda row: row.amount),
    ("commission before", lambda row: row.was),
    ("fee", lambda row: row.fee),
    ("commission id", lambda row: row.id),
)


@blueprint.get("/shop/orders")
@policy("shop_pages", "read")
def index() -> Response:
    """List the orders that wait for the shop by their deadline, or others, or give the list as a file."""
    return _list(current_actor(), Form(schemas.Verdict))


@blueprint.post("/shop/orders")
@policy("shop_pages", "act")
def decide() -> Response:
    """Approve or decline one order or many, all in one step; those that were decided a moment ago are only counted."""
    actor, now, form = current_actor(), request_now(), Form(schemas.Verdict)

    def act(data: dict[str, Any]) -> tuple[list[UUID], int]:
        def approve(writer: Session) -> tuple[list[UUID], int]:
            return many.decide(
                writer, actor, data["commission"], lambda one: approval.approve(writer, actor, one, now)
            )

        def decline(writer: Session) -> tuple[list[UUID], int]:
            told = data["reason"], data["note"]
            return many.decide(
                writer,
                actor,
                data["commission"],
                lambda one: approval.decline(writer, actor, one, *told, now),
            )

        if data["verdict"] == "approve":
            return db.run_in_transaction(approve, point="shop_pages.approve")
        return db.run_in_transaction(decline, point="shop_pages.decline")

    made = form.send(act)
    if made is None:
        return _list(actor, form)
    done, late = made
    pages.said(_told(actor, str(form.value("verdict")), done))
    if late:
        told = ngettext(
            "%(num)s order had been decided already and stays as it was.",
            "%(num)s orders had been decided already and stay as they were.",
            late,
        )
        pages.said(told % {"num": late}, "notice")
    return pages.go(pages.own_address(flask.request.form.get("next"), "/shop/orders"))


def _told(actor: Actor, verdict: str, done: list[UUID]) -> str:
    """Return what was decided about how much, and what comes next."""
    with db.session() as session:
        here = surroundings.of(session, actor)
        amount = sales.decided(session, here.shop.id, done) or Money(0, here.shop.currency)
        owed = budget.budget(session, here.shop.id, here.shop.currency, request_now()).owed
    facts = {"num": len(done), "amount": formats.money(amount)}
    if verdict == "approve":
        told = ngettext(
            "%(num)s order approved: %(amount)s for its adviser.",
            "%(num)s orders approved: %(amount)s for their advisers.",
            len(done),
        )
        if owed.is_zero:
            return f"{told % facts} {_('Your budget pays it; it goes along in the next payout.')}"
        return f"{told % facts} {_('It waits for your budget: advisers are paid after you pay in.')}"
    told = ngettext(
        "%(num)s order declined: %(amount)s stays yours. The adviser is mailed why and may dispute it.",
        "%(num)s orders declined: %(amount)s stays yours. The advisers are mailed why and may dispute it.",
        len(done),
    )
    return told % facts


@blueprint.get("/shop/orders/<path:order_ref>")
@policy("shop_pages", "read")
def show(order_ref: str) -> Response:
    """Show one order: its lines, who advised and who took part, what came back, and what it costs."""
    actor = current_actor()
    with db.session() as session:
        order, life, here = order_life.of(session, actor, order_ref, flask.request.args.get("mode"))
        wanted = sales.Wanted(order_ref=order_ref)
        money = sales.page(session, order.shop_id, wanted, None, 10) if order.mode == "live" else []
    return pages.render(
        "shop/order.html",
        life=life,
        money=money,
        unpaid=_unpaid(here, money),
        form=Form(schemas.Verdict),
        reasons=REASONS,
        **here.context(),
    )


def _unpaid(here: Surroundings, rows: Sequence[sales.Sale]) -> frozenset[UUID]:
    """Return the commissions of some sales that wait for the shop's budget; its owners alone know of that."""
    return frozenset(row.id for row in rows if row.is_unpaid) if here.is_owner else frozenset()


def _list(actor: Actor, form: Form) -> Response:
    query = Query(schemas.OrdersFilter)
    state = None if query.data["status"] == "all" else query.data["status"]
    limit, wanted = query.data["limit"], _wanted(query.data, state)
    with db.session() as session:
        here = surroundings.of(session, actor)
        if query.data["format"] == "csv":
            every = sales.page(session, here.shop.id, wanted, None, MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, f"orders-{here.shop.code}")
        found = sales.page(session, here.shop.id, wanted, place_after(query.data["cursor"]), limit)
        sums = sales.totals(session, here.shop.id, wanted)
        advisers = order_life.advisers(session, here.shop.id)
    shown, more = found[:limit], len(found) > limit
    return pages.render(
        "shop/orders.html",
        form.status,
        rows=shown,
        totals=sales.summed(sums, state),
        counts={one: sum(row.orders for row in sums if row.state == one) for one in sales.STATES},
        state=state,
        advisers=advisers,
        unpaid=_unpaid(here, shown),
        query=query,
        form=form,
        reasons=REASONS,
        next_cursor=encode_cursor(shown[-1].place_at.isoformat(), shown[-1].id) if more else None,
        **here.context(),
    )


def _wanted(data: dict[str, Any], state: str | None) -> sales.Wanted:
    def midnight(day: dt.date | None, days: int = 0) -> dt.datetime | None:
        if day is None:
            return None
        return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), ZONE)

    return sales.Wanted(
        state, data["adviser_id"], data["ref"], midnight(data["since"]), midnight(data["until"], 1)
    )
