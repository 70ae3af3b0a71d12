"""The products of a shop and where they come from, as its own pages list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.feeds.models import FeedFetch, FeedSource
from marketplace.catalogue.feeds.sources import service as sources
from marketplace.catalogue.models import Product
from marketplace.core import tenancy
from marketplace.core.actor import Actor

_COUNT = sa.text(
    """
    SELECT count(*) FILTER (WHERE retired_at IS NULL) AS present,
           count(*) FILTER (WHERE retired_at IS NOT NULL) AS gone,
           count(*) FILTER (WHERE retired_at IS NULL AND availability = 'out_of_stock') AS sold_out,
           count(*) FILTER (WHERE retired_at IS NULL AND cardinality(warnings) > 0) AS warned
      FROM product WHERE shop_id = :shop
    """
)
_REASONS = sa.text(
    """
    SELECT n ->> 'code' AS code, n ->> 'field' AS field, min(n ->> 'reason') AS reason, min(n ->> 'fix') AS fix,
           count(*) AS rows
      FROM feed_row r CROSS JOIN LATERAL (SELECT r.notes -> 0 AS n) first
     WHERE r.job_id = :job AND r.outcome = 'refused' GROUP BY 1, 2 ORDER BY rows DESC, code LIMIT 20
    """
)


def page(
    session: Session, actor: Actor, shop_id: UUID, words: str | None, after: UUID | None, limit: int
) -> list[Product]:
    """Return up to limit + 1 products of a shop after an id; words: part of the title, or the product number."""
    query = (
        sa.select(Product)
        .where(tenancy.shops(actor, "shopkeeping.shelf", Product.shop_id), Product.shop_id == shop_id)
        .order_by(Product.id)
        .limit(limit + 1)
    )
    if words:
        pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(sa.or_(Product.title.ilike(pattern, escape="\\"), Product.sku == words))
    else:
        query = query.where(Product.retired_at.is_(None))
    if after is not None:
        query = query.where(Product.id > after)
    return list(session.scalars(query))


def count(session: Session, shop_id: UUID) -> Mapping[str, Any]:
    """Return {present, gone, sold_out, warned} of a shop's products."""
    return dict(session.execute(_COUNT, {"shop": shop_id}).mappings().one())


def reasons(session: Session, job_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Return why rows of a feed were refused: {code, field, reason, fix, rows}, the most frequent first."""
    return [dict(row) for row in session.execute(_REASONS, {"job": job_id}).mappings()]


def sources_of(session: Session, actor: Actor, shop_id: UUID) -> list[tuple[FeedSource, FeedFetch | None]]:
    """Return where a shop's feeds are fetched, each with how it went last."""
    found = sources.listed(session, actor, shop_id=shop_id, after=None, limit=sources.MOST_SOURCES)
    last = sources.last_fetch(session, [one.id for one in found]) if found else {}
    return [(one, last.get(one.id)) for one in found]
