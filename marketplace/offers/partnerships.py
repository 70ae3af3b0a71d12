"""Partnerships: an adviser applies, the shop approves, the adviser accepts the terms; either may end it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from marketplace.accounts import advisers
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, Forbidden, IllegalTransition, InvalidInput, NotFound
from marketplace.offers import news, service, terms
from marketplace.offers.models import Offer, Partnership, PartnershipEvent

MOVES = {
    "applied": ("approved", "declined", "left"),
    "approved": ("accepted", "declined", "left"),
    "accepted": ("left", "declined"),
    "declined": ("approved",),
    "left": ("applied",),
}


class OfferNotOpen(Conflict):
    """Only an open offer takes advisers on."""

    code = "offer_not_open"
    title = "The offer is not open"
    detail = "Offer {offer_id} is {state}."
    next = "Choose an open offer, or come back when the shop opens this one."


class AdviserNotActive(Forbidden):
    """A banned or closing adviser joins nothing new."""

    code = "adviser_not_active"
    title = "Your adviser account is not active"
    detail = "Adviser {adviser_id} is {state}."
    next = "Contact us about your account."


def apply(
    session: Session, actor: Actor, offer_id: uuid.UUID, *, now: dt.datetime, message: str = ""
) -> Partnership:
    """Ask to advise on an open offer; asking again while it runs returns it as it is, after leaving starts anew.

    Raises NotFound for an offer that was never open, OfferNotOpen, AdviserNotActive, IllegalTransition when
    the shop declined.
    """
    adviser_id = active_adviser(session, actor, now)
    offer = published(session, offer_id)
    partnership, is_new = entered(session, offer, adviser_id, now, message)
    if not is_new and partnership.state in ("applied", "approved", "accepted"):
        return partnership
    require_open(session, offer.id)
    if not is_new:
        _move(partnership, "applied")
        partnership.message, partnership.applied_at = message, now
        partnership.approved_at = partnership.accepted_at = partnership.left_at = None
    record_step(session, actor, partnership, now)
    news.applied(session, partnership, now=now)
    return partnership


def approve(session: Session, actor: Actor, partnership_id: uuid.UUID, *, now: dt.datetime) -> Partnership:
    """Take an adviser on, as the shop; it counts once the adviser accepts. Approving twice changes nothing.

    Raises NotFound for another shop's, IllegalTransition.
    """
    partnership = _of_shop(session, actor, partnership_id)
    if partnership.state in ("approved", "accepted"):
        return partnership
    _move(partnership, "approved")
    partnership.approved_at, partnership.declined_at = now, None
    partnership.reason = partnership.note = None
    record_step(session, actor, partnership, now)
    news.taken_on(session, partnership, now=now)
    return partnership


def decline(
    session: Session,
    actor: Actor,
    partnership_id: uuid.UUID,
    *,
    reason: str,
    note: str | None = None,
    now: dt.datetime,
) -> Partnership:
    """Refuse an adviser, or end with one who advises, as the shop, and tell them why; twice changes nothing.

    What was clicked before the end counts as it was promised. reason: one of PARTING_REASONS; `other` needs a note.
    Raises InvalidInput, NotFound for another shop's, IllegalTransition.
    """
    if reason == "other" and not note:
        raise InvalidInput({"note": ["Say what the other reason is."]})
    partnership = _of_shop(session, actor, partnership_id)
    if partnership.state == "declined":
        return partnership
    has_advised = partnership.state == "accepted"
    _move(partnership, "declined")
    partnership.declined_at, partnership.reason, partnership.note = now, reason, note or None
    record_step(session, actor, partnership, now)
    news.parted(session, partnership, has_advised=has_advised, now=now)
    return partnership


def accept(session: Session, partnership_id: uuid.UUID, actor: Actor, now: dt.datetime) -> Partnership:
    """Accept, as the adviser, the terms now in force; from this instant clicks can earn.

    The version accepted is kept in the partnership and its history. Accepting twice changes nothing.
    Raises NotFound for another adviser's, IllegalTransition before approval, OfferNotOpen, AdviserNotActive.
    """
    partnership = _of_adviser(session, actor, partnership_id)
    if partnership.state == "accepted":
        return partnership
    if "accepted" not in MOVES[partnership.state]:
        raise IllegalTransition("partnership", partnership.state, "accepted", id=partnership_id)
    active_adviser(session, actor, now)
    require_open(session, partnership.offer_id)
    in_force = terms.at(session, partnership.offer_id, now)
    if in_force is None:
        raise service.TermsMissing(offer_id=partnership.offer_id)
    _move(partnership, "accepted")
    partnership.accepted_at, partnership.accepted_terms_id = now, in_force.id
    record_step(session, actor, partnership, now, terms_id=in_force.id)
    return partnership


def leave(session: Session, actor: Actor, partnership_id: uuid.UUID, *, now: dt.datetime) -> Partnership:
    """Leave an offer, as the adviser: from this instant its links earn nothing more. Leaving twice changes
    nothing.

    Raises NotFound for another adviser's, IllegalTransition when the shop had declined.
    """
    partnership = _of_adviser(session, actor, partnership_id)
    if partnership.state == "left":
        return partnership
    _move(partnership, "left")
    partnership.left_at = now
    record_step(session, actor, partnership, now)
    return partnership


def standing(
    session: Session, offer_id: uuid.UUID, adviser_ids: Iterable[uuid.UUID], at: dt.datetime
) -> dict[uuid.UUID, str]:
    """Return each adviser's state in an offer at an instant; only "accepted" earns, strangers are absent."""
    wanted = sorted(set(adviser_ids))
    if not wanted:
        return {}
    event = PartnershipEvent
    query = (
        sa.select(event.adviser_id, event.state)
        .where(event.offer_id == offer_id, event.adviser_id.in_(wanted), event.from_at <= at)
        .ext(distinct_on(event.adviser_id))
        .order_by(event.adviser_id, event.from_at.desc(), event.id.desc())
    )
    return {row.adviser_id: row.state for row in session.execute(query)}


def visible(actor: Actor) -> sa.Select[Partnership]:
    """Select the partnerships of the actor's shops and of the actor as adviser; all for the platform."""
    query = sa.select(Partnership)
    if actor.is_platform:
        return query
    as_adviser = tenancy.adviser(actor, "partnerships.own", Partnership.adviser_id)
    return query.where(sa.or_(tenancy.shops(actor, "partnerships.shops", Partnership.shop_id), as_adviser))


def listed(
    session: Session,
    actor: Actor,
    *,
    offer_id: uuid.UUID | None = None,
    state: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[Partnership]:
    """Return up to limit + 1 partnerships that the actor may see, by id, after the id `after`."""
    query = visible(actor).order_by(Partnership.id).limit(limit + 1)
    if offer_id is not None:
        query = query.where(Partnership.offer_id == offer_id)
    if state is not None:
        query = query.where(Partnership.state == state)
    if after is not None:
        query = query.where(Partnership.id > after)
    return list(session.scalars(query))


def active_adviser(session: Session, actor: Actor, now: dt.datetime) -> uuid.UUID:
    """Return the id of the adviser who acts. Raises AdviserNotActive for one who is banned or closes."""
    adviser_id = actor.adviser()
    state = advisers.state_at(session, [adviser_id], now).get(adviser_id, "active")
    if state != "active":
        raise AdviserNotActive(adviser_id=adviser_id, state=state)
    return adviser_id


def entered(
    session: Session, offer: Offer, adviser_id: uuid.UUID, now: dt.datetime, message: str = ""
) -> tuple[Partnership, bool]:
    """Return an adviser's partnership in an offer, locked, and whether it was made just now, as applied."""
    made = session.execute(
        insert(Partnership)
        .values(
            id=ids.new_id(),
            offer_id=offer.id,
            shop_id=offer.shop_id,
            adviser_id=adviser_id,
            state="applied",
            message=message,
            applied_at=now,
        )
        .on_conflict_do_nothing(index_elements=[Partnership.offer_id, Partnership.adviser_id])
        .returning(Partnership.id)
    ).first()
    query = sa.select(Partnership).where(
        Partnership.offer_id == offer.id, Partnership.adviser_id == adviser_id
    )
    partnership = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
    return partnership, made is not None


def published(session: Session, offer_id: uuid.UUID) -> Offer:
    """Return an offer that was open at some time. Raises NotFound."""
    offer = session.scalars(sa.select(Offer).where(Offer.id == offer_id, Offer.state != "draft")).first()
    if offer is None:
        raise NotFound("offer", offer_id)
    return offer


def require_open(session: Session, offer_id: uuid.UUID) -> str:
    """Raise OfferNotOpen unless the offer is open; holds that, and how one joins it, which is returned."""
    # FOR UPDATE would make advisers wait for each other; FOR KEY SHARE would not hold back a pause.
    query = sa.select(Offer.state, Offer.joining).where(Offer.id == offer_id)
    # Row-level security lets an adviser lock open offers only, so another one is looked at without a lock.
    held = session.execute(query.with_for_update(read=True)).first()
    if held is None or held.state != "open":
        raise OfferNotOpen(offer_id=offer_id, state=(held or session.execute(query).one()).state)
    return str(held.joining)


def _of_shop(session: Session, actor: Actor, partnership_id: uuid.UUID) -> Partnership:
    return _locked(session, partnership_id, tenancy.shops(actor, "partnerships.judge", Partnership.shop_id))


def _of_adviser(session: Session, actor: Actor, partnership_id: uuid.UUID) -> Partnership:
    return _locked(
        session, partnership_id, tenancy.adviser(actor, "partnerships.of_adviser", Partnership.adviser_id)
    )


def _locked(session: Session, partnership_id: uuid.UUID, whose: sa.ColumnElement[bool]) -> Partnership:
    query = sa.select(Partnership).where(Partnership.id == partnership_id, whose).with_for_update()
    partnership = session.scalars(query.execution_options(populate_existing=True)).first()
    if partnership is None:
        raise NotFound("partnership", partnership_id)
    return partnership


def _move(partnership: Partnership, wanted: str) -> None:
    if wanted not in MOVES[partnership.state]:
        raise IllegalTransition("partnership", partnership.state, wanted, id=partnership.id)
    partnership.state = wanted


def record_step(
    session: Session,
    actor: Actor,
    partnership: Partnership,
    now: dt.datetime,
    *,
    terms_id: uuid.UUID | None = None,
) -> None:
    """Write the step into the history, in the same transaction as the step."""
    session.add(
        PartnershipEvent(
            id=ids.new_id(),
            partnership_id=partnership.id,
            offer_id=partnership.offer_id,
            shop_id=partnership.shop_id,
            adviser_id=partnership.adviser_id,
            state=partnership.state,
            from_at=now,
            actor=actor.label,
            terms_id=terms_id,
            reason=partnership.reason,
            note=partnership.note,
        )
    )
    session.flush()
    facts = {"offer_id": str(partnership.offer_id), "adviser_id": str(partnership.adviser_id)}
    action, shop_id = f"partnership.{partnership.state}", partnership.shop_id
    audit.record(session, actor, action, "partnership", partnership.id, facts, now=now, shop_id=shop_id)
