"""Mail about clicks: the first one on an adviser's links that is not their own."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from marketplace.core import clock, config, db, mail
from marketplace.offers import terms

FRESH = dt.timedelta(days=7)
BATCH = 200

# "billable" counts what is qualified, unique and not the adviser's own; it is counted when clicks are shipped.
_FIRST = sa.text(
    """
    SELECT a.id AS adviser_id, first.day, first.code, first.placement, first.offer_id, s.name AS shop, p.title
      FROM adviser a
      JOIN LATERAL (SELECT t.day, l.code, l.placement, l.offer_id, l.shop_id, l.product_id
                      FROM tracked_link l
                      JOIN click_tally t ON t.link_id = l.id AND t.name = 'billable'
                     WHERE l.adviser_id = a.id ORDER BY t.day, l.id LIMIT 1) first ON true
      JOIN shop s ON s.id = first.shop_id
      LEFT JOIN product p ON p.id = first.product_id
     WHERE NOT EXISTS (SELECT FROM mail_message m WHERE m.dedupe = 'first_click:' || a.id)
     ORDER BY a.id LIMIT :limit
    """
)


def first_clicks() -> int:
    """Tell advisers of the first click of somebody else; return how many. Safe to run twice.

    One that is old when it is seen, as all are on the day this is first run, counts as told.
    """
    now = clock.now()
    with db.transaction(point="touches.first_clicks") as session:
        rows = session.execute(_FIRST, {"limit": BATCH}).all()
        in_force = terms.many_at(session, {(row.offer_id, now) for row in rows})
        news: list[mail.News] = []
        late: list[mail.News] = []
        for row in rows:
            known = in_force.get((row.offer_id, now))
            facts = {
                "code": row.code,
                # What an adviser knows a link by; a link to the whole shop names no product.
                "product": row.title,
                "place": row.placement,
                "shop": row.shop,
                # A tally knows the day only; noon is on that day in every zone that we write for.
                "at": dt.datetime.combine(row.day, dt.time(12), dt.UTC).isoformat(),
                "window_days": known.window.days if known is not None else None,
                "url": f"{config.current().base_url}/adviser/links",
            }
            one = mail.News(
                f"adviser:{row.adviser_id}", "first_click", facts, f"first_click:{row.adviser_id}"
            )
            (news if row.day >= (now - FRESH).date() else late).append(one)
        mail.pass_over(session, late, now=now)
        return mail.tell_all(session, news, now=now)
