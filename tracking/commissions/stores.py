"""What was sold in a store and what of it came by advice: counted from orders, refunds and moves each time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public, shops
from marketplace.core import hooks
from marketplace.core.hooks import Finding
from marketplace.core.money import Money
from marketplace.stores import service as stores
from marketplace.stores.models import Store

# An order may have commissions of several advisers over time, of which one lives; so orders are counted apart.
_SOLD = """
WITH sold AS MATERIALIZED (
  SELECT o.id, l.net,
    CASE WHEN EXISTS (SELECT FROM refund_outcome x JOIN refund r ON r.id = x.refund_id
        WHERE x.order_id = o.id AND x.state = 'applied' AND r.kind = 'cancel') THEN l.net
      ELSE coalesce((SELECT sum(b.net_minor) FROM refund_outcome x JOIN refund_line b ON b.refund_id = x.refund_id
        WHERE x.order_id = o.id AND x.state = 'applied'), 0) END AS back
  FROM shop_order o
  JOIN LATERAL (SELECT coalesce(sum(net_minor), 0) AS net FROM order_line WHERE order_id = o.id) l ON true
  WHERE o.store_id = :store AND o.mode = :mode
    AND o.ordered_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND o.ordered_at < coalesce(CAST(:until AS timestamptz), 'infinity')
), earned AS MATERIALIZED (
  SELECT s.id, s.net, s.back, c.adviser_id, last.standing_minor AS standing
  FROM sold s
  JOIN commission c ON c.order_id = s.id
  JOIN LATERAL (SELECT m.standing_minor FROM commission_move m WHERE m.commission_id = c.id
    ORDER BY m.seq DESC LIMIT 1) last ON true
)
"""
_TOTALS = """
SELECT count(*) AS orders, coalesce(sum(net), 0)::bigint AS net,
  count(*) FILTER (WHERE back > 0) AS refunded_orders, coalesce(sum(back), 0)::bigint AS refunded,
  count(*) FILTER (WHERE advised) AS advised_orders,
  coalesce(sum(net) FILTER (WHERE advised), 0)::bigint AS advised_net,
  coalesce((SELECT sum(standing) FROM earned), 0)::bigint AS commissions
FROM (SELECT s.*, EXISTS (SELECT FROM earned e WHERE e.id = s.id) AS advised FROM sold s) t
"""
_BY_ADVISER = """
SELECT adviser_id, count(*) AS orders, sum(net)::bigint AS net, sum(back)::bigint AS refunded,
  sum(standing)::bigint AS commissions
FROM earned GROUP BY adviser_id ORDER BY commissions DESC, net DESC, adviser_id
"""
_OF_THEIR_SHOP = sa.text(
    "SELECT count(*) FILTER (WHERE s.id IS NULL OR s.shop_id <> o.shop_id OR o.channel <> 'pos'), count(*)"
    " FROM shop_order o LEFT JOIN store s ON s.id = o.store_id WHERE o.store_id IS NOT NULL"
)


def report(
    session: Session, store: Store, mode: str, since: dt.datetime | None, until: dt.datetime | None
) -> dict[str, Any]:
    """Return what was sold in a store from `since` up to but not at `until`, both by when it was ordered.

    Net: lines after discount, without tax and delivery. Advised: somebody has a commission of it, whatever became of
    that. Commissions: what stands now.
    """
    currency = shops.get(session, store.shop_id).currency
    asked = {"store": store.id, "mode": mode, "since": since, "until": until}
    total = session.execute(sa.text(_SOLD + _TOTALS), asked).mappings().one()
    rows = session.execute(sa.text(_SOLD + _BY_ADVISER), asked).mappings().all()
    names = public.names_of(session, [row["adviser_id"] for row in rows])
    there = {one.adviser_id for one in stores.advisers_of(session, store) if one.until_at is None}

    def money(minor: int) -> Money:
        return Money(minor, currency)

    return {
        "store_id": store.id,
        "shop_id": store.shop_id,
        "code": store.code,
        "mode": mode,
        "since": since,
        "until": until,
        "orders": total["orders"],
        "net": money(total["net"]),
        "refunds": {"orders": total["refunded_orders"], "net": money(total["refunded"])},
        "net_left": money(total["net"] - total["refunded"]),
        "advised": {
            "orders": total["advised_orders"],
            "net": money(total["advised_net"]),
            "commissions": money(total["commissions"]),
        },
        "not_advised": {
            "orders": total["orders"] - total["advised_orders"],
            "net": money(total["net"] - total["advised_net"]),
        },
        "by_adviser": [_of_adviser(row, names, there, currency) for row in rows],
    }


def _of_adviser(
    row: sa.RowMapping, names: Mapping[UUID, str], there: set[UUID], currency: str
) -> dict[str, Any]:
    amounts = {name: Money(row[name], currency) for name in ("net", "refunded", "commissions")}
    return {
        "adviser_id": row["adviser_id"],
        "adviser_name": names.get(row["adviser_id"]),
        "works_here": row["adviser_id"] in there,
        "orders": row["orders"],
        **amounts,
    }


def stores_of_their_shop(session: Session) -> Finding:
    """Count orders made in a store that another shop has, or that were made at no till."""
    broken, seen = session.execute(_OF_THEIR_SHOP).one()
    return Finding(int(broken), int(seen))


def register() -> None:
    """Register the promise. Safe to call twice."""
    hooks.invariant("orders_are_of_their_shops_store", "orders", stores_of_their_shop)
