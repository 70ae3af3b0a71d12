"""What a new adviser has done already of what leads to the first euro."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

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
           EXISTS (SELECT FROM commission c WHERE c.adviser_id = a.id AND c.mode = 'live') AS has_order
      FROM adviser a WHERE a.id = :adviser
    """
)


@dataclass(frozen=True, slots=True)
class Begun:
    """Which of the first steps are done; `code` stands in the adviser's addresses."""

    code: str
    has_profile: bool
    has_applied: bool
    is_welcome: bool
    has_joined: bool
    has_link: bool
    shops: int
    has_click: bool
    has_order: bool

    @property
    def is_new(self) -> bool:
        """Tell whether there is nothing to draw yet."""
        return not (self.has_click or self.has_order)


def steps(session: Session, adviser_id: UUID) -> Begun:
    """Return how far an adviser has come; one query."""
    return Begun(**session.execute(_STEPS, {"adviser": adviser_id}).mappings().one())
