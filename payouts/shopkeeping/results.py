"""What advice brought a shop, day by day: orders, what they are worth, and what they cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.formats import ZONE
from marketplace.core.money import Money, divide_half_up

# Days are those of Amsterdam, as everywhere on these pages. Net: lines after discount and refunds, without tax.
_DAYS = sa.text(
    """
    SELECT (o.ordered_at AT TIME ZONE 'Europe/Amsterdam')::date AS day, count(*) AS orders,
           count(*) FILTER (WHERE o.is_new) AS new_buyers, count(o.is_new) AS known_buyers,
           sum(greatest(l.net - CASE WHEN b.is_cancelled THEN l.net ELSE b.net END, 0))::bigint AS net,
           sum(m.standing_minor)::bigint AS commission,
           sum((m.standing_minor * f.fee_bp + 5000) / 10000)::bigint AS fee
      FROM commission c
      JOIN shop_order o ON o.id = c.order_id
      JOIN LATERAL (SELECT v.standing_minor FROM commission_move v WHERE v.commission_id = c.id
                     ORDER BY v.seq DESC LIMIT 1) m ON m.standing_minor > 0
      JOIN LATERAL (SELECT coalesce(sum(r.net_minor), 0) AS net FROM order_line r WHERE r.order_id = o.id) l ON true
      JOIN LATERAL (
        SELECT coalesce(sum(p.net_minor), 0) AS net, coalesce(bool_or(r.kind = 'cancel'), false) AS is_cancelled
          FROM refund_outcome x JOIN refund r ON r.id = x.refund_id LEFT JOIN refund_line p ON p.refund_id = r.id
         WHERE x.order_id = o.id AND x.state = 'applied') b ON true
      JOIN LATERAL (
        SELECT k.fee_bp FROM shop_contract k WHERE k.shop_id = c.shop_id
         ORDER BY (k.effective_from <= o.ordered_at) DESC,
                  CASE WHEN k.effective_from <= o.ordered_at THEN -k.version ELSE k.version END LIMIT 1) f ON true
     WHERE c.shop_id = :shop AND c.mode = 'live' AND c.currency = :currency AND o.ordered_at >= :since
     GROUP BY 1
    """
)


@dataclass(slots=True)
class Day:
    """One day's sales by advice; amounts in minor units, without those of which nothing stands."""

    day: dt.date
    orders: int = 0
    new_buyers: int = 0
    known_buyers: int = 0
    net: int = 0
    commission: int = 0
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """The days of a period, oldest first, and those of the period before it."""

    currency: str
    days: Sequence[Day]
    before: Sequence[Day] = field(default=())

    def total(self, name: str) -> int:
        """Return the sum of one figure over the period."""
        return sum(getattr(day, name) for day in self.days)

    def amount(self, name: str) -> Money:
        """Return the sum of one figure of money over the period."""
        return Money(self.total(name), self.currency)

    @property
    def cost(self) -> Money:
        """Return what the period costs the shop: commissions and our fee."""
        return self.amount("commission") + self.amount("fee")

    @property
    def effective_bp(self) -> int | None:
        """Return the cost in hundredths of a percent of what advice brought; None when it brought nothing."""
        net = self.total("net")
        return divide_half_up(10_000 * self.cost.minor, net) if net else None

    def change(self, name: str) -> int | None:
        """Return by how many percent a figure grew since the period before; None when that had nothing."""
        was = sum(getattr(day, name) for day in self.before)
        return None if was <= 0 else divide_half_up(100 * (self.total(name) - was), was)

    def largest(self, name: str) -> int:
        """Return the largest figure of one day."""
        return max((getattr(day, name) for day in self.days), default=0)

    def heights(self, name: str) -> list[int]:
        """Return a figure of each day as 0 to 100 of the largest, for drawing."""
        largest = self.largest(name)
        return [100 * getattr(day, name) // largest if largest else 0 for day in self.days]

    def labels(self) -> list[tuple[int, dt.date]]:
        """Return about six days to write below a chart, with their places."""
        step = max(1, len(self.days) // 6)
        return [(place, self.days[place].day) for place in sorted(range(len(self.days) - 1, -1, -step))]


def of(session: Session, shop_id: UUID, currency: str, now: dt.datetime, length: int) -> Results:
    """Return the last `length` days of a shop, today included, and as many before them."""
    today = now.astimezone(ZONE).date()
    since = today - dt.timedelta(days=2 * length - 1)
    days = {since + dt.timedelta(days=n): Day(since + dt.timedelta(days=n)) for n in range(2 * length)}
    begin = dt.datetime.combine(since, dt.time(), ZONE)
    facts = {"shop": shop_id, "currency": currency, "since": begin}
    for row in session.execute(_DAYS, facts).mappings():
        if row["day"] in days:
            days[row["day"]] = Day(**row)
    every = [days[day] for day in sorted(days)]
    return Results(currency, every[length:], every[:length])
