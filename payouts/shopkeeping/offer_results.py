"""What each offer and each adviser brought a shop; counted from what stands now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money

_EARNED = """
  SELECT c.offer_id, c.adviser_id, c.currency, m.standing_minor, m.is_approved, m.is_declined,
         (SELECT coalesce(sum(l.net_minor), 0) FROM order_line l WHERE l.order_id = c.order_id) AS net_minor
    FROM commission c JOIN LATERAL (
      SELECT (array_agg(v.standing_minor ORDER BY v.seq DESC))[1] AS standing_minor,
             bool_or(v.kind = 'approved') AS is_approved,
             bool_or(v.kind = 'declined') AND NOT bool_or(v.kind = 'reinstated') AS is_declined
        FROM commission_move v WHERE v.commission_id = c.id) m ON true
   WHERE c.shop_id = :shop AND c.mode = 'live'
"""
_BY_OFFER = sa.text(
    f"""
    SELECT offer_id AS id, count(*) FILTER (WHERE standing_minor > 0) AS orders,
           sum(standing_minor)::bigint AS standing_minor, currency
      FROM ({_EARNED}) e GROUP BY offer_id, currency
    """  # noqa: S608 - put together from constants.
)
_PARTNERS = sa.text(
    f"""
    WITH earned AS ({_EARNED}), sums AS (
      SELECT offer_id, adviser_id, min(currency) AS currency, count(*) AS orders,
             count(*) FILTER (WHERE is_declined) AS declined, sum(standing_minor)::bigint AS standing_minor,
             sum(net_minor) FILTER (WHERE standing_minor > 0)::bigint AS net_minor
        FROM earned GROUP BY offer_id, adviser_id)
    SELECT p.id, p.state, p.message, p.applied_at, p.accepted_at, p.declined_at, p.reason, p.note,
           p.offer_id, p.adviser_id, o.name AS offer,
           n.display_name AS adviser, n.code, n.kind, f.headline, coalesce(s.orders, 0) AS orders,
           coalesce(s.declined, 0) AS declined, coalesce(s.standing_minor, 0) AS standing_minor,
           coalesce(s.net_minor, 0) AS net_minor, o.currency,
           EXISTS (SELECT FROM public_evidence e WHERE e.adviser_id = p.adviser_id) AS is_verified
      FROM partnership p JOIN offer o ON o.id = p.offer_id
      LEFT JOIN public_adviser n ON n.id = p.adviser_id
      LEFT JOIN public_profile f ON f.id = p.adviser_id
      LEFT JOIN sums s ON s.offer_id = p.offer_id AND s.adviser_id = p.adviser_id
     WHERE p.shop_id = :shop
     ORDER BY (p.state = 'applied') DESC, coalesce(s.net_minor, 0) DESC, n.display_name, p.id
    """  # noqa: S608 - put together from constants.
)


@dataclass(frozen=True, slots=True)
class Brought:
    """Orders of which something stands, and what that earns."""

    orders: int
    commission: Money


@dataclass(frozen=True, slots=True)
class Partner:
    """An adviser in one offer of the shop, with what came of it. `told` holds the other columns."""

    id: UUID
    state: str
    commission: Money
    net: Money
    told: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return another column of the row, for templates."""
        if name.startswith("_") or name not in self.told:
            raise AttributeError(name)
        return self.told[name]


def of_offers(session: Session, shop_id: UUID) -> dict[UUID, Brought]:
    """Return what each offer of a shop brought; offers that brought nothing are left out."""
    return {
        row.id: Brought(row.orders, Money(row.standing_minor, row.currency))
        for row in session.execute(_BY_OFFER, {"shop": shop_id})
    }


def partners(session: Session, shop_id: UUID) -> Sequence[Partner]:
    """Return everybody in the offers of a shop: who applied first, then by what they brought."""
    return [
        Partner(
            row["id"],
            row["state"],
            Money(row["standing_minor"], row["currency"]),
            Money(row["net_minor"], row["currency"]),
            dict(row),
        )
        for row in session.execute(_PARTNERS, {"shop": shop_id}).mappings()
    ]
