"""What a shop's program reported lately, as the page about installing shows it: each order and its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

_LATEST = sa.text(
    """
    SELECT o.order_ref, o.mode, o.source, o.channel, o.received_at, o.ordered_at, o.is_reported_late,
           o.code IS NOT NULL AS has_code,
           coalesce((SELECT array_agg(t.result ORDER BY t.position) FROM order_token t WHERE t.order_id = o.id),
                    ARRAY[]::text[]) AS tokens,
           EXISTS (SELECT FROM commission c WHERE c.order_id = o.id) AS earned
      FROM shop_order o WHERE o.shop_id = :shop ORDER BY o.received_at DESC, o.id DESC LIMIT :limit
    """
)
_FIRST = sa.text(
    "SELECT sku, title FROM product WHERE shop_id = :shop AND retired_at IS NULL ORDER BY id LIMIT 1"
)


def latest(session: Session, shop_id: UUID, limit: int) -> Sequence[Mapping[str, Any]]:
    """Return the latest orders that were reported, live and test, newest first."""
    rows = session.execute(_LATEST, {"shop": shop_id, "limit": limit}).mappings()
    return [dict(row) for row in rows]


def first_sku(session: Session, shop_id: UUID) -> Mapping[str, str]:
    """Return {sku, title} of a product for the example of a report."""
    row = session.execute(_FIRST, {"shop": shop_id}).mappings().one_or_none()
    return dict(row) if row else {"sku": "A-1", "title": "A thing"}
