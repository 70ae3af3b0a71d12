"""What a new adviser has done already of what leads to the first euro."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money

_STEPS = sa.text(
    """
    SELECT a.code, a.headline IS NOT NULL AS has_profile,
           EXISTS (SELECT FROM partnership p WHERE p.adviser_id = a.id AND p.state <> 'left') AS has_applied,
           EXISTS (SELECT FROM partnership p WHERE p.adviser_id = a.id AND p.state = 'approved') AS is_welcome,
           EXISTS (SELECT FROM partnership p WHERE p.adviser_id = a.id AND p.state = 'accepted') AS has_joined,
           EXISTS (SELECT FROM tracked_link l WHERE l.adviser_id = a.id AND l.kind = 'link') AS has_link,
           (SELECT count(DISTINCT p.shop_id) FROM partnership p JOIN offer o ON o.id = p.offer_id
             WHERE p.adviser_id = a.id AND p.state = 'accepted' AND o.state = 'open') AS shops,
           EXISTS (SELECT FROM click_tally t JOIN tracked_link l ON l.id = t.link_id
                    WHERE l.adviser_id = a.id AND t.name = 'raw') AS has_click,
           EXISTS (SELECT FROM commission c WHERE c.adviser_id = a.id AND c.mode = 'live') AS has_order,
           EXISTS (SELECT FROM commission_terms t JOIN partnership p ON p.offer_id = t.offer_id
                    WHERE p.adviser_id = a.id AND p.state = 'accepted' AND t.effective_from > :now) AS has_news,
           y.amount_minor AS last_minor, y.currency AS last_currency, y.paid_at AS last_sent,
           y.in_bank_at AS last_there, coalesce(y.state = 'bank_failed', false) AS last_refused
      FROM adviser a
      LEFT JOIN LATERAL (SELECT * FROM payout q WHERE q.adviser_id = a.id AND q.paid_at IS NOT NULL
                          ORDER BY q.id DESC LIMIT 1) y ON true
     WHERE a.id = :adviser
    """
)


@dataclass(frozen=True, slots=True)
class Begun:
    """Which of the first steps are done; `code` stands in the adviser's addresses.

    has_news: terms of an accepted offer will change; last_*: the newest payout that was sent, if any.
    """

    code: str
    has_profile: bool
    has_applied: bool
    is_welcome: bool
    has_joined: bool
    has_link: bool
    shops: int
    has_click: bool
    has_order: bool
    has_news: bool
    last_minor: int | None
    last_currency: str | None
    last_sent: dt.datetime | None
    last_there: dt.datetime | None
    last_refused: bool

    @property
    def last_payout(self) -> Money | None:
        """Return the amount of the newest payout that was sent."""
        if self.last_minor is None or self.last_currency is None:
            return None
        return Money(self.last_minor, self.last_currency)

    @property
    def is_new(self) -> bool:
        """Tell whether there is nothing to draw yet."""
        return not (self.has_click or self.has_order)


def steps(session: Session, adviser_id: UUID, now: dt.datetime) -> Begun:
    """Return how far an adviser has come; one query."""
    return Begun(**session.execute(_STEPS, {"adviser": adviser_id, "now": now}).mappings().one())
