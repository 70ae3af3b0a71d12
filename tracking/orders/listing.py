"""Find orders: one by its reference, or a page of them."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import InvalidInput, NotFound
from marketplace.core.paging import Place, newest_first
from tracking.orders.models import Refund, RefundOutcome, ShopOrder


def one(session: Session, allowed: sa.ColumnElement[bool], order_ref: str, shop_id: UUID | None) -> ShopOrder:
    """Return the order with a reference among the allowed ones.

    Raises NotFound; InvalidInput when several shops have one, so that `shop_id` must say which.
    """
    query = sa.select(ShopOrder).where(allowed, ShopOrder.order_ref == order_ref).limit(2)
    if shop_id is not None:
        query = query.where(ShopOrder.shop_id == shop_id)
    found = list(session.scalars(query))
    if not found:
        raise NotFound("order", order_ref)
    if len(found) > 1:
        raise InvalidInput({"shop_id": ["Several shops have an order with this reference: say which."]})
    return found[0]


def page(
    session: Session,
    allowed: sa.ColumnElement[bool],
    state: str | None,
    after: Place | None,
    limit: int,
    along: sa.Subquery | None = None,
) -> list[tuple[ShopOrder, str]]:
    """Return up to limit + 1 allowed orders with their states, newest first; `after` is the last one seen.

    along: (received_at, order_id) of the orders that come into question, newest first, each once; None: all.
    """
    derived = state_in_sql()
    query = sa.select(ShopOrder, derived).where(allowed)
    if state is not None:
        query = query.where(derived == state)
    if along is None:
        query = newest_first(query, ShopOrder.received_at, ShopOrder.id, after, limit)
    else:
        query = query.join(along, along.c.order_id == ShopOrder.id)
        query = newest_first(query, along.c.received_at, along.c.order_id, after, limit)
    return [(order, value) for order, value in session.execute(query)]


def state_in_sql() -> sa.ColumnElement[str]:
    """Return the state of an order as SQL; the same as `remaining.state_of` its refunds."""
    applied = (
        sa.select(RefundOutcome.refund_id)
        .join(Refund, Refund.id == RefundOutcome.refund_id)
        .where(RefundOutcome.order_id == ShopOrder.id, RefundOutcome.state == "applied")
        .correlate(ShopOrder)
    )
    return sa.case(
        (applied.where(Refund.kind == "cancel").exists(), "cancelled"),
        (~applied.exists(), "received"),
        (_line_left(), "partly_refunded"),
        else_="refunded",
    )


def _line_left() -> sa.ColumnElement[bool]:
    """Tell in SQL whether a line with pieces and net is left."""
    refunded = sa.text(
        "SELECT FROM order_line l LEFT JOIN LATERAL ("
        "  SELECT coalesce(sum(r.quantity), 0) AS quantity, coalesce(sum(r.net_minor), 0) AS net"
        "  FROM refund_outcome o JOIN refund_line r ON r.refund_id = o.refund_id"
        "  WHERE o.order_id = l.order_id AND o.state = 'applied' AND r.line_ref = l.line_ref) back ON true"
        " WHERE l.order_id = shop_order.id AND l.quantity > back.quantity AND l.net_minor > back.net"
    )
    return sa.literal_column(f"EXISTS ({refunded.text})", sa.Boolean())
