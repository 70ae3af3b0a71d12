"""An order as it stands: its rows read into the pure model of lines, refunds and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from tracking.orders.models import OrderLine, Refund, RefundLine, RefundOutcome, ShopOrder
from tracking.orders.remaining import Line, RefundedLine, Remaining, Return, Shipping, remaining, state_of


@dataclass(frozen=True, slots=True)
class Standing:
    """What was sold, what came back in the order in which it was applied, and what is left."""

    sold: tuple[Line, ...]
    shipping: Shipping
    returns: tuple[Return, ...]
    left: Remaining

    @property
    def state(self) -> str:
        """Return the state of the order: received, partly_refunded, refunded or cancelled."""
        return state_of(self.returns, self.left)


def line_of(row: OrderLine) -> Line:
    """Return the pure line of a row."""
    return Line(
        row.line_ref,
        row.sku,
        row.category,
        row.quantity,
        Money(row.net_minor, row.currency),
        Money(row.tax_minor, row.currency),
        row.is_gift_card,
    )


def return_of(refund: Refund, lines: Sequence[RefundLine]) -> Return:
    """Return the pure form of a refund or a cancellation."""
    tax = refund.shipping_tax_minor
    return Return(
        tuple(
            RefundedLine(
                part.line_ref,
                part.quantity,
                Money(part.net_minor, part.currency),
                None if part.tax_minor is None else Money(part.tax_minor, part.currency),
            )
            for part in lines
        ),
        Money(refund.shipping_net_minor, refund.currency),
        None if tax is None else Money(tax, refund.currency),
        refund.kind == "cancel",
    )


def lines_of(session: Session, order_id: UUID) -> list[OrderLine]:
    """Return the lines of an order in the order in which they were reported."""
    return list(
        session.scalars(
            sa.select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position)
        )
    )


def refund_lines(session: Session, refunds: Sequence[Refund]) -> dict[UUID, list[RefundLine]]:
    """Return the lines of each refund, by its id."""
    found: dict[UUID, list[RefundLine]] = {refund.id: [] for refund in refunds}
    if found:
        query = sa.select(RefundLine).where(RefundLine.refund_id.in_(list(found)))
        for line in session.scalars(query.order_by(RefundLine.line_ref)):
            found[line.refund_id].append(line)
    return found


def applied_refunds(session: Session, order_id: UUID) -> list[Refund]:
    """Return the refunds that were applied to an order, in the order in which that was done."""
    query = (
        sa.select(Refund)
        .join(RefundOutcome, RefundOutcome.refund_id == Refund.id)
        .where(RefundOutcome.order_id == order_id, RefundOutcome.state == "applied")
        .order_by(RefundOutcome.position)
    )
    return list(session.scalars(query))


def of(session: Session, order: ShopOrder) -> Standing:
    """Return an order as it stands now."""
    refunds = applied_refunds(session, order.id)
    return made_of(order, lines_of(session, order.id), refunds, refund_lines(session, refunds))


def made_of(
    order: ShopOrder,
    rows: Sequence[OrderLine],
    refunds: Sequence[Refund],
    parts: Mapping[UUID, Sequence[RefundLine]],
) -> Standing:
    """Return an order as it stands now, for who has read its lines and its applied refunds, each in order.

    parts: the lines of these refunds, by the refund's id.
    """
    sold = tuple(line_of(row) for row in rows)
    shipping = Shipping(
        Money(order.shipping_net_minor, order.currency), Money(order.shipping_tax_minor, order.currency)
    )
    returns = tuple(return_of(refund, parts[refund.id]) for refund in refunds)
    return Standing(sold, shipping, returns, remaining(sold, shipping, returns))
