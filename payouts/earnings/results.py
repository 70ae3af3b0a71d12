"""What an adviser's clicks became, day by day: clicks that count, the orders after them, and what those earn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money

# Both by days of UTC, as clicks are counted, so that a click and its order stand above one another.
_DAYS = sa.text(
    """
    SELECT t.day, sum(t.clicks)::bigint AS clicks, 0 AS orders, 0 AS approved, 0 AS earned
      FROM click_tally t JOIN tracked_link l ON l.id = t.link_id
     WHERE l.adviser_id = :adviser AND t.name = 'billable' AND t.day >= :since
     GROUP BY t.day
    UNION ALL
    SELECT (o.ordered_at AT TIME ZONE 'UTC')::date, 0, count(*),
           count(*) FILTER (WHERE m.standing_minor > 0 AND m.approved), sum(m.standing_minor)::bigint
      FROM commission c
      JOIN shop_order o ON o.id = c.order_id
      JOIN LATERAL (
        SELECT (array_agg(v.standing_minor ORDER BY v.seq DESC))[1] AS standing_minor,
               bool_or(v.kind = 'approved') AS approved
          FROM commission_move v WHERE v.commission_id = c.id) m ON true
     WHERE c.adviser_id = :adviser AND c.mode = 'live' AND c.currency = :currency
       AND o.ordered_at >= CAST(:since AS date)::timestamp AT TIME ZONE 'UTC'
     GROUP BY 1
    """
)


@dataclass(slots=True)
class Day:
    """One day's clicks, orders (`approved` of them) and what those orders earn now, in minor units."""

    day: dt.date
    clicks: int = 0
    orders: int = 0
    approved: int = 0
    earned: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """The days of a period, oldest first, and the sums of the period before it."""

    currency: str
    days: Sequence[Day]
    before: Sequence[Day] = field(default=())

    def total(self, name: str) -> int:
        """Return the sum of clicks, orders, approved or earned over the period."""
        return sum(getattr(day, name) for day in self.days)

    def change(self, name: str) -> int | None:
        """Return by how many percent a sum grew since the period before; None when that had nothing."""
        was = sum(getattr(day, name) for day in self.before)
        return None if was <= 0 else (200 * (self.total(name) - was) + was) // (2 * was)

    def heights(self, name: str) -> list[int]:
        """Return a figure of each day as 0 to 100 of the largest, for drawing."""
        largest = self.largest(name)
        return [100 * getattr(day, name) // largest if largest else 0 for day in self.days]

    def largest(self, name: str) -> int:
        """Return the largest figure of one day."""
        return max((getattr(day, name) for day in self.days), default=0)

    @property
    def earned(self) -> Money:
        """Return what the orders of the period earn now."""
        return Money(self.total("earned"), self.currency)

    @property
    def per_click(self) -> Money | None:
        """Return what a click earned on average, rounded half up; None without clicks."""
        clicks = self.total("clicks")
        return Money((2 * self.total("earned") + clicks) // (2 * clicks), self.currency) if clicks else None

    def labels(self) -> list[tuple[int, dt.date]]:
        """Return about six days to write below a chart, with their places."""
        step = max(1, len(self.days) // 6)
        places = range(len(self.days) - 1, -1, -step)
        return [(place, self.days[place].day) for place in sorted(places)]


def of(session: Session, adviser_id: UUID, currency: str, now: dt.datetime, length: int) -> Results:
    """Return the last `length` days of an adviser, today included, in one currency."""
    today = now.astimezone(dt.UTC).date()
    since = today - dt.timedelta(days=2 * length - 1)
    days = {since + dt.timedelta(days=n): Day(since + dt.timedelta(days=n)) for n in range(2 * length)}
    facts = {"adviser": adviser_id, "since": since, "currency": currency}
    for row in session.execute(_DAYS, facts):
        if row.day in days:
            found = days[row.day]
            found.clicks += row.clicks
            found.orders += row.orders
            found.approved += row.approved
            found.earned += row.earned
    every = [days[day] for day in sorted(days)]
    return Results(currency, every[length:], every[:length])
