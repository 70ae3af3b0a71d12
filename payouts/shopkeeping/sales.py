"""Every sale that advice brought to a shop, with what it costs and what became of it; for pages, totals and files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.paging import Place

STATES = ("pending", "approved", "declined", "reversed")
# Our fee goes by the contract on the day of the order; before the first one the first one counts.
_SALES = """
  SELECT c.id, c.created_at, c.currency, c.order_id, c.adviser_id, c.offer_id, o.order_ref, o.ordered_at, o.received_at,
         o.channel, o.is_new, m.standing_minor, m.was_minor, m.cause, m.note, m.last_at, m.terms_id, m.was_reinstated,
         (m.standing_minor * f.fee_bp + 5000) / 10000 AS fee_minor,
         CASE WHEN m.is_declined THEN 'declined' WHEN m.standing_minor = 0 THEN 'reversed'
              WHEN m.approved_at IS NULL THEN 'pending' ELSE 'approved' END AS state,
         greatest(o.ordered_at + t.hold_days * interval '24 hours',
                  o.received_at + interval '24 hours') AS approves_at
    FROM commission c
    JOIN shop_order o ON o.id = c.order_id
    JOIN LATERAL (
      SELECT (array_agg(v.standing_minor ORDER BY v.seq DESC))[1] AS standing_minor,
             (array_agg(v.standing_minor ORDER BY v.seq DESC) FILTER (WHERE v.standing_minor > 0))[1] AS was_minor,
             (array_agg(v.cause ORDER BY v.seq DESC))[1] AS cause,
             (array_agg(v.detail ->> 'note' ORDER BY v.seq DESC))[1] AS note,
             (array_agg(v.terms_id ORDER BY v.seq DESC))[1] AS terms_id,
             max(v.at) AS last_at, min(v.at) FILTER (WHERE v.kind = 'approved') AS approved_at,
             bool_or(v.kind = 'reinstated') AS was_reinstated,
             bool_or(v.kind = 'declined') AND NOT bool_or(v.kind = 'reinstated') AS is_declined
        FROM commission_move v WHERE v.commission_id = c.id) m ON true
    JOIN commission_terms t ON t.id = m.terms_id
    JOIN LATERAL (
      SELECT k.fee_bp FROM shop_contract k WHERE k.shop_id = c.shop_id
       ORDER BY (k.effective_from <= o.ordered_at) DESC,
                CASE WHEN k.effective_from <= o.ordered_at THEN -k.version ELSE k.version END LIMIT 1) f ON true
   WHERE c.shop_id = :shop AND c.mode = 'live'
     AND (CAST(:adviser AS uuid) IS NULL OR c.adviser_id = :adviser)
     AND (CAST(:ref AS text) IS NULL OR o.order_ref = :ref)
     AND (CAST(:since AS timestamptz) IS NULL OR o.ordered_at >= :since)
     AND (CAST(:until AS timestamptz) IS NULL OR o.ordered_at < :until)
"""
_BACK = """
  CASE WHEN EXISTS (SELECT FROM refund_outcome x JOIN refund r ON r.id = x.refund_id
                     WHERE x.order_id = page.order_id AND x.state = 'applied' AND r.kind = 'cancel') THEN f.net_minor
       ELSE (SELECT coalesce(sum(b.net_minor), 0) FROM refund_outcome x JOIN refund_line b ON b.refund_id = x.refund_id
              WHERE x.order_id = page.order_id AND x.state = 'applied') END
"""


def _page(by: str, after: str, order: str) -> sa.TextClause:
    return sa.text(
        f"""
        WITH sales AS ({_SALES}), page AS (
          SELECT *, {by} AS place_at FROM sales
           WHERE (CAST(:state AS text) IS NULL OR state = :state)
             AND (CAST(:after_at AS timestamptz) IS NULL OR ({by}, id) {after} (:after_at, CAST(:after_id AS uuid)))
           ORDER BY {by} {order}, id {order} LIMIT :limit)
        SELECT page.*, n.display_name AS adviser, n.code AS adviser_code, f.title, f.pieces, f.net_minor,
               ({_BACK})::bigint AS back_minor,
               EXISTS (SELECT FROM accrual u WHERE u.commission_id = page.id AND u.shop_id = :shop
                          AND NOT u.funded AND u.funded_entry_id IS NULL) AS is_unpaid
          FROM page
          LEFT JOIN public_adviser n ON n.id = page.adviser_id
          LEFT JOIN LATERAL (
            SELECT (array_agg(r.title ORDER BY r.position))[1] AS title, count(*) AS pieces,
                   coalesce(sum(r.net_minor), 0)::bigint AS net_minor
              FROM order_line r WHERE r.order_id = page.order_id) f ON true
         ORDER BY place_at {order}, page.id {order}
        """  # noqa: S608 - put together from constants.
    )


# What waits for the shop comes by its deadline, everything else by when it came.
_DUE_FIRST, _NEWEST_FIRST = _page("approves_at", ">", "ASC"), _page("created_at", "<", "DESC")
_TOTALS = sa.text(
    f"""
    SELECT currency, state, count(*) AS orders, sum(standing_minor)::bigint AS standing_minor,
           sum(fee_minor)::bigint AS fee_minor, min(approves_at) AS first_approves_at
      FROM ({_SALES}) sales GROUP BY currency, state
    """  # noqa: S608 - put together from constants.
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of sales is narrowed to; None means any. `since` counts, `until` doesn't (time of the order)."""

    state: str | None = None
    adviser_id: UUID | None = None
    order_ref: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def values(self, shop_id: UUID) -> dict[str, Any]:
        """Return what the queries take."""
        return {
            "shop": shop_id,
            "adviser": self.adviser_id,
            "ref": self.order_ref,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class Sale:
    """One commission of a shop with its order. `told` holds the other columns.

    amount: what the adviser gets now; was: what stood before a decline or return; fee: ours on what stands;
    net, back: of the order's lines without tax, and what of that came back; is_unpaid: waits for the shop's budget.
    """

    id: UUID
    state: str
    amount: Money
    was: Money
    fee: Money
    net: Money
    back: Money
    told: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return another column of the row, for templates."""
        if name.startswith("_") or name not in self.told:
            raise AttributeError(name)
        return self.told[name]

    @property
    def is_struck(self) -> bool:
        """Tell whether nothing of it stands any more."""
        return self.state in ("declined", "reversed")

    @property
    def cost(self) -> Money:
        """Return what the shop pays for it: the commission and our fee."""
        return self.amount + self.fee

    @property
    def left(self) -> Money:
        """Return what the order's lines are worth after refunds, without tax."""
        return self.net - self.back


@dataclass(frozen=True, slots=True)
class Total:
    """How many sales of one currency and state there are, what advisers get of them, and our fee.

    first_approves_at: the earliest day on which one of them is (or would have been) approved by itself.
    """

    currency: str
    state: str
    orders: int
    amount: Money
    fee: Money
    first_approves_at: dt.datetime


def page(session: Session, shop_id: UUID, wanted: Wanted, after: Place | None, limit: int) -> list[Sale]:
    """Return up to limit + 1 sales of a shop: those that wait for it by deadline, others newest first.

    after: the place of the last one seen (`place_at`, id).
    """
    at, identity = after or (None, None)
    statement = _DUE_FIRST if wanted.state == "pending" else _NEWEST_FIRST
    values = {"state": wanted.state, "after_at": at, "after_id": identity, "limit": limit + 1}
    rows = session.execute(statement, wanted.values(shop_id) | values).mappings()
    return [_read(dict(row)) for row in rows]


def totals(session: Session, shop_id: UUID, wanted: Wanted) -> list[Total]:
    """Return the sums over all sales of a filter, each state by itself; the filter's own state is not used."""
    return [
        Total(
            row.currency,
            row.state,
            row.orders,
            Money(row.standing_minor, row.currency),
            Money(row.fee_minor, row.currency),
            row.first_approves_at,
        )
        for row in session.execute(_TOTALS, wanted.values(shop_id))
    ]


def summed(found: Sequence[Total], state: str | None = None) -> dict[str, tuple[int, Money, Money]]:
    """Return (orders, commission, fee) by currency, of one state or of all."""
    sums: dict[str, tuple[int, Money, Money]] = {}
    for one in found:
        if state in (None, one.state):
            zero = Money.zero(one.currency)
            count, amount, fee = sums.get(one.currency, (0, zero, zero))
            sums[one.currency] = (count + one.orders, amount + one.amount, fee + one.fee)
    return dict(sorted(sums.items()))


def _read(told: dict[str, Any]) -> Sale:
    currency = told["currency"]
    amounts = {
        name: Money(told.pop(f"{column}_minor") or 0, currency)
        for name, column in (
            ("amount", "standing"),
            ("was", "was"),
            ("fee", "fee"),
            ("net", "net"),
            ("back", "back"),
        )
    }
    identity, state = told.pop("id"), told.pop("state")
    return Sale(identity, state, told=told, **amounts)


_DECIDED = sa.text(
    """
    SELECT c.currency,
           sum(CASE WHEN m.kind = 'approved' THEN m.standing_minor ELSE abs(m.delta_minor) END)::bigint AS decided
      FROM commission c JOIN LATERAL (
        SELECT v.* FROM commission_move v WHERE v.commission_id = c.id ORDER BY v.seq DESC LIMIT 1) m ON true
     WHERE c.shop_id = :shop AND c.id = ANY(:ids) GROUP BY c.currency
    """
)


def decided(session: Session, shop_id: UUID, ids: Sequence[UUID]) -> Money | None:
    """Return what advisers get by commissions just approved, or don't get by those just declined; None: nothing."""
    row = session.execute(_DECIDED, {"shop": shop_id, "ids": list(ids)}).first()
    return Money(row.decided, row.currency) if row is not None else None
