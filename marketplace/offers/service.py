"""Offers: make one, open, pause and close it; each step leaves history behind."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from marketplace.offers import terms
from marketplace.offers.models import ON_APPROVAL, Offer, OfferState, Partnership

NOTICE_DAYS = 7
MOVES = {
    "draft": ("open", "closed"),
    "open": ("paused", "closed"),
    "paused": ("open", "closed"),
    "closed": (),
}


class TermsMissing(Conflict):
    """An offer without terms promises nothing, so it can't be open."""

    code = "terms_missing"
    title = "The offer has no terms yet"
    detail = "Offer {offer_id} has no terms in force."
    next = "Publish terms first, then open the offer."


class OfferClosed(Conflict):
    """A closed offer stays as it is."""

    code = "offer_closed"
    title = "The offer is closed"
    detail = "Offer {offer_id} is closed for good."
    next = "Make a new offer."


class ShopNotOpen(Conflict):
    """A shop that closes takes no new advice."""

    code = "shop_not_open"
    title = "The shop is closing"
    detail = "Shop {shop_id} is {state}."
    next = "Use a shop that is open."


def create(
    session: Session,
    actor: Actor,
    shop_id: uuid.UUID,
    *,
    name: str,
    now: dt.datetime,
    description: str = "",
    currency: str | None = None,
    notice_days: int = NOTICE_DAYS,
    joining: str = ON_APPROVAL,
) -> Offer:
    """Make an offer of a shop, in draft and in the shop's currency.

    currency: may repeat the shop's; another one raises InvalidInput. notice_days: 0 to 90; how long before
    it takes effect a later version of the terms is published. joining: one of JOININGS.

    Raises NotFound for another's shop, accounts.shops.OwnerNeeded for staff, ShopNotOpen when the shop closes or
    is closed.
    """
    shop = shops.owned_by(session, actor, shop_id)
    if shop.state in ("closing", "closed"):
        raise ShopNotOpen(shop_id=shop_id, state=shop.state)
    if currency not in (None, shop.currency):
        raise InvalidInput({"currency": [f"The shop sells in {shop.currency}."]})
    values = {
        "shop_id": shop_id,
        "name": name,
        "description": description,
        "currency": shop.currency,
        "notice_days": notice_days,
        "state": "draft",
        "joining": joining,
    }
    offer_id = None
    while offer_id is None:
        # Codes are random; should one be taken after all, another is drawn.
        attempt = insert(Offer).values(id=ids.new_id(), code=ids.short_code(), **values)
        offer_id = session.scalars(
            attempt.on_conflict_do_nothing(index_elements=[Offer.code]).returning(Offer.id)
        ).one_or_none()
    offer = session.get_one(Offer, offer_id)
    _note_state(session, offer, actor, now)
    return offer


def move(session: Session, actor: Actor, offer_id: uuid.UUID, wanted: str, *, now: dt.datetime) -> Offer:
    """Open, pause or close an offer; asking for the state it is in changes nothing.

    Raises NotFound for another's offer, OwnerNeeded for staff, IllegalTransition (a closed offer stays
    closed, a draft can't be paused), TermsMissing when opening without terms in force, ShopNotOpen when the
    shop closes.
    """
    offer = locked(session, actor, offer_id)
    if offer.state == wanted:
        return offer
    if wanted not in MOVES[offer.state]:
        raise IllegalTransition("offer", offer.state, wanted, id=offer_id)
    if wanted == "open":
        shop = shops.get(session, offer.shop_id)
        if shop.state in ("closing", "closed"):
            raise ShopNotOpen(shop_id=shop.id, state=shop.state)
        if terms.at(session, offer.id, now) is None:
            raise TermsMissing(offer_id=offer_id)
    offer.state = wanted
    _note_state(session, offer, actor, now)
    return offer


def change_joining(
    session: Session, actor: Actor, offer_id: uuid.UUID, joining: str, *, now: dt.datetime
) -> Offer:
    """Say how advisers join from now on; who joined or applied before stays as they are. Twice changes nothing.

    joining: one of JOININGS. Raises NotFound for another's offer, OwnerNeeded for staff, OfferClosed.
    """
    offer = locked(session, actor, offer_id)
    if offer.joining == joining:
        return offer
    if offer.state == "closed":
        raise OfferClosed(offer_id=offer_id)
    offer.joining = joining
    _note_state(session, offer, actor, now, action="joining", facts={"joining": joining})
    return offer


def locked(session: Session, actor: Actor, offer_id: uuid.UUID) -> Offer:
    """Return an offer that the actor owns, locked until the end of the transaction. Raises as `move` does."""
    query = (
        sa.select(Offer)
        .where(Offer.id == offer_id, tenancy.shops(actor, "offers.change", Offer.shop_id))
        .with_for_update(key_share=True)
    )
    offer = session.scalars(query.execution_options(populate_existing=True)).first()
    if offer is None:
        raise NotFound("offer", offer_id)
    shops.refuse_staff(actor, offer.shop_id)
    return offer


def _note_state(
    session: Session,
    offer: Offer,
    actor: Actor,
    now: dt.datetime,
    *,
    action: str | None = None,
    facts: dict[str, str] | None = None,
) -> None:
    session.add(
        OfferState(
            id=ids.new_id(),
            offer_id=offer.id,
            shop_id=offer.shop_id,
            state=offer.state,
            from_at=now,
            actor=actor.label,
            joining=offer.joining,
        )
    )
    done = f"offer.{action or offer.state}"
    audit.record(session, actor, done, "offer", offer.id, facts or {}, now=now, shop_id=offer.shop_id)
    session.flush()


def state_at(session: Session, offer_ids: Iterable[uuid.UUID], at: dt.datetime) -> dict[uuid.UUID, str]:
    """Return in which state each offer was at an instant; offers that did not exist yet are left out."""
    wanted = sorted(set(offer_ids))
    if not wanted:
        return {}
    query = (
        sa.select(OfferState.offer_id, OfferState.state)
        .where(OfferState.offer_id.in_(wanted), OfferState.from_at <= at)
        .ext(distinct_on(OfferState.offer_id))
        .order_by(OfferState.offer_id, OfferState.from_at.desc(), OfferState.id.desc())
    )
    return {row.offer_id: row.state for row in session.execute(query)}


def visible(actor: Actor) -> sa.Select[Offer]:
    """Select what an actor may see: the platform all, a shop its own, an adviser open and joined offers."""
    query = sa.select(Offer)
    if actor.is_platform:
        return query
    own = tenancy.shops(actor, "offers.seen", Offer.shop_id)
    if actor.adviser_id is None:
        return query.where(own)
    joined = sa.select(Partnership.offer_id).where(
        tenancy.adviser(actor, "offers.joined", Partnership.adviser_id)
    )
    return query.where(own | (Offer.state == "open") | Offer.id.in_(joined))


def get(session: Session, actor: Actor, offer_id: uuid.UUID) -> Offer:
    """Return an offer that the actor may see. Raises NotFound."""
    offer = session.scalars(visible(actor).where(Offer.id == offer_id)).first()
    if offer is None:
        raise NotFound("offer", offer_id)
    return offer


def owned(session: Session, actor: Actor, offer_id: uuid.UUID) -> Offer:
    """Return an offer of a shop that the actor works for, for the shop's own pages. Raises NotFound."""
    query = sa.select(Offer).where(Offer.id == offer_id, tenancy.shops(actor, "offers.inside", Offer.shop_id))
    offer = session.scalars(query).first()
    if offer is None:
        raise NotFound("offer", offer_id)
    return offer


def listed(
    session: Session,
    actor: Actor,
    *,
    shop_id: uuid.UUID | None = None,
    state: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Offer]:
    """Return up to limit + 1 offers that the actor may see, by id, after the id `after`."""
    query = visible(actor).order_by(Offer.id).limit(limit + 1)
    if shop_id is not None:
        query = query.where(Offer.shop_id == shop_id)
    if state is not None:
        query = query.where(Offer.state == state)
    if after is not None:
        query = query.where(Offer.id > after)
    return list(session.scalars(query))
