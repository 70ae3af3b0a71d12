"""Mail about commissions: an adviser's first order, each that a shop declines, and those that wait for a shop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import clock, config, db, mail
from marketplace.core.money import Money
from tracking.commissions.models import Commission, CommissionMove
from tracking.orders.models import ShopOrder

# What is older is news no longer, such as when the worker was away for long.
FRESH = dt.timedelta(days=7)
BATCH = 200
LATE_CLICKS = dt.timedelta(hours=24)  # Silent edges are waited for this long before the clock approves (D4).

# The first live commission of each adviser who was told nothing yet, once its attribution waits for no more clicks.
_FIRST = sa.text(
    """
    SELECT a.id AS adviser_id, c.id AS commission_id, c.created_at, c.currency, last.standing_minor, o.order_ref,
           o.ordered_at, o.received_at, t.hold_days, s.name AS shop
      FROM adviser a
      JOIN LATERAL (SELECT * FROM commission f WHERE f.adviser_id = a.id AND f.mode = 'live'
                     ORDER BY f.created_at, f.id LIMIT 1) c ON true
      JOIN LATERAL (SELECT m.standing_minor, m.terms_id FROM commission_move m WHERE m.commission_id = c.id
                     ORDER BY m.seq DESC LIMIT 1) last ON last.standing_minor > 0
      JOIN LATERAL (SELECT d.state FROM attribution d WHERE d.order_id = c.order_id ORDER BY d.n DESC LIMIT 1) stands
        ON stands.state <> 'provisional'
      JOIN commission_terms t ON t.id = last.terms_id
      JOIN shop_order o ON o.id = c.order_id
      JOIN shop s ON s.id = c.shop_id
     WHERE NOT EXISTS (SELECT FROM mail_message m WHERE m.dedupe = 'first_order:' || a.id)
     ORDER BY a.id LIMIT :limit
    """
)

# What waits for each shop that was not told this week. A commission waits while nobody approved or declined it; when
# it is approved by itself goes by its order, as everywhere.
_WAITING = sa.text(
    """
    SELECT c.shop_id, c.currency, s.name AS shop, count(*) AS orders,
           sum(last.standing_minor)::bigint AS standing_minor,
           min(greatest(o.ordered_at + t.hold_days * interval '24 hours',
                        o.received_at + interval '24 hours')) AS approves_at
      FROM commission c
      JOIN LATERAL (SELECT m.standing_minor, m.terms_id FROM commission_move m WHERE m.commission_id = c.id
                     ORDER BY m.seq DESC LIMIT 1) last ON last.standing_minor > 0
      JOIN commission_terms t ON t.id = last.terms_id
      JOIN shop_order o ON o.id = c.order_id
      JOIN shop s ON s.id = c.shop_id
     WHERE c.mode = 'live' AND c.created_at > :since
       AND NOT EXISTS (SELECT FROM commission_move v WHERE v.commission_id = c.id
                         AND v.kind IN ('approved', 'declined'))
       AND NOT EXISTS (SELECT FROM mail_message m WHERE m.dedupe = 'orders_waiting:' || c.shop_id || :week)
     GROUP BY c.shop_id, c.currency, s.name
    HAVING min(c.created_at) < :settled
     ORDER BY c.shop_id LIMIT :limit
    """
)
# The longest hold that terms may promise, and a day for clicks that come late: older ones can't wait any more.
_LONGEST_WAIT = dt.timedelta(days=400)


def declined(
    session: Session,
    commission: Commission,
    order: ShopOrder,
    history: Sequence[CommissionMove],
    reason: str,
    note: str | None,
    now: dt.datetime,
) -> None:
    """Tell the adviser, in this transaction, that a commission was declined and why; nothing about test orders.

    history: the moves before the decline.
    """
    if commission.mode != "live":
        return
    facts = {
        "amount": mail.money_fact(Money(history[-1].standing_minor, commission.currency)),
        "order_ref": order.order_ref,
        "shop": shops.get(session, commission.shop_id).name,
        "reason": reason,
        "note": note,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/adviser/earnings/{commission.id}",
    }
    whom = f"adviser:{commission.adviser_id}"
    mail.tell(session, whom, "order_declined", facts, once=f"order_declined:{commission.id}", now=now)


def first_orders() -> int:
    """Tell advisers of the first order that their advice brought; return how many. Safe to run twice.

    One that is old when it is seen, as all are on the day this is first run, counts as told.
    """
    now = clock.now()
    with db.transaction(point="commissions.first_orders") as session:
        rows = session.execute(_FIRST, {"limit": BATCH}).all()
        news: list[mail.News] = []
        late: list[mail.News] = []
        for row in rows:
            hold = dt.timedelta(days=row.hold_days)
            facts = {
                "amount": mail.money_fact(Money(row.standing_minor, row.currency)),
                "order_ref": row.order_ref,
                "shop": row.shop,
                "at": row.ordered_at.isoformat(),
                "approves": max(row.ordered_at + hold, row.received_at + LATE_CLICKS).isoformat(),
                "url": f"{config.current().base_url}/adviser/earnings/{row.commission_id}",
            }
            is_fresh = row.created_at > now - FRESH
            one = mail.News(
                f"adviser:{row.adviser_id}", "first_order", facts, f"first_order:{row.adviser_id}"
            )
            (news if is_fresh else late).append(one)
        mail.pass_over(session, late, now=now)
        return mail.tell_all(session, news, now=now)


def orders_waiting() -> int:
    """Tell shops, once a week, how many orders wait for their yes or no; return how many shops. Safe to run twice.

    Orders of the last day don't make a mail by themselves: who looks every day has seen them.
    """
    now = clock.now()
    week = ":" + "-".join(str(part) for part in now.isocalendar()[:2])
    with db.transaction(point="commissions.orders_waiting") as session:
        facts = {"since": now - _LONGEST_WAIT, "week": week, "settled": now - LATE_CLICKS, "limit": BATCH}
        news = [
            mail.News(
                f"owners:{row.shop_id}",
                "orders_waiting",
                {
                    "shop": row.shop,
                    "orders": row.orders,
                    "amount": mail.money_fact(Money(row.standing_minor, row.currency)),
                    "approves": row.approves_at.isoformat(),
                    "url": f"{config.current().base_url}/shop/orders?shop_id={row.shop_id}",
                },
                f"orders_waiting:{row.shop_id}{week}",
            )
            for row in session.execute(_WAITING, facts)
        ]
        return mail.tell_all(session, news, now=now)
