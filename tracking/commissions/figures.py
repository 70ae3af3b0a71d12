"""What orders earned, hung up for pages of rooms below."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.money import Money
from tracking.links import book

_BY_LINK = sa.text(
    """
    SELECT a.link_id, c.currency, count(*) AS orders, sum(m.standing_minor)::bigint AS standing_minor
      FROM commission c
      JOIN LATERAL (SELECT d.link_id FROM attribution d
                     WHERE d.order_id = c.order_id AND d.adviser_id = c.adviser_id ORDER BY d.n DESC LIMIT 1) a ON true
      JOIN LATERAL (SELECT v.standing_minor FROM commission_move v
                     WHERE v.commission_id = c.id ORDER BY v.seq DESC LIMIT 1) m ON true
     WHERE c.adviser_id = :adviser AND c.mode = 'live' AND a.link_id = ANY (:links)
     GROUP BY a.link_id, c.currency ORDER BY c.currency
    """
)


def earned_by_link(
    session: Session, adviser_id: uuid.UUID, link_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[book.Earned]]:
    """Return how many orders each link brought its adviser and what stands of them, by currency."""
    found: dict[uuid.UUID, list[book.Earned]] = {}
    for row in session.execute(_BY_LINK, {"adviser": adviser_id, "links": list(link_ids)}):
        amount = Money(row.standing_minor, row.currency)
        found.setdefault(row.link_id, []).append(book.Earned(row.orders, amount))
    return found


def register() -> None:
    """Hang up the figures. Safe to call twice."""
    hooks.figures[book.EARNED] = earned_by_link
