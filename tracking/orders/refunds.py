"""Refunds and cancellations: applied once to their order, waiting for it, or parked with the reason why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import InvalidInput
from marketplace.core.ids import new_id
from tracking.orders import standing
from tracking.orders.models import Refund, RefundLine, RefundOutcome, ShopOrder
from tracking.orders.remaining import Misfit, misfit

Told = tuple[Refund, RefundOutcome | None]

KEPT = dt.timedelta(days=60)


class RefundExceedsOrder(InvalidInput):
    """More would come back than is left of the order."""

    code = "refund_exceeds_order"
    title = "The refund is above the order"
    next = "Read what is left at GET /api/v1/orders/{ref} and send a refund within it."


def record(
    session: Session,
    place: tuple[UUID, str, str],
    kind: str,
    data: Mapping[str, Any],
    currency: str,
    now: dt.datetime,
) -> Refund:
    """Store what a shop said came back; whether it fits is decided by `apply`.

    place: shop, mode and order_ref. kind: refund, or cancel, which has no lines and no reference of its own.
    """
    shop_id, mode, order_ref = place
    shipping = data.get("shipping")
    refund = Refund(
        id=new_id(),
        shop_id=shop_id,
        mode=mode,
        order_ref=order_ref,
        kind=kind,
        refund_ref="" if kind == "cancel" else data["refund_ref"],
        refunded_at=(data["cancelled_at"] or now) if kind == "cancel" else data["refunded_at"],
        received_at=now,
        currency=currency,
        shipping_net_minor=shipping["net"].minor if shipping else 0,
        shipping_tax_minor=shipping["tax"].minor if shipping and shipping["tax"] else None,
        reason=data["reason"],
    )
    session.add(refund)
    session.flush()
    for line in data.get("lines", ()):
        session.add(
            RefundLine(
                refund_id=refund.id,
                shop_id=shop_id,
                line_ref=line["line_ref"],
                quantity=line["quantity"],
                net_minor=line["net"].minor,
                tax_minor=None if line["tax"] is None else line["tax"].minor,
                currency=currency,
            )
        )
    session.flush()
    return refund


def apply(session: Session, order: ShopOrder, refund: Refund, now: dt.datetime) -> Misfit | None:
    """Apply a refund to its order when it fits; return the reason, and write nothing, when it doesn't.

    The caller holds the lock of the order.
    """
    parts = standing.refund_lines(session, [refund])[refund.id]
    found = misfit(standing.of(session, order).left, standing.return_of(refund, parts))
    if found is not None and refund.kind != "cancel":
        return found
    position = session.scalar(
        sa.select(sa.func.count()).select_from(RefundOutcome).where(RefundOutcome.order_id == order.id)
    )
    session.add(
        RefundOutcome(
            refund_id=refund.id,
            shop_id=order.shop_id,
            order_id=order.id,
            position=int(position or 0),
            state="applied",
            reason=None,
            at=now,
        )
    )
    session.flush()
    return None


def park(session: Session, refund: Refund, order: ShopOrder | None, reason: str, now: dt.datetime) -> None:
    """Put a refund that can't be applied aside, with the reason; it is never tried again."""
    session.add(
        RefundOutcome(
            refund_id=refund.id,
            shop_id=refund.shop_id,
            order_id=order.id if order is not None else None,
            position=None,
            state="parked",
            reason=reason,
            at=now,
        )
    )
    session.flush()


def refuse(found: Misfit) -> InvalidInput:
    """Return the refusal for a refund that does not fit."""
    if found.reason == "unknown_line":
        return InvalidInput({found.field: ["The order has no such line."]})
    return RefundExceedsOrder({found.field: [f"Only {found.left} is left."]}, left=found.left)


def waiting(session: Session, shop_id: UUID, mode: str, order_ref: str) -> list[Refund]:
    """Return the refunds that wait for an order, in the order in which they happened."""
    query = _without_outcome().where(
        Refund.shop_id == shop_id, Refund.mode == mode, Refund.order_ref == order_ref
    )
    return list(session.scalars(query.order_by(Refund.refunded_at, Refund.received_at, Refund.id)))


def outcome_of(session: Session, refund_id: UUID) -> RefundOutcome | None:
    """Return what became of a refund; None while it waits."""
    return session.get(RefundOutcome, refund_id)


def by_ref(session: Session, place: tuple[UUID, str, str], kind: str, refund_ref: str) -> Refund | None:
    """Return a refund by its reference; place: shop, mode and order_ref."""
    shop_id, mode, order_ref = place
    return session.scalar(
        sa.select(Refund).where(
            Refund.shop_id == shop_id,
            Refund.mode == mode,
            Refund.order_ref == order_ref,
            Refund.kind == kind,
            Refund.refund_ref == refund_ref,
        )
    )


def by_id(session: Session, refund_id: UUID) -> Refund:
    """Return a refund by its id."""
    return session.scalars(sa.select(Refund).where(Refund.id == refund_id)).one()


def told_about(session: Session, place: tuple[UUID, str, str]) -> list[Told]:
    """Return all refunds of an order with what became of each, in the order in which they happened."""
    return told_whole(session, place)[0]


def told_whole(
    session: Session, place: tuple[UUID, str, str]
) -> tuple[list[Told], dict[UUID, list[RefundLine]]]:
    """Return the same, and the lines of each refund by its id, as `standing.refund_lines` has them; by one statement.

    place: shop, mode and order_ref.
    """
    shop_id, mode, order_ref = place
    query = (
        sa.select(Refund, RefundOutcome, RefundLine)
        .outerjoin(RefundOutcome, RefundOutcome.refund_id == Refund.id)
        .outerjoin(RefundLine, RefundLine.refund_id == Refund.id)
        .where(Refund.shop_id == shop_id, Refund.mode == mode, Refund.order_ref == order_ref)
        .order_by(Refund.refunded_at, Refund.received_at, Refund.id, RefundLine.line_ref)
    )
    told: dict[UUID, Told] = {}
    lines: dict[UUID, list[RefundLine]] = {}
    for refund, outcome, line in session.execute(query):
        told[refund.id] = (refund, outcome)
        found = lines.setdefault(refund.id, [])
        if line is not None:
            found.append(line)
    return list(told.values()), lines


def applied_of(told: Sequence[Told], order_id: UUID) -> list[Refund]:
    """Return those that were applied to an order, in the order in which that was done; told: as `told_about` has it."""
    applied = [
        (outcome.position or 0, refund)
        for refund, outcome in told
        if outcome is not None and outcome.state == "applied" and outcome.order_id == order_id
    ]
    return [refund for _position, refund in sorted(applied, key=lambda one: one[0])]


def due_places(session: Session, limit: int) -> list[tuple[UUID, str, str]]:
    """Return the places (shop, mode, order_ref) where a refund waits although its order is known."""
    query = (
        _without_outcome()
        .with_only_columns(Refund.shop_id, Refund.mode, Refund.order_ref)
        .join(
            ShopOrder,
            sa.and_(
                ShopOrder.shop_id == Refund.shop_id,
                ShopOrder.mode == Refund.mode,
                ShopOrder.order_ref == Refund.order_ref,
            ),
        )
        .distinct()
        .limit(limit)
    )
    return [(shop_id, mode, ref) for shop_id, mode, ref in session.execute(query)]


def expired(session: Session, now: dt.datetime, limit: int) -> list[Refund]:
    """Return refunds that have waited 60 days for an order that never came."""
    query = _without_outcome().where(Refund.received_at <= now - KEPT)
    return list(session.scalars(query.order_by(Refund.received_at).limit(limit)))


def _without_outcome() -> sa.Select[Refund]:
    outcome = sa.select(RefundOutcome.refund_id).where(RefundOutcome.refund_id == Refund.id)
    return sa.select(Refund).where(~outcome.exists())
