"""What the worker does about orders: decide again, apply what waited, approve what is due. The rows are the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.core import clock, db
from tracking.attribution import service as attribution
from tracking.commissions import approval, intake
from tracking.commissions.service import REDECIDED, settle
from tracking.orders import intake as order_intake
from tracking.orders import refunds
from tracking.orders.models import ShopOrder
from tracking.touches import service as touches

log = structlog.get_logger(__name__)
T = TypeVar("T")

BATCH = 500


def decide_order(order_id: str) -> None:
    """Decide about one order again, as the worker, over clicks too."""
    db.run_in_transaction(
        lambda session: redecide(session, UUID(order_id), clock.now()), point="commissions.decide"
    )


def redecide(session: Session, order_id: UUID, now: dt.datetime) -> int:
    """Decide about an order again and move its commissions accordingly; return 1 when the decision is new."""
    order = session.scalars(sa.select(ShopOrder).where(ShopOrder.id == order_id).with_for_update()).one()
    if attribution.decide_again(session, order, now) is None:
        return 0
    settle(session, order, REDECIDED, now)
    return 1


def decide_due() -> int:
    """Decide about every order that is new to the worker, or whose missing clicks have arrived; return how many."""
    with db.session() as session:
        orders = due_decisions(session, clock.now(), BATCH)
    return _each("decide", orders, lambda session, one: redecide(session, one, clock.now()))


def due_decisions(session: Session, now: dt.datetime, limit: int) -> list[UUID]:
    """Return the orders that the worker can decide now."""
    found = attribution.due(session, limit)
    for order_id, ordered_at in attribution.provisional_orders(session, limit):
        if touches.provisional(session, ordered_at, now):
            break  # Marks only move forward: what was ordered later is waiting too.
        found.append(order_id)
    return list(dict.fromkeys(found))


def approve_due() -> int:
    """Approve every commission whose hold has passed; return how many."""
    with db.session() as session:
        orders = approval.due_orders(session, clock.now(), BATCH)
    return _each("approve", orders, lambda session, one: approval.approve_due(session, one, clock.now()))


def apply_waiting_refunds() -> int:
    """Apply refunds whose order is known after all, and park those that waited 60 days; return how many."""
    with db.session() as session:
        places = refunds.due_places(session, BATCH)
        expired = [refund.id for refund in refunds.expired(session, clock.now(), BATCH)]
    return _each("apply_waiting", places, _apply_at) + _each("park", expired, _park)


def _apply_at(session: Session, place: tuple[UUID, str, str]) -> int:
    order_intake.enter(session, *place)
    order = order_intake.locked(session, *place)
    return intake.apply_waiting(session, order, clock.now()) if order is not None else 0


def _park(session: Session, refund_id: UUID) -> int:
    refund = refunds.by_id(session, refund_id)
    order_intake.enter(session, refund.shop_id, refund.mode, refund.order_ref)
    if refunds.outcome_of(session, refund.id) is not None:
        return 0
    refunds.park(session, refund, None, "order_never_came", clock.now())
    return 1


def _each(what: str, items: Iterable[T], work: Callable[[Session, T], int]) -> int:
    """Run `work` for each item in a transaction of its own; one that fails is logged and keeps nobody waiting."""
    done = 0
    for item in items:
        try:
            done += db.run_in_transaction(
                lambda session, item=item: work(session, item),  # type: ignore[misc]
                point="commissions.sweep",
            )
        except Exception as error:
            log.error("order_sweep_failed", what=what, item=str(item), error=repr(error), exc_info=True)
    return done
