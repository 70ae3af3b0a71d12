"""Discount codes: what a shopper types in, or says at the till, names the adviser, also where there was no click."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import InvalidInput, InvariantViolation, NotFound
from marketplace.offers import partnerships
from marketplace.offers.models import Offer
from tracking.links import refusals, spoken
from tracking.links.models import DiscountCode, TrackedLink

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,31}", re.ASCII)
# Of a thousand codes of one shop a drawn one is taken once in 1,400 times; so many draws never all fail.
DRAWS = 20


def normalise(text: str) -> str:
    """Return a code as it is stored and compared: without outer spaces, in capitals."""
    return text.strip().upper()


def canonical(text: str) -> str:
    """Return a code as a report is taken to mean it: a spoken one also without its spaces and hyphens."""
    squeezed = spoken.squeeze(text)
    return normalise(text) if spoken.fails(squeezed) else squeezed


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> DiscountCode:
    """Give an adviser a code for an offer of the actor's shop; giving the same again returns it.

    data: code, or none to have a spoken one drawn, of which an adviser has one at a time for each offer; adviser_id,
    offer_id, and shop_id, the offer's shop, where given. Raises InvalidInput for a code that nobody could type,
    NotFound for another shop's offer, PartnershipNotAccepted, CodeTaken.
    """
    code = canonical(data["code"]) if data.get("code") else None
    if code is not None and not _CODE.fullmatch(code):
        raise InvalidInput({"code": ["A code has 3 to 32 letters A to Z, digits, dashes or underscores."]})
    offer_id, adviser_id = data["offer_id"], data["adviser_id"]
    wanted = sa.select(Offer).where(Offer.id == offer_id, tenancy.shops(actor, "codes.offer", Offer.shop_id))
    if data.get("shop_id") is not None:
        wanted = wanted.where(Offer.shop_id == data["shop_id"])
    offer = session.scalars(wanted).first()
    if offer is None:
        raise NotFound("offer", offer_id)
    state = partnerships.standing(session, offer_id, [adviser_id], now).get(adviser_id)
    if state is None:
        raise NotFound("adviser", adviser_id)
    if state != "accepted":
        raise refusals.PartnershipNotAccepted(adviser_id=adviser_id, offer_id=offer_id, state=state)
    row = {
        "id": ids.new_id(),
        "shop_id": offer.shop_id,
        "offer_id": offer_id,
        "adviser_id": adviser_id,
        "created_at": now,
    }
    if code is None:
        made, present = _drawn(session, row)
        if present is not None:
            return present
    else:
        made = _inserted(session, row | {"code": code})
    if made is None:
        query = sa.select(DiscountCode).where(
            DiscountCode.shop_id == offer.shop_id,
            DiscountCode.code == code,
            DiscountCode.revoked_at.is_(None),
        )
        present = session.scalars(query).first()
        if present is None or (present.offer_id, present.adviser_id) != (offer_id, adviser_id):
            raise refusals.CodeTaken(code=code)
        return present
    facts = {"offer_id": str(offer_id), "adviser_id": str(adviser_id)}
    audit.record(session, actor, "code.create", "discount_code", made, facts, now=now, shop_id=offer.shop_id)
    return session.get_one(DiscountCode, made)


def _inserted(session: Session, row: Mapping[str, Any]) -> uuid.UUID | None:
    """Insert a code and return its id; None when one that is in force stands in its way."""
    statement = insert(DiscountCode).values(**row).on_conflict_do_nothing()
    return session.scalars(statement.returning(DiscountCode.id)).first()


def _drawn(session: Session, row: Mapping[str, Any]) -> tuple[uuid.UUID | None, DiscountCode | None]:
    """Insert a spoken code drawn by lot; return its id, or the one that the adviser has for the offer already."""
    query = sa.select(DiscountCode).where(
        DiscountCode.offer_id == row["offer_id"],
        DiscountCode.adviser_id == row["adviser_id"],
        DiscountCode.is_spoken,
        DiscountCode.revoked_at.is_(None),
    )
    for _ in range(DRAWS):
        present = session.scalars(query).first()
        if present is not None:
            return None, present
        made = _inserted(session, {**row, "code": spoken.draw(), "is_spoken": True})
        if made is not None:
            return made, None
    raise InvariantViolation(what="no spoken code was free", shop_id=row["shop_id"])


def revoke(session: Session, actor: Actor, code_id: uuid.UUID, now: dt.datetime) -> DiscountCode:
    """End a code: it names nobody from this instant on. Revoking twice changes nothing.

    Raises NotFound for another shop's code.
    """
    query = sa.select(DiscountCode).where(
        DiscountCode.id == code_id, tenancy.shops(actor, "codes.revoke", DiscountCode.shop_id)
    )
    found = session.scalars(query.with_for_update()).first()
    if found is None:
        raise NotFound("code", code_id)
    if found.revoked_at is None:
        found.revoked_at = max(now, found.created_at)
        session.flush()
        audit.record(
            session, actor, "code.revoke", "discount_code", code_id, {}, now=now, shop_id=found.shop_id
        )
    return found


def listed(
    session: Session,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    offer_id: uuid.UUID | None = None,
) -> Sequence[DiscountCode]:
    """Return up to limit + 1 codes of the actor's shops and of the actor as adviser, newest first."""
    query = sa.select(DiscountCode).order_by(DiscountCode.id.desc()).limit(limit + 1)
    if not actor.is_platform:
        own = tenancy.adviser(actor, "codes.own", DiscountCode.adviser_id)
        query = query.where(own | tenancy.shops(actor, "codes.shops", DiscountCode.shop_id))
    if offer_id is not None:
        query = query.where(DiscountCode.offer_id == offer_id)
    if after is not None:
        query = query.where(DiscountCode.id < after)
    return session.scalars(query).all()


def valid_at(session: Session, shop_id: uuid.UUID, code: str, when: dt.datetime) -> DiscountCode | None:
    """Return whom a code stood for at a shop at an instant (created <= when < revoked), or None."""
    query = (
        sa.select(DiscountCode)
        .where(
            DiscountCode.shop_id == shop_id,
            DiscountCode.code == normalise(code),
            DiscountCode.created_at <= when,
            sa.or_(DiscountCode.revoked_at.is_(None), DiscountCode.revoked_at > when),
        )
        .order_by(DiscountCode.created_at.desc(), DiscountCode.id.desc())
    )
    return session.scalars(query).first()


def card(session: Session, actor: Actor, code_id: uuid.UUID) -> tuple[DiscountCode, TrackedLink | None]:
    """Return a code for its card, with the adviser's own link to the offer. Raises NotFound; the platform sees all."""
    query = sa.select(DiscountCode).where(DiscountCode.id == code_id)
    if not actor.is_platform:
        own = tenancy.adviser(actor, "codes.own_card", DiscountCode.adviser_id)
        query = query.where(own | tenancy.shops(actor, "codes.shop_card", DiscountCode.shop_id))
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("code", code_id)
    of_offer = sa.select(TrackedLink).where(
        TrackedLink.offer_id == found.offer_id,
        TrackedLink.adviser_id == found.adviser_id,
        TrackedLink.kind == "offer",
    )
    return found, session.scalars(of_offer).first()
