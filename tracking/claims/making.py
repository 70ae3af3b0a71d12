"""Make a claim: which purchase may be claimed, by whom, when, and once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict
from marketplace.core.ids import new_id
from marketplace.core.money import Money
from marketplace.offers.models import Offer, Partnership
from tracking.claims import outcomes, rules, service
from tracking.claims.models import Claim, ClaimEvent
from tracking.claims.service import Said

# A shop has no more than this many claims of one adviser to answer at a time.
MOST_OPEN = 20


class ClaimTooEarly(Conflict):
    """Most shops report by themselves within days; before that nobody is asked."""

    code = "claim_too_early"
    title = "It is too early to claim this"
    detail = (
        "A purchase of {bought_on} can be claimed from {from_day} on, because the shop may still report it."
    )
    next = "Look again then; it may stand among your orders by itself."


class ClaimTooLate(Conflict):
    """After so long a shop can't find a sale any more."""

    code = "claim_too_late"
    title = "It is too late to claim this"
    detail = "A purchase of {bought_on} could be claimed up to and including {last_day}."
    next = "Ask the shop itself; the platform does not ask it any more."


class ClaimExists(Conflict):
    """An order is claimed once."""

    code = "claim_exists"
    title = "You claimed this already"
    detail = "Order {order_ref} of this shop has the claim {claim_id} of yours; an order is claimed once."
    next = "Read that claim: it says where it stands."


class OrderKnown(Conflict):
    """The order is not missing: it was reported with the adviser's click or code, and a rule decided about it."""

    code = "claim_order_known"
    title = "This order is not missing"
    detail = (
        "Order {order_ref} was reported with your click or code, and the rules of the offer decided about it."
    )
    next = "Look it up: it is yours, or the page says by which rule it went elsewhere."


class NoOfferThere(Conflict):
    """Only who accepted an offer of a shop can miss an order there."""

    code = "claim_without_offer"
    title = "You never joined an offer of this shop"
    detail = "You can claim orders of shops whose terms you accepted, and shop {shop_id} is none of them."
    next = "Choose a shop whose offer you have or had."


class TooManyClaims(Conflict):
    """A shop answers one by one."""

    code = "too_many_claims"
    title = "The shop has enough claims of yours to answer"
    detail = "At most {most} claims of yours wait for one shop at a time."
    next = "Wait for its answers, or withdraw one."


@dataclass(frozen=True, slots=True)
class Missing:
    """What an adviser knows of a purchase that they miss."""

    shop_id: UUID
    bought_on: dt.date
    statement: str
    amount: Money | None = None
    order_ref: str | None = None


def make(session: Session, actor: Actor, missing: Missing, now: dt.datetime) -> tuple[Claim, bool]:
    """Claim a purchase at a shop whose terms the actor accepted once; return the claim and whether it was made before.

    Raises NotFound, NoOfferThere, ClaimTooEarly, ClaimTooLate, OrderKnown, ClaimExists, TooManyClaims.
    """
    adviser_id = actor.adviser()
    _require_offer(session, adviser_id, missing.shop_id)
    _take_turns(session, adviser_id, missing.shop_id)
    known = _made_before(session, adviser_id, missing)
    if known is not None:
        return known, True
    _require_window(missing.bought_on, now)
    if missing.order_ref is not None and outcomes.is_known(
        session, adviser_id, missing.shop_id, missing.order_ref
    ):
        raise OrderKnown(order_ref=missing.order_ref)
    waiting = sa.select(sa.func.count()).where(
        tenancy.adviser(actor, "claims.waiting", Claim.adviser_id),
        Claim.shop_id == missing.shop_id,
        Claim.state.not_in(rules.ENDED),
    )
    if session.scalar(waiting) >= MOST_OPEN:  # type: ignore[operator]
        raise TooManyClaims(most=MOST_OPEN)
    event = rules.claimed(now)
    standing = rules.standing_of([event])
    claim = Claim(
        id=new_id(),
        shop_id=missing.shop_id,
        adviser_id=adviser_id,
        bought_on=missing.bought_on,
        order_ref=missing.order_ref,
        currency=missing.amount.currency if missing.amount else None,
        amount_minor=missing.amount.minor if missing.amount else None,
        state=standing.state,
        claimed_at=now,
        answer_by=standing.answer_by,
        due_at=rules.looked_at(standing, now),
        last_seq=1,
    )
    session.add(claim)
    session.flush()
    service.write(session, actor, claim, event, Said(statement=missing.statement))
    return claim, False


def claimed(session: Session, adviser_id: UUID, shop_id: UUID, order_ref: str | None) -> Claim | None:
    """Return an adviser's claim of an order, or None; None too for an order without a number."""
    query = sa.select(Claim).where(
        tenancy.rows("claims.claimed", Claim.adviser_id == adviser_id),
        Claim.shop_id == shop_id,
        Claim.order_ref == order_ref,
    )
    return session.scalars(query).one_or_none() if order_ref else None


def currency_at(session: Session, adviser_id: UUID, shop_id: UUID) -> str | None:
    """Return in which money a shop sells, as its offers that an adviser joined say; None without one."""
    query = sa.select(Offer.currency).join(Partnership, Partnership.offer_id == Offer.id)
    mine = tenancy.rows("claims.currency", Partnership.adviser_id == adviser_id)
    return session.scalars(query.where(mine, Partnership.shop_id == shop_id).limit(1)).first()


def _require_offer(session: Session, adviser_id: UUID, shop_id: UUID) -> None:
    joined = sa.select(Partnership.id).where(
        Partnership.shop_id == shop_id,
        tenancy.rows("claims.joined", Partnership.adviser_id == adviser_id),
        Partnership.accepted_at.is_not(None),
    )
    if session.scalars(joined).first() is None:
        public.require_shop(session, shop_id)
        raise NoOfferThere(shop_id=shop_id)


def _require_window(bought_on: dt.date, now: dt.datetime) -> None:
    opens, ends = rules.window(bought_on)
    if now < opens:
        raise ClaimTooEarly(bought_on=bought_on, from_day=bought_on + dt.timedelta(days=rules.FIRST_DAY))
    if now >= ends:
        raise ClaimTooLate(bought_on=bought_on, last_day=bought_on + dt.timedelta(days=rules.LAST_DAY))


def _made_before(session: Session, adviser_id: UUID, missing: Missing) -> Claim | None:
    """Return the same claim made before; a claim without a number is the same when all that is known is the same.

    Raises ClaimExists for a number that was claimed in other words.
    """
    query = sa.select(Claim, ClaimEvent.statement).join(
        ClaimEvent, sa.and_(ClaimEvent.claim_id == Claim.id, ClaimEvent.seq == 1)
    )
    mine = tenancy.rows("claims.before", Claim.adviser_id == adviser_id)
    query = query.where(mine, Claim.shop_id == missing.shop_id)
    amount = (missing.amount.minor, missing.amount.currency) if missing.amount else (None, None)
    for claim, statement in session.execute(
        query.where(Claim.order_ref.is_not_distinct_from(missing.order_ref))
    ):
        told = (claim.bought_on, statement, claim.amount_minor, claim.currency)
        if told == (missing.bought_on, missing.statement, *amount):
            return claim
        if missing.order_ref is not None:
            raise ClaimExists(order_ref=missing.order_ref, claim_id=claim.id)
    return None


def _take_turns(session: Session, adviser_id: UUID, shop_id: UUID) -> None:
    """Let two claims of one adviser at one shop come one after the other."""
    key = sa.func.hashtextextended(sa.literal(f"claim:{adviser_id}:{shop_id}"), 0)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
