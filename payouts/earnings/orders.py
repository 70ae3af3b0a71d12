"""Every order that earned an adviser something, with what became of it; the same query for pages, totals and files."""

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
from marketplace.offers.rates import Rate, read_rate

STATES = ("pending", "approved", "paid", "declined", "reversed")

# Money that came back from a payout that was not carried out is in the payout that took it up again.
_MINE = """
  SELECT c.id, c.mode, c.created_at, c.currency, c.shop_id, c.offer_id, c.order_id, o.order_ref, o.ordered_at,
         d.link_id, d.touch_id, d.code_id, m.standing_minor, m.was_minor, m.cause, m.note, m.last_at, m.terms_id,
         m.lines, m.approved_at, y.payout_id, y.payout_state, y.paid_at, y.in_bank_at,
         greatest(o.ordered_at + t.hold_days * interval '24 hours',
                  o.received_at + interval '24 hours') AS approves_at,
         m.approved_at IS NOT NULL AND NOT EXISTS (
           SELECT FROM accrual w WHERE w.commission_id = c.id AND w.kind = 'approved') AND EXISTS (
           SELECT FROM accrual w WHERE w.commission_id = c.id AND NOT w.funded AND w.funded_entry_id IS NULL
         ) AS awaits_shop,
         CASE WHEN m.is_declined THEN 'declined' WHEN m.standing_minor = 0 THEN 'reversed'
              WHEN m.approved_at IS NULL THEN 'pending'
              WHEN y.payout_state IN ('paid', 'in_bank', 'bank_failed') THEN 'paid' ELSE 'approved' END AS state
    FROM commission c
    JOIN shop_order o ON o.id = c.order_id
    JOIN LATERAL (
      SELECT (array_agg(v.standing_minor ORDER BY v.seq DESC))[1] AS standing_minor,
             (array_agg(v.standing_minor ORDER BY v.seq DESC) FILTER (WHERE v.standing_minor > 0))[1] AS was_minor,
             (array_agg(v.cause ORDER BY v.seq DESC))[1] AS cause,
             (array_agg(v.detail ->> 'note' ORDER BY v.seq DESC))[1] AS note,
             (array_agg(v.terms_id ORDER BY v.seq DESC))[1] AS terms_id,
             (array_agg(v.detail -> 'lines' ORDER BY v.seq DESC)
               FILTER (WHERE v.detail ? 'lines' AND v.standing_minor > 0))[1] AS lines,
             max(v.at) AS last_at, min(v.at) FILTER (WHERE v.kind = 'approved') AS approved_at,
             bool_or(v.kind = 'declined') AND NOT bool_or(v.kind = 'reinstated') AS is_declined
        FROM commission_move v WHERE v.commission_id = c.id) m ON true
    JOIN commission_terms t ON t.id = m.terms_id
    LEFT JOIN LATERAL (
      SELECT a.link_id, a.touch_id, a.code_id FROM attribution a
       WHERE a.order_id = c.order_id AND a.adviser_id = c.adviser_id ORDER BY a.n DESC LIMIT 1) d ON true
    LEFT JOIN LATERAL (
      WITH RECURSIVE way AS (
        SELECT l.payout_id FROM accrual w JOIN payout_line l ON l.entry_id = w.entry_id
         WHERE w.commission_id = c.id AND l.amount_minor > 0
        UNION
        SELECT l.payout_id FROM way
          JOIN entry e ON e.source_type = 'payout' AND e.source_id = way.payout_id::text AND e.kind = 'released'
          JOIN payout_line l ON l.entry_id = e.id)
      SELECT p.id AS payout_id, p.state AS payout_state, p.paid_at, p.in_bank_at
        FROM way JOIN payout p ON p.id = way.payout_id
       ORDER BY p.state = 'released', p.approved_at DESC LIMIT 1) y ON true
   WHERE c.adviser_id = :adviser AND (c.mode = 'live' OR CAST(:one AS uuid) IS NOT NULL)
     AND (CAST(:shop AS uuid) IS NULL OR c.shop_id = :shop)
     AND (CAST(:link AS uuid) IS NULL OR d.link_id = :link)
     AND (CAST(:one AS uuid) IS NULL OR c.id = :one)
     AND (CAST(:since AS timestamptz) IS NULL OR o.ordered_at >= :since)
     AND (CAST(:until AS timestamptz) IS NULL OR o.ordered_at < :until)
"""
_PAGE = sa.text(
    f"""
    WITH mine AS ({_MINE}), page AS (
      SELECT * FROM mine
       WHERE (CAST(:state AS text) IS NULL OR state = :state)
         AND (CAST(:after_at AS timestamptz) IS NULL OR (created_at, id) < (:after_at, CAST(:after_id AS uuid)))
       ORDER BY created_at DESC, id DESC LIMIT :limit)
    SELECT page.*, n.name AS shop, coalesce(nullif(v.title, ''), k.placement) AS placement, k.path, f.title, f.pieces,
           s.id AS statement_id, s.number
      FROM page
      LEFT JOIN public_shop_name n ON n.id = page.shop_id
      LEFT JOIN tracked_link k ON k.id = page.link_id
      LEFT JOIN advice_page v ON v.code = k.placement AND v.adviser_id = k.adviser_id
      LEFT JOIN statement s ON s.payout_id = page.payout_id
      LEFT JOIN LATERAL (
        SELECT (array_agg(r.title ORDER BY r.position))[1] AS title, count(*) AS pieces
          FROM order_line r WHERE r.order_id = page.order_id) f ON true
     ORDER BY page.created_at DESC, page.id DESC
    """  # noqa: S608 - put together from constants.
)
_TOTALS = sa.text(
    f"""
    SELECT currency, state, count(*) AS orders, sum(standing_minor)::bigint AS standing_minor,
           sum(coalesce(was_minor, 0))::bigint AS was_minor FROM ({_MINE}) mine GROUP BY currency, state
    """  # noqa: S608 - put together from constants.
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of earnings is narrowed to; None means any. `since` counts, `until` doesn't (time of the order)."""

    state: str | None = None
    shop_id: UUID | None = None
    link_id: UUID | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def values(self, adviser_id: UUID, one: UUID | None = None) -> dict[str, Any]:
        """Return what the query takes."""
        return {
            "adviser": adviser_id,
            "shop": self.shop_id,
            "link": self.link_id,
            "one": one,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class Earned:
    """One order of an adviser: what it earned, where that is now and why. `told` holds the other columns.

    amount: what stands; was: what stood before a decline or return took it away, else the same as amount.
    """

    id: UUID
    state: str
    amount: Money
    was: Money
    base: Money
    rates: tuple[Rate, ...]
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


@dataclass(frozen=True, slots=True)
class Total:
    """How many orders of one currency and state there are, and their sums."""

    currency: str
    state: str
    orders: int
    standing: Money
    was: Money


def page(session: Session, adviser_id: UUID, wanted: Wanted, after: Place | None, limit: int) -> list[Earned]:
    """Return up to limit + 1 orders of an adviser, newest first; `after` is the place of the last one seen."""
    at, identity = after or (None, None)
    values = {"state": wanted.state, "after_at": at, "after_id": identity, "limit": limit + 1}
    rows = session.execute(_PAGE, wanted.values(adviser_id) | values).mappings()
    return [_read(dict(row)) for row in rows]


def one(session: Session, adviser_id: UUID, commission_id: UUID) -> Earned | None:
    """Return one order of an adviser, or None when it is not theirs; tests too, which no list shows."""
    values = {"state": None, "after_at": None, "after_id": None, "limit": 1}
    row = session.execute(_PAGE, Wanted().values(adviser_id, commission_id) | values).mappings().one_or_none()
    return None if row is None else _read(dict(row))


def totals(session: Session, adviser_id: UUID, wanted: Wanted) -> list[Total]:
    """Return the sums over all orders of a filter, each state by itself; the filter's own state is not used."""
    rows = session.execute(_TOTALS, wanted.values(adviser_id))
    return [
        Total(
            row.currency,
            row.state,
            row.orders,
            Money(row.standing_minor, row.currency),
            Money(row.was_minor, row.currency),
        )
        for row in rows
    ]


def summed(found: Sequence[Total], state: str | None = None) -> dict[str, tuple[int, Money]]:
    """Return (orders, what stands) by currency, of one state or of all."""
    sums: dict[str, tuple[int, Money]] = {}
    for total in found:
        if state in (None, total.state):
            count, amount = sums.get(total.currency, (0, Money.zero(total.currency)))
            sums[total.currency] = (count + total.orders, amount + total.standing)
    return dict(sorted(sums.items()))


def _read(told: dict[str, Any]) -> Earned:
    currency = told["currency"]
    amount = Money(told.pop("standing_minor"), currency)
    was_minor = told.pop("was_minor") or 0
    lines = told.pop("lines") or []
    base = Money.zero(currency)
    rates: list[Rate] = []
    for line in lines:
        base += Money.parse(line["base"]["amount"], currency)
        if line.get("rate") and (rate := read_rate(line["rate"], currency)) not in rates:
            rates.append(rate)
    identity, state = told.pop("id"), told.pop("state")
    return Earned(identity, state, amount, Money(was_minor, currency), base, tuple(rates), told)
