"""What people do about claims: answer, withdraw, ask again, close. Nothing here credits anything to anybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import audit, tenancy
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import Conflict, NotFound
from marketplace.core.ids import new_id
from tracking.claims import news, reading, rules
from tracking.claims.models import Claim, ClaimEvent
from tracking.claims.rules import Event, Standing, Verb
from tracking.orders.models import ShopOrder


class OrderNotReported(Conflict):
    """What is found must stand in the books: only a reported order can be decided about."""

    code = "claim_order_not_reported"
    title = "This order is not reported yet"
    detail = "No order {order_ref} of your shop is in our books."
    next = (
        "Report it first, with the time at which it was placed, or take the number of one that is reported."
    )


@dataclass(frozen=True, slots=True)
class Said:
    """The words of an event: a reason, a statement; each only where the event has it."""

    reason: str | None = None
    statement: str | None = None


def answer(
    session: Session, actor: Actor, claim_id: UUID, data: Mapping[str, Any], now: dt.datetime
) -> tuple[Claim, bool]:
    """Answer as the shop: a claim is an order of the shop that is in the books, or there is no such sale.

    data: as ClaimAnswer loads it. Returns the claim and whether it had been answered like this before. Raises NotFound,
    OwnerNeeded, OrderNotReported, IllegalTransition.
    """
    shop_id = shops.require_owner(actor, reading.get(session, actor, claim_id).shop_id)
    said = Said(data["reason"], data["statement"])
    if data["answer"] == "refuse":
        return _act(session, actor, claim_id, "answer", Event("refused", "shop", now), said)
    query = sa.select(ShopOrder).where(
        ShopOrder.shop_id == shop_id, ShopOrder.mode == "live", ShopOrder.order_ref == data["order_ref"]
    )
    order = session.scalars(query).one_or_none()
    if order is None:
        raise OrderNotReported(order_ref=data["order_ref"])
    return _act(session, actor, claim_id, "answer", Event("found", "shop", now), said, order)


def withdraw(session: Session, actor: Actor, claim_id: UUID, now: dt.datetime) -> tuple[Claim, bool]:
    """End a claim of one's own. Returns the claim and whether it had been; raises NotFound, IllegalTransition."""
    claim = reading.get(session, actor, claim_id)
    if not tenancy.is_adviser(actor, "claims.own", claim.adviser_id):
        raise NotFound("claim", claim_id)
    return _act(session, actor, claim_id, "withdraw", Event("withdrawn", "adviser", now), Said())


def ask(session: Session, actor: Actor, claim_id: UUID, said: Said, now: dt.datetime) -> tuple[Claim, bool]:
    """Ask the shop once more as the platform, with a new term. Returns and raises as `withdraw` does."""
    return _act(session, actor, claim_id, "ask", rules.asked(now), said)


def close(session: Session, actor: Actor, claim_id: UUID, said: Said, now: dt.datetime) -> tuple[Claim, bool]:
    """End as the platform, with words, a claim that the shop did not answer. Returns and raises as `withdraw` does."""
    return _act(session, actor, claim_id, "close", Event("closed", "platform", now), said)


def standing_of(claim: Claim) -> Standing:
    """Return where a claim stands, as its row has it; an invariant compares that with its events."""
    return Standing(claim.state, claim.answer_by, claim.ended_by, claim.ended_at)  # type: ignore[arg-type]


def locked(session: Session, claim_id: UUID) -> Claim:
    """Return a claim, locked until the end of the transaction."""
    query = sa.select(Claim).where(Claim.id == claim_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def step(
    session: Session, actor: Actor, claim: Claim, event: Event, said: Said, order: ShopOrder | None = None
) -> None:
    """Append an event to a claim that the caller holds, and move its row accordingly; `order` only when it is found."""
    standing = rules.after(standing_of(claim), event)
    claim.state, claim.answer_by = standing.state, standing.answer_by
    claim.ended_by, claim.ended_at = standing.ended_by, standing.ended_at
    claim.due_at = rules.looked_at(standing, event.at)
    if order is not None:
        claim.order_id, claim.found_ref = order.id, order.order_ref
        claim.ordered_at, claim.reported_at = order.ordered_at, order.received_at
    claim.last_seq += 1
    write(session, actor, claim, event, said)


def _act(
    session: Session,
    actor: Actor,
    claim_id: UUID,
    verb: Verb,
    event: Event,
    said: Said,
    order: ShopOrder | None = None,
) -> tuple[Claim, bool]:
    """Carry out what somebody asks for, or find that the last thing that was said is exactly this."""
    claim = locked(session, reading.get(session, actor, claim_id).id)
    last = reading.events_of(session, [claim.id])[claim.id][-1]
    same = (last.kind, last.party, last.reason, last.statement) == (
        event.kind, event.party, said.reason, said.statement,
    )  # fmt: skip
    if same and claim.order_id == (order.id if order else None):
        return claim, True
    rules.require(standing_of(claim), verb)
    step(session, actor, claim, event, said, order)
    return claim, False


def write(session: Session, actor: Actor, claim: Claim, event: Event, said: Said) -> None:
    """Append the last event of a claim that the caller holds, tell whom it concerns, and keep who did it."""
    row = ClaimEvent(
        id=new_id(),
        claim_id=claim.id,
        shop_id=claim.shop_id,
        adviser_id=claim.adviser_id,
        seq=claim.last_seq,
        kind=event.kind,
        party=event.party,
        reason=said.reason,
        statement=said.statement,
        until=event.until,
        at=event.at,
    )
    session.add(row)
    session.flush()
    news.tell(session, claim, row)
    if actor is not SYSTEM:
        facts: dict[str, Any] = {"state": claim.state}
        audit.record(
            session,
            actor,
            f"claim.{event.kind}",
            "claim",
            claim.id,
            facts,
            now=event.at,
            shop_id=claim.shop_id,
        )
