"""Mail about an offer that was paused, opened again or ended, to the advisers who had joined it by then.

It is told by the clock and not with the act: what a shop takes back within minutes was never news.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from marketplace.core import clock, config, db, mail

SETTLED = dt.timedelta(minutes=10)
# What could not be told by then, because nothing of ours ran, is no news any more: the pages say how it stands.
NEWS = dt.timedelta(days=2)
MOST = 500
# A change of how advisers join stands among the states too, and is none; neither is a state that lasted a moment.
_CHANGED = sa.text(
    """
    WITH touched AS (
      SELECT DISTINCT offer_id FROM offer_state WHERE from_at > :since AND from_at <= :settled),
    steps AS (
      SELECT s.id, s.offer_id, s.state, s.from_at, lag(s.state) OVER w AS before
        FROM offer_state s JOIN touched USING (offer_id) WHERE s.from_at <= :now
      WINDOW w AS (PARTITION BY s.offer_id ORDER BY s.from_at, s.id)),
    changes AS (
      SELECT steps.*, lead(from_at) OVER w AS until FROM steps WHERE before IS DISTINCT FROM state
      WINDOW w AS (PARTITION BY offer_id ORDER BY from_at, id)),
    lasting AS (
      SELECT changes.*, lag(state) OVER w AS was FROM changes
       WHERE state = 'draft' OR coalesce(until, :now) - from_at >= :least
      WINDOW w AS (PARTITION BY offer_id ORDER BY from_at, id))
    SELECT l.id, l.offer_id, l.state, l.from_at, o.name AS offer, s.name AS shop, p.adviser_id
      FROM lasting l
      JOIN offer o ON o.id = l.offer_id
      JOIN shop s ON s.id = o.shop_id
      JOIN partnership p ON p.offer_id = l.offer_id AND p.state = 'accepted' AND p.accepted_at < l.from_at
     WHERE l.from_at > :since AND l.state <> l.was
       AND NOT EXISTS (SELECT FROM mail_message m WHERE m.dedupe = 'offer_state:' || l.id || ':' || p.adviser_id)
     ORDER BY l.from_at, l.id, p.adviser_id LIMIT :limit
    """
)


def tell_due() -> int:
    """Tell advisers of changes that have lasted ten minutes, once each; return how many mails. Safe to run twice."""
    now = clock.now()
    facts = {
        "now": now,
        "since": now - NEWS,
        "settled": now - SETTLED,
        "least": SETTLED,
        "limit": MOST,
    }
    with db.transaction(point="offers.tell_pauses") as session:
        news = [
            mail.News(
                f"adviser:{row.adviser_id}",
                "offer_state",
                {
                    "shop": row.shop,
                    "offer": row.offer,
                    "state": row.state,
                    "at": row.from_at.isoformat(),
                    "url": f"{config.current().base_url}/adviser/offers/{row.offer_id}",
                },
                f"offer_state:{row.id}:{row.adviser_id}",
            )
            for row in session.execute(_CHANGED, facts)
        ]
        return mail.tell_all(session, news, now=now)
