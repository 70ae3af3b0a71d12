"""Publish commission terms: immutable, numbered versions that take effect after the notice promised (D8)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit, ids
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, InvalidInput
from marketplace.offers import documents, news, service
from marketplace.offers.models import CommissionTerms, Offer

# Whatever the notice, everybody's clock and every cache has caught up by then.
LEAST_AHEAD = dt.timedelta(minutes=5)
MOST_AHEAD = dt.timedelta(days=366)


class TermsUnchanged(Conflict):
    """The terms are those of the newest version already."""

    code = "terms_unchanged"
    title = "These terms are published already"
    detail = "Version {version} of offer {offer_id} says exactly this."
    next = "Change something, or leave version {version} as it is."


def publish(
    session: Session,
    actor: Actor,
    offer_id: uuid.UUID,
    document: Mapping[str, Any],
    *,
    now: dt.datetime,
    effective_from: dt.datetime | None = None,
) -> CommissionTerms:
    """Publish the next numbered version of an offer's terms, which never changes afterwards.

    Version 1 takes effect at once. A later one takes effect after the offer's notice and at least 5 minutes
    from now, at `effective_from` where given, and never before a version that was published earlier.
    Raises InvalidInput naming what is wrong, TermsUnchanged for what the newest version says already,
    service.OfferClosed, NotFound for another's offer, OwnerNeeded for staff.
    """
    offer = service.locked(session, actor, offer_id)
    if offer.state == "closed":
        raise service.OfferClosed(offer_id=offer_id)
    read = documents.read_document(document, offer.currency)
    sha256 = documents.fingerprint(read)
    newest = session.scalars(_versions(offer.id).order_by(CommissionTerms.version.desc()).limit(1)).first()
    if newest is not None and newest.sha256 == sha256:
        raise TermsUnchanged(offer_id=offer_id, version=newest.version)
    row = CommissionTerms(
        id=ids.new_id(),
        offer_id=offer.id,
        shop_id=offer.shop_id,
        currency=offer.currency,
        version=1 if newest is None else newest.version + 1,
        effective_from=_effective(offer, newest, effective_from, now),
        published_at=now,
        published_by=actor.user_id,
        document=read,
        sha256=sha256,
        window_days=read["window_days"],
        hold_days=read["hold_days"],
    )
    session.add(row)
    session.flush()
    facts = {"version": row.version, "sha256": sha256.hex(), "effective_from": row.effective_from.isoformat()}
    audit.record(session, actor, "terms.publish", "offer", offer.id, facts, now=now, shop_id=offer.shop_id)
    if newest is not None:
        news.terms_change(session, offer, newest, row, now)
    return row


def _effective(
    offer: Offer, newest: CommissionTerms | None, wanted: dt.datetime | None, now: dt.datetime
) -> dt.datetime:
    """Return from when a new version holds. Raises InvalidInput when the wish is too early or too late."""
    earliest = now
    if newest is not None:
        earliest = max(now + LEAST_AHEAD, now + dt.timedelta(days=offer.notice_days), newest.effective_from)
    elif wanted is not None and wanted > now:
        raise InvalidInput({"effective_from": ["The first version takes effect at once; leave this out."]})
    if wanted is None or newest is None:
        return earliest
    if not earliest <= wanted <= now + MOST_AHEAD:
        sentence = (
            f"Must lie between {earliest.isoformat()} (notice of {offer.notice_days} days) and a year ahead."
        )
        raise InvalidInput({"effective_from": [sentence]})
    return wanted


def _versions(offer_id: uuid.UUID) -> sa.Select[CommissionTerms]:
    return sa.select(CommissionTerms).where(CommissionTerms.offer_id == offer_id)


def versions(
    session: Session, actor: Actor, offer_id: uuid.UUID, *, below: int | None = None, limit: int = 50
) -> list[CommissionTerms]:
    """Return up to limit + 1 versions of an offer that the actor may see, newest first, below a number.

    Raises NotFound.
    """
    offer = service.get(session, actor, offer_id)
    query = _versions(offer.id).order_by(CommissionTerms.version.desc()).limit(limit + 1)
    if below is not None:
        query = query.where(CommissionTerms.version < below)
    return list(session.scalars(query))
