"""Let a declined commission stand again after a dispute that was won: what the order earns now, once and for good."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core import audit
from marketplace.core.actor import SYSTEM
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from tracking.attribution import service as attribution
from tracking.attribution.models import Attribution
from tracking.commissions import moves
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.service import REDECIDED, calculate, settle
from tracking.commissions.states import reinstatement
from tracking.orders.models import ShopOrder

Result = Literal["reinstated", "nothing_remains", "attributed_to_somebody_else"]


@dataclass(frozen=True, slots=True)
class Reinstated:
    """What became of a won dispute: the amount that stands again, zero with the reason why it is."""

    result: Result
    amount: Money


def decline_of(session: Session, commission_id: UUID) -> CommissionMove | None:
    """Return the decline by which a commission ended, or None for one that stands or was reinstated."""
    history = moves.of(session, [commission_id])[commission_id]
    return history[-1] if history and history[-1].kind == "declined" else None


def is_won_by(session: Session, commission: Commission) -> bool:
    """Tell whether the order of a commission is attributed to its adviser now."""
    decision = attribution.newest(session, commission.order_id)
    return decision is not None and decision.adviser_id == commission.adviser_id


def would_stand(session: Session, order: ShopOrder, commission: Commission) -> Money:
    """Return what reinstating would make stand now: by the terms that the decision is bound to, for what remains."""
    decision = _decision_for(session, order, commission)
    return Money.zero(order.currency) if decision is None else calculate(session, order, decision).total


def last_look(session: Session, order: ShopOrder, now: dt.datetime) -> bool:
    """Decide about the order once more over all clicks; tell whether the decision is no longer provisional.

    Runs as the worker, who alone may look at clicks. The caller holds the order's lock.
    """
    if attribution.decide_again(session, order, now) is not None:
        settle(session, order, REDECIDED, now)
    standing = attribution.newest(session, order.id)
    return standing is not None and standing.state != "provisional"


def reinstate(
    session: Session, order: ShopOrder, commission_id: UUID, cause: str, now: dt.datetime
) -> Reinstated:
    """Make what the order earns now stand again for its winner; the commission is pending after it.

    Refunds since the decline count. Nothing moves when nothing remains, or when the order is attributed to somebody
    else now. The hold isn't begun anew. cause: why, such as "dispute:<id>". The caller holds the order's lock. Raises
    NotFound, and IllegalTransition for a commission that is not declined. Source: D17, D18, decision record 0033.
    """
    found = next((one for one in moves.locked(session, order.id) if one.id == commission_id), None)
    if found is None:
        raise NotFound("commission", commission_id)
    history = moves.of(session, [found.id])[found.id]
    zero = Money.zero(order.currency)
    decision = _decision_for(session, order, found)
    if decision is None:
        reinstatement(moves.steps(history), 0)
        return Reinstated("attributed_to_somebody_else", zero)
    calculation = calculate(session, order, decision)
    delta = reinstatement(moves.steps(history), calculation.total.minor)
    if delta is None:
        return Reinstated("nothing_remains", zero)
    detail: dict[str, Any] = calculation.to_json() | {"attribution_n": decision.n}
    moves.append(
        session,
        found,
        history,
        "reinstated",
        delta,
        cause=cause,
        terms_id=calculation.terms_id,
        now=now,
        detail=detail,
    )
    audit.record(
        session,
        SYSTEM,
        "commission.reinstate",
        "commission",
        found.id,
        {"cause": cause},
        now=now,
        shop_id=found.shop_id,
    )
    return Reinstated("reinstated", Money(delta, order.currency))


def _decision_for(session: Session, order: ShopOrder, commission: Commission) -> Attribution | None:
    """Return the decision that stands if the commission's adviser wins by it, else None."""
    decision = attribution.newest(session, order.id)
    return decision if decision is not None and decision.adviser_id == commission.adviser_id else None
