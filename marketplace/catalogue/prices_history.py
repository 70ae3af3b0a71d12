"""What products cost when: written by triggers of `product`, whoever changes it, and never changed afterwards."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product, ProductPrice
from marketplace.core.money import Money

DAYS = dt.timedelta(days=30)


def of(
    session: Session, product: Product, *, before: int | None = None, limit: int = 50
) -> Sequence[ProductPrice]:
    """Return up to limit + 1 prices of a product, newest first, older than the price numbered `before`."""
    query = sa.select(ProductPrice).where(ProductPrice.product_id == product.id)
    if before is not None:
        query = query.where(ProductPrice.id < before)
    return session.scalars(query.order_by(ProductPrice.id.desc()).limit(limit + 1)).all()


# A reduction lasts while each price has a sale price; what holds at an instant is the newest price until then. Prices
# in another currency than the present one are left out, because they can't be compared.
_LOWEST = sa.text(
    """
    WITH mine AS (
      SELECT id, from_at, lead(from_at) OVER (ORDER BY id) AS until_at, sale_price_minor, currency,
             coalesce(sale_price_minor, price_minor) AS paid
        FROM product_price WHERE product_id = :product AND from_at <= :now
    ), present AS (
      SELECT sale_price_minor, currency FROM mine ORDER BY id DESC LIMIT 1
    ), begun AS (
      SELECT CASE WHEN (SELECT sale_price_minor FROM present) IS NULL THEN :now ELSE
             (SELECT min(from_at) FROM mine WHERE id >
               coalesce((SELECT max(id) FROM mine WHERE sale_price_minor IS NULL), 0)) END AS at
    )
    SELECT min(paid) AS minor, min(currency) AS currency
      FROM mine CROSS JOIN begun
     WHERE currency = (SELECT currency FROM present) AND until_at IS DISTINCT FROM from_at
       AND (from_at < at OR (from_at = at AND at = :now AND sale_price_minor IS NULL))
       AND (until_at IS NULL OR until_at > at - :days)
    """
)


def lowest(session: Session, product_id: uuid.UUID, now: dt.datetime) -> Money | None:
    """Return the lowest price in the 30 days before the present reduction began, or before now when there is none.

    None when nothing is known from before the reduction. Source: Directive 98/6/EC, article 6a (2019/2161), which asks
    for this price beside each announced reduction; one that grows step by step began with its first step.
    """
    found = session.execute(_LOWEST, {"product": product_id, "now": now, "days": DAYS}).one()
    return None if found.minor is None else Money(found.minor, found.currency)
