"""Terms that an adviser's offers will have: published, with notice, and not in force yet."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.offers import terms
from marketplace.offers.models import CommissionTerms, Offer, Partnership
from marketplace.offers.terms import Terms


@dataclass(frozen=True, slots=True)
class Coming:
    """An offer that the adviser accepted, its terms now and those that come."""

    offer_id: uuid.UUID
    offer: str
    shop_id: uuid.UUID
    was: Terms
    becomes: Terms


def changes(session: Session, actor: Actor, now: dt.datetime) -> list[Coming]:
    """Return the changes that an adviser was given notice of, the next one first."""
    query = (
        sa.select(Offer, CommissionTerms)
        .join(Partnership, Partnership.offer_id == Offer.id)
        .join(CommissionTerms, CommissionTerms.offer_id == Offer.id)
        .where(
            tenancy.adviser(actor, "offers.coming", Partnership.adviser_id),
            Partnership.state == "accepted",
            CommissionTerms.effective_from > now,
        )
        .order_by(CommissionTerms.effective_from, CommissionTerms.version)
    )
    rows = session.execute(query).all()
    if not rows:
        return []
    present = terms.many_at(session, [(offer.id, now) for offer, _ in rows])
    return [
        Coming(offer.id, offer.name, offer.shop_id, present[offer.id, now], Terms.of(row))
        for offer, row in rows
        if (offer.id, now) in present
    ]
