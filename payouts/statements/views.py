"""/adviser/payouts and /adviser/statements/<id>: each payout, and the account of it down to the order line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import flask
from marshmallow import validate
from werkzeug.wrappers import Response

from marketplace.core import bank_days, db, pages, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.errors import NotFound
from marketplace.core.forms import Query
from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor, id_after
from marketplace.core.policy import policy
from marketplace.core.schemas import Page, Text
from marketplace.core.web import request_now
from marketplace.offers.rates import Rate, read_rate
from payouts.accrual import earnings
from payouts.runs import content
from payouts.settlement import accounts
from payouts.settlement.payout_models import Payout
from payouts.statements import carried, listing, service

blueprint = flask.Blueprint("adviser_payouts", __name__)
statement_blueprint = flask.Blueprint("adviser_statements", __name__)
MOST_IN_A_FILE = 5_000


class PayoutsFilter(Page):
    """Where the last page ended, or the list as a file."""

    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


@dataclass(frozen=True, slots=True)
class Part:
    """One product of an order as it was counted; rate: None where it earns nothing."""

    title: str
    quantity: int
    base: Money
    rate: Rate | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Line:
    """One order of a statement, in money rather than in JSON."""

    commission_id: str
    shop: str
    order_ref: str
    ordered_at: dt.datetime
    terms_version: int | None
    lines: list[Part]
    earned: Money
    refunded: Money
    paid: Money


PAYOUT_COLUMNS: tuple[pages.Column, ...] = (
    ("statement", lambda one: one.statement.number if one.statement else None),
    ("state", lambda one: one.payout.state),
    ("approved at", lambda one: one.payout.approved_at),
    ("sent at", lambda one: one.payout.paid_at),
    ("in bank at", lambda one: one.payout.in_bank_at),
    ("orders", lambda one: one.orders),
    ("amount", lambda one: one.amount),
)
LINE_COLUMNS: tuple[pages.Column, ...] = (
    ("order", lambda line: line.order_ref),
    ("shop", lambda line: line.shop),
    ("ordered at", lambda line: line.ordered_at),
    ("terms version", lambda line: line.terms_version),
    ("earned", lambda line: line.earned),
    ("taken back", lambda line: line.refunded),
    ("in this payout", lambda line: line.paid),
    ("commission", lambda line: line.commission_id),
)


@blueprint.get("/adviser/payouts")
@policy("adviser_pages", "read")
def index() -> Response:
    """List payouts, newest first, with where each is and when the next one goes."""
    actor, now, query = current_actor(), request_now(), Query(PayoutsFilter)
    limit = query.data["limit"]
    with db.session() as session:
        if query.data["format"] == "csv":
            every = listing.paid(session, actor, limit=MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], PAYOUT_COLUMNS, "payouts")
        found = listing.paid(session, actor, before=id_after(query.data["cursor"]), limit=limit)
        sums = listing.sums(session, actor)
        money = earnings.earnings(session, actor.adviser())
        account = accounts.find(session, actor.adviser(), money[0].currency if money else "EUR")
    shown = found[:limit]
    return pages.render(
        "payouts/index.html",
        rows=shown,
        sums=sums,
        money=money[0] if money else None,
        minimum=content.minimum(money[0].currency if money else "EUR"),
        blocked=accounts.blocked_reason(account, now),
        pay_day=bank_days.pay_day(now),
        arrival=bank_days.arrival(now),
        arrival_of_sent=bank_days.arrival_of_sent,
        query=query,
        next_cursor=encode_cursor(shown[-1].payout.id) if len(found) > limit else None,
    )


@statement_blueprint.get("/adviser/statements/<uuid:statement_id>")
@policy("adviser_pages", "read")
def show(statement_id: UUID) -> Response:
    """Show a statement, ready to print, or its lines as a file."""
    actor = current_actor()
    with db.session() as session:
        statement = service.get(session, actor, statement_id)
        if not tenancy.is_adviser(actor, "statements.page", statement.adviser_id):
            raise NotFound("statement", statement_id)
        payout = session.get_one(Payout, statement.payout_id)
        left = carried.of(session, payout)
    document = statement.document
    lines = [_line(one) for one in document["orders"]]
    if flask.request.args.get("format") == "csv":
        return pages.csv(lines, LINE_COLUMNS, document["number"])
    names = {one["shop_id"]: one["shop"] for one in document["orders"]}
    return pages.render(
        "statements/show.html",
        statement=statement,
        payout=payout,
        amount=Money(statement.amount_minor, statement.currency),
        lines=lines,
        others=[(one, _money(one["amount"])) for one in document["other"]],
        by_shop=[(names.get(one["shop_id"], "–"), _money(one["amount"])) for one in document["by_shop"]],
        run=document["run"],
        left=left,
        arrival_of_sent=bank_days.arrival_of_sent,
    )


def _line(one: dict[str, Any]) -> Line:
    earned = _money(one["earned"])
    refunded = Money.zero(earned.currency)
    for refund in one["refunds"]:
        refunded += _money(refund["amount"])
    return Line(
        one["commission_id"],
        one["shop"],
        one["order_ref"],
        dt.datetime.fromisoformat(one["ordered_at"]),
        one["terms_version"],
        [_part(part) for part in one["lines"]],
        earned,
        refunded,
        _money(one["in_this_payout"]),
    )


def _money(given: dict[str, str]) -> Money:
    return Money.parse(given["amount"], given["currency"])


def _part(one: dict[str, Any]) -> Part:
    base = _money(one["base"])
    rate = read_rate(one["rate"], base.currency) if one["rate"] else None
    return Part(one["title"], one["quantity"], base, rate, _money(one["amount"]))
