"""Purchases that reviewers name: an order of the shop with that product, reported with their e-mail's digest."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.community.reviewing import PURCHASE
from marketplace.core import config, hooks
from tracking.orders import pseudonyms
from tracking.orders.models import OrderLine, ShopOrder


def register() -> None:
    """Let reviews be proved by purchases. Safe to call twice."""
    hooks.figures[PURCHASE] = is_bought


def is_bought(session: Session, shop_id: UUID, sku: str, order_ref: str, email_sha256: str) -> bool:
    """Tell whether a live order of that number holds the product and was the customer's of that e-mail digest.

    An order that the shop reported without a digest proves nothing: anybody may know its number.
    """
    key = pseudonyms.email_key(config.current().secret_key, shop_id, email_sha256)
    query = (
        sa.select(ShopOrder.id)
        .join(OrderLine, OrderLine.order_id == ShopOrder.id)
        .where(
            ShopOrder.shop_id == shop_id,
            ShopOrder.mode == "live",
            ShopOrder.order_ref == order_ref,
            ShopOrder.email_key == key,
            OrderLine.sku == sku,
        )
        .limit(1)
    )
    return session.scalars(query).first() is not None
