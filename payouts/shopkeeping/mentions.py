"""Advice that names a shop's products: published pages, as everybody reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product
from marketplace.core.paging import Place

_PAGES = sa.text(
    """
    SELECT p.id, p.slug, p.title, p.verdict, p.language, p.pays, p.published_at, n.display_name AS adviser, n.code
      FROM advice_page p LEFT JOIN public_adviser n ON n.id = p.adviser_id
     WHERE p.state = 'published' AND p.shop_ids @> ARRAY[CAST(:shop AS uuid)]
       AND (CAST(:after_at AS timestamptz) IS NULL OR (p.published_at, p.id) < (:after_at, CAST(:after_id AS uuid)))
     ORDER BY p.published_at DESC, p.id DESC LIMIT :limit
    """
)


def page(session: Session, shop_id: UUID, after: Place | None, limit: int) -> Sequence[Mapping[str, Any]]:
    """Return up to limit + 1 published pages that name products of a shop, newest first."""
    at, identity = after or (None, None)
    facts = {"shop": shop_id, "after_at": at, "after_id": identity, "limit": limit + 1}
    return [dict(row) for row in session.execute(_PAGES, facts).mappings()]


def titles(session: Session, product_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the titles of products by id."""
    if not product_ids:
        return {}
    rows = session.execute(sa.select(Product.id, Product.title).where(Product.id.in_(list(product_ids))))
    return {row.id: row.title for row in rows}
