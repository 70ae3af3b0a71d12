"""Bring what stands for each adviser in line with the order and its attribution, by appending moves."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core.ids import new_id
from marketplace.offers import terms as offer_terms
from marketplace.offers.terms import Terms
from tracking.attribution import service as attribution
from tracking.attribution.models import Attribution
from tracking.commissions import moves
from tracking.commissions.calculation import Calculation, commission_for
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.states import next_change
from tracking.orders import standing
from tracking.orders.models import ShopOrder

REDECIDED = "redecided"


def settle(session: Session, order: ShopOrder, cause: str, now: dt.datetime) -> int:
    """Make what stands equal `commission_for` the order as it stands, for the winner, and zero for everybody else.

    cause: why this is done now, such as "order", "lines", "refund:R-1" or "redecided". Returns how many moves were
    written; none when all stands right already, so it is safe to run twice. The caller holds the order's lock.
    """
    decision = attribution.newest(session, order.id)
    found = moves.locked(session, order.id)
    history = moves.of(session, [commission.id for commission in found])
    written = 0
    for commission in found:
        if decision is None or commission.adviser_id != decision.adviser_id:
            written += _take_back(session, commission, history[commission.id], now)
    if decision is None or decision.adviser_id is None or decision.offer_id is None:
        return written
    calculation = calculate(session, order, decision)
    mine = next((one for one in found if one.adviser_id == decision.adviser_id), None)
    earlier = history[mine.id] if mine is not None else []
    change = next_change(moves.steps(earlier), calculation.total.minor)
    if change is None:
        return written
    if mine is None:
        mine = _open(session, order, decision.adviser_id, decision.offer_id, now)
    kind, delta = change
    moves.append(
        session,
        mine,
        earlier,
        kind,
        delta,
        cause=cause,
        terms_id=calculation.terms_id,
        now=now,
        detail=calculation.to_json() | {"attribution_n": decision.n},
    )
    return written + 1


def calculate(session: Session, order: ShopOrder, decision: Attribution) -> Calculation:
    """Return what the order as it stands earns for the winner of a decision."""
    terms = terms_of(session, decision)
    left = standing.of(session, order).left
    return commission_for(left.lines, left.shipping, terms, order.currency)


def terms_of(session: Session, decision: Attribution) -> Terms:
    """Return the version of terms that a decision with a winner is bound to."""
    if decision.terms_id is None:
        raise ValueError("a decision without a winner has no terms")
    return offer_terms.by_id(session, [decision.terms_id])[decision.terms_id]


def _open(
    session: Session, order: ShopOrder, adviser_id: UUID, offer_id: UUID, now: dt.datetime
) -> Commission:
    commission = Commission(
        id=new_id(),
        order_id=order.id,
        shop_id=order.shop_id,
        adviser_id=adviser_id,
        offer_id=offer_id,
        currency=order.currency,
        mode=order.mode,
        created_at=now,
    )
    session.add(commission)
    session.flush()
    return commission


def _take_back(
    session: Session, commission: Commission, earlier: list[CommissionMove], now: dt.datetime
) -> int:
    """Reverse all that stands for an adviser who no longer wins; return how many moves that took."""
    change = next_change(moves.steps(earlier), 0)
    if change is None:
        return 0
    kind, delta = change
    moves.append(
        session,
        commission,
        earlier,
        kind,
        delta,
        cause=REDECIDED,
        terms_id=earlier[-1].terms_id,
        now=now,
        detail={"reason": "the order is attributed to somebody else now"},
    )
    return 1
