"""What a store's page shows of its counter: who works there, and the cards and spoken codes of the shop's advisers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.stores.models import Store
from tracking.links import drawings, service, spoken
from tracking.links.models import TrackedLink

# Who advises for the shop or works in the store, each with the code that is said aloud and the link of the card.
_PEOPLE = sa.text(
    """
    SELECT p.id AS partnership_id, p.offer_id, p.adviser_id, o.name AS offer, n.display_name AS adviser, n.code,
           n.kind, d.id AS code_id, d.code AS spoken, l.id AS link_id, w.id AS store_adviser_id, w.from_at
      FROM partnership p JOIN offer o ON o.id = p.offer_id AND o.state = 'open'
      LEFT JOIN public_adviser n ON n.id = p.adviser_id
      LEFT JOIN discount_code d ON d.offer_id = p.offer_id AND d.adviser_id = p.adviser_id AND d.is_spoken
                               AND d.revoked_at IS NULL
      LEFT JOIN tracked_link l ON l.offer_id = p.offer_id AND l.adviser_id = p.adviser_id AND l.kind = 'offer'
      LEFT JOIN store_adviser w ON w.store_id = :store AND w.adviser_id = p.adviser_id AND w.until_at IS NULL
     WHERE p.shop_id = :shop AND p.state = 'accepted'
     ORDER BY (w.id IS NULL), n.display_name, o.name, p.id LIMIT 200
    """
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who advises for the shop in one offer; a code and a card where they have one."""

    partnership_id: UUID
    adviser_id: UUID
    adviser: str
    code: str
    kind: str
    offer: str
    works_here: UUID | None
    code_id: UUID | None
    spoken: str | None
    qr: str


def people(session: Session, store: Store, *, drawn: bool = False) -> Sequence[Person]:
    """Return who advises for the shop of a store, those who work there first; drawn: with the QR of each card."""
    rows = session.execute(_PEOPLE, {"store": store.id, "shop": store.shop_id}).all()
    links = {}
    if drawn:
        wanted = [row.link_id for row in rows if row.link_id and row.code_id]
        links = {
            one.id: one for one in session.scalars(sa.select(TrackedLink).where(TrackedLink.id.in_(wanted)))
        }
    return [
        Person(
            row.partnership_id,
            row.adviser_id,
            row.adviser or "–",
            row.code or "",
            row.kind or "",
            row.offer,
            row.store_adviser_id,
            row.code_id,
            spoken.shown(row.spoken) if row.spoken else None,
            drawings.inline(service.url(links[row.link_id])) if row.link_id in links else "",
        )
        for row in rows
    ]


def offer_and_adviser(
    session: Session, shop_ids: Sequence[UUID], partnership_id: UUID
) -> sa.Row[tuple[UUID, UUID]] | None:
    """Return offer_id and adviser_id of a partnership of these shops, or None."""
    query = sa.text("SELECT offer_id, adviser_id FROM partnership WHERE id = :id AND shop_id = ANY(:shops)")
    return session.execute(query, {"id": partnership_id, "shops": list(shop_ids)}).one_or_none()
