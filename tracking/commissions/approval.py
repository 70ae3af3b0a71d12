"""Approve and decline commissions: by the shop with a reason, or by the clock when the hold has passed."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import IllegalTransition, NotFound
from tracking.attribution import service as attribution
from tracking.commissions import moves, news, reading
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.service import REDECIDED, settle
from tracking.commissions.states import require, require_declinable, state_of
from tracking.orders.models import ShopOrder

LATE_CLICKS = news.LATE_CLICKS

# Pending commissions whose hold has passed. Those of undecided orders are left out: deciding them is due first. Of what
# was declined nothing stands; of what a dispute reinstated something does, and it is due like any other.
_DUE = """
SELECT c.order_id
FROM commission c
JOIN shop_order o ON o.id = c.order_id
JOIN LATERAL (SELECT m.standing_minor, m.terms_id FROM commission_move m WHERE m.commission_id = c.id
  ORDER BY m.seq DESC LIMIT 1) last ON last.standing_minor > 0
JOIN commission_terms t ON t.id = last.terms_id
JOIN LATERAL (SELECT a.state FROM attribution a WHERE a.order_id = c.order_id ORDER BY a.n DESC LIMIT 1) stands
  ON stands.state <> 'provisional'
WHERE (CAST(:order_id AS uuid) IS NULL OR c.order_id = :order_id)
  AND NOT EXISTS (SELECT FROM commission_move v WHERE v.commission_id = c.id AND v.kind = 'approved')
  AND greatest(o.ordered_at + make_interval(hours => 24 * t.hold_days::integer),
    o.received_at + make_interval(hours => 24)) <= :now
ORDER BY o.ordered_at, c.id
LIMIT :limit
"""


def approves_at(order: ShopOrder, hold: dt.timedelta) -> dt.datetime:
    """Return when the clock approves: the later of ordered_at + hold and received_at + 24 hours."""
    return max(order.ordered_at + hold, order.received_at + LATE_CLICKS)


def approve(session: Session, actor: Actor, commission_id: UUID, now: dt.datetime) -> tuple[Commission, bool]:
    """Approve a pending commission before its hold has passed, and make its attribution final.

    Returns the commission and whether it had been approved before. Raises NotFound, OwnerNeeded, IllegalTransition
    and AttributionProvisional.
    """
    commission, order, history = _enter(session, actor, commission_id)
    if state_of(moves.steps(history)) == "approved":
        return commission, True
    _approve(session, order, commission, history, actor, now)
    return commission, False


def decline(
    session: Session, actor: Actor, commission_id: UUID, reason: str, note: str | None, now: dt.datetime
) -> tuple[Commission, bool]:
    """Decline a pending commission, with a reason the adviser can read and may dispute.

    Returns the commission and whether it had been declined before, for the same reason. Raises NotFound, OwnerNeeded
    and IllegalTransition.
    """
    commission, order, history = _enter(session, actor, commission_id)
    steps = moves.steps(history)
    if state_of(steps) == "declined" and history[-1].cause == reason:
        return commission, True
    require_declinable(steps)
    moves.append(
        session,
        commission,
        history,
        "declined",
        -history[-1].standing_minor,
        cause=reason,
        terms_id=history[-1].terms_id,
        now=now,
        detail={"reason": reason, "note": note, "by": actor.label},
    )
    facts = {"reason": reason}
    audit.record(
        session,
        actor,
        "commission.decline",
        "commission",
        commission.id,
        facts,
        now=now,
        shop_id=commission.shop_id,
    )
    news.declined(session, commission, order, history, reason, note, now)
    return commission, False


def due_orders(session: Session, now: dt.datetime, limit: int) -> list[UUID]:
    """Return orders with a commission that the clock approves at `now` or before, oldest first."""
    values = {"now": now, "limit": limit, "order_id": None}
    return list(dict.fromkeys(session.scalars(sa.text(_DUE), values)))


def approve_due(session: Session, order_id: UUID, now: dt.datetime) -> int:
    """Approve what is due of one order, after a last look at its clicks; return how many. Safe to run twice.

    Runs as the worker. An order that turns out provisional again is left for later.
    """
    order = session.scalars(sa.select(ShopOrder).where(ShopOrder.id == order_id).with_for_update()).one()
    if attribution.decide_again(session, order, now) is not None:
        settle(session, order, REDECIDED, now)
    standing = attribution.newest(session, order.id)
    if standing is None or standing.state == "provisional" or not _is_due(session, order.id, now):
        return 0
    approved = 0
    found = moves.locked(session, order.id)
    for commission, history in _with_history(session, found):
        if state_of(moves.steps(history)) == "pending":
            _approve(session, order, commission, history, SYSTEM, now)
            approved += 1
    return approved


def _is_due(session: Session, order_id: UUID, now: dt.datetime) -> bool:
    """Tell whether an order is due still: a winner found just now may have a longer hold."""
    values = {"now": now, "limit": 1, "order_id": order_id}
    return session.scalars(sa.text(_DUE), values).first() is not None


def _approve(
    session: Session,
    order: ShopOrder,
    commission: Commission,
    history: list[CommissionMove],
    actor: Actor,
    now: dt.datetime,
) -> None:
    require(state_of(moves.steps(history)), "approved")
    final = attribution.finish(session, order, now)
    if final.adviser_id != commission.adviser_id:
        # Only while a decision and its moves are being written could this differ; the lock keeps that away.
        raise IllegalTransition("The commission", was="of an adviser who did not win", wanted="approved")
    is_early = actor is not SYSTEM
    moves.append(
        session,
        commission,
        history,
        "approved",
        0,
        cause="shop" if is_early else "hold_passed",
        terms_id=history[-1].terms_id,
        now=now,
        detail={"by": actor.label, "attribution_n": final.n},
    )
    if is_early:
        audit.record(
            session,
            actor,
            "commission.approve",
            "commission",
            commission.id,
            {},
            now=now,
            shop_id=commission.shop_id,
        )


def _enter(
    session: Session, actor: Actor, commission_id: UUID
) -> tuple[Commission, ShopOrder, list[CommissionMove]]:
    """Return a commission of the actor's own shop, with its order and moves, locked in the order of the house."""
    found = reading.of_shop(session, actor, commission_id)
    order = session.scalars(
        sa.select(ShopOrder).where(ShopOrder.id == found.order_id).with_for_update()
    ).one()
    for commission, history in _with_history(session, moves.locked(session, order.id)):
        if commission.id == commission_id:
            return commission, order, history
    raise NotFound("commission", commission_id)


def _with_history(session: Session, found: list[Commission]) -> list[tuple[Commission, list[CommissionMove]]]:
    history = moves.of(session, [commission.id for commission in found])
    return [(commission, history[commission.id]) for commission in found]
