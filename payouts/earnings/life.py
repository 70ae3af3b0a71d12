"""The life of one order: clicks before it, each move of its commission, the payout; and where it may be filtered by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.actor import Actor
from marketplace.core.money import Money
from marketplace.offers.rates import Rate, read_rate
from payouts.earnings.orders import Earned
from payouts.earnings.uncredited import Touch
from tracking.attribution import service as attribution
from tracking.commissions import moves
from tracking.disputes import reading as disputes
from tracking.disputes import terms as dispute_terms
from tracking.disputes.models import Dispute

_TITLES = sa.text("SELECT line_ref, title FROM order_line WHERE order_id = :order_id")
_PLACES = sa.text(
    """
    SELECT DISTINCT c.shop_id, n.name AS shop FROM commission c LEFT JOIN public_shop_name n ON n.id = c.shop_id
     WHERE c.adviser_id = :adviser AND c.mode = 'live' ORDER BY n.name, c.shop_id
    """
)


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the money: kind, how much, what stood after it, why, when."""

    kind: str
    delta: Money
    standing: Money
    cause: str
    note: str | None
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """One line as it was counted; sku: None for shipping; title: as the shop told it; rate: None for nothing."""

    sku: str | None
    title: str
    base: Money
    rate: Rate | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one order; disputable_until: None when there is nothing to dispute."""

    touches: Sequence[Touch]
    by_code: bool
    moves: Sequence[Move]
    lines: Sequence[Counted]
    terms_version: int | None
    dispute: Dispute | None
    disputable_until: dt.datetime | None


def places(session: Session, adviser_id: UUID) -> list[tuple[UUID, str]]:
    """Return the shops whose orders earned an adviser something, by name."""
    return [(row.shop_id, row.shop or "") for row in session.execute(_PLACES, {"adviser": adviser_id})]


def of(session: Session, actor: Actor, row: Earned, now: dt.datetime) -> Life:
    """Return the life of an order of the acting adviser."""
    decision = attribution.newest(session, row.order_id)
    me = str(actor.adviser())
    touches = [
        Touch(one["kind"], dt.datetime.fromisoformat(one["ts"]), one["link_id"], one["result"])
        for one in (decision.receipt["candidates"] if decision else ())
        if one["adviser_id"] == me
    ]
    history = moves.of(session, [row.id])[row.id]
    steps = [
        Move(
            move.kind,
            Money(move.delta_minor, move.currency),
            Money(move.standing_minor, move.currency),
            move.cause,
            move.detail.get("note"),
            move.at,
        )
        for move in history
    ]
    explained: dict[str, Any] = next((m.detail for m in reversed(history) if m.detail.get("lines")), {})
    titles = {one.line_ref: one.title for one in session.execute(_TITLES, {"order_id": row.order_id})}
    found = disputes.page(session, actor, disputes.Wanted(commission_id=row.id), None, 1)
    until = None
    if row.state == "declined" and not found:
        until = dispute_terms.disputable_until(session, row.last_at)
    return Life(
        touches,
        decision is not None and decision.code_id is not None,
        steps,
        [_counted(line, titles) for line in explained.get("lines", ())],
        explained.get("terms_version"),
        found[0][0] if found else None,
        until if until is not None and now < until else None,
    )


def _counted(line: dict[str, Any], titles: Mapping[str, str]) -> Counted:
    currency = line["base"]["currency"]
    return Counted(
        line["sku"],
        titles.get(line.get("line_ref") or "", ""),
        Money.parse(line["base"]["amount"], currency),
        read_rate(line["rate"], currency) if line["rate"] else None,
        Money.parse(line["amount"]["amount"], currency),
    )
