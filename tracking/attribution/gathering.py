"""Collect what a decision looks at: the touches that belong to an order, its code, and what was true of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.offers import terms as offer_terms
from marketplace.offers.terms import Terms
from tracking.attribution import policies, timelines
from tracking.attribution.decision import Candidate, Decision, OrderFacts, Policy, decide
from tracking.links import codes
from tracking.links.models import DiscountCode
from tracking.orders.models import OrderToken, ShopOrder
from tracking.touches import service as touches
from tracking.touches.models import Touch, TouchScreening
from tracking.touches.service import TouchFacts

# More touches than this for one order are no shopper; the latest ones decide.
MOST_TOUCHES = 500
MOST_EARLIER_ORDERS = 100


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that was looked at for one order, and what `decide` made of it."""

    decision: Decision
    policy: Policy
    facts: OrderFacts
    touches: Mapping[UUID, TouchFacts]
    via: Mapping[UUID, str]
    terms: Mapping[UUID, Terms]
    own: frozenset[UUID]
    # By candidate id, what the adviser's account was at that instant.
    states: Mapping[UUID, str]


def decide_order(session: Session, order: ShopOrder, *, look_at_clicks: bool) -> Gathered:
    """Return the decision about an order over its tokens, its visitors' and its customer's touches, and its code.

    look_at_clicks: also look at raw clicks and copy those that belong to the order (the worker may, a request not).
    """
    seen, via = touches_of(session, order, look_at_clicks=look_at_clicks)
    return decide_over(session, order, seen, via, frozenset(shops.own_advisers(session, order.shop_id)))


def decide_over(
    session: Session,
    order: ShopOrder,
    seen: Mapping[UUID, TouchFacts],
    via: Mapping[UUID, str],
    own: frozenset[UUID],
) -> Gathered:
    """Return the decision about an order over these touches and its code; own: advisers who belong to the shop."""
    facts = OrderFacts(order.shop_id, order.ordered_at, order.received_at)
    code = codes.valid_at(session, order.shop_id, order.code, facts.counts_at) if order.code else None
    candidates, states, terms = _candidates(session, facts, seen, code)
    policy = policies.at(session, order.shop_id, order.ordered_at)
    decision = decide(candidates, facts, policy, states, terms, own)
    return Gathered(decision, policy, facts, seen, via, terms, own, states)


def touches_of(
    session: Session, order: ShopOrder, *, look_at_clicks: bool, reported_by: dt.datetime | None = None
) -> tuple[dict[UUID, TouchFacts], dict[UUID, str]]:
    """Return the touches of an order by id, and through what each was found: token, customer or visitor.

    reported_by: of the customer's other orders only those that the shop had reported by then (business time).
    """
    facts = OrderFacts(order.shop_id, order.ordered_at, order.received_at)
    tokens = set(
        session.scalars(
            sa.select(OrderToken.touch_id).where(
                OrderToken.order_id == order.id, OrderToken.touch_id.is_not(None)
            )
        )
    )
    customer = _customer_touches(session, order, reported_by) - tokens
    known = [one for one in tokens | customer if one is not None]
    visitors = set(
        session.scalars(
            sa.select(Touch.visitor_id).where(
                Touch.id.in_(known), Touch.shop_id == order.shop_id, Touch.visitor_id.is_not(None)
            )
        )
    )
    if look_at_clicks:
        found = touches.for_decision(
            session, order.shop_id, sorted(one for one in visitors if one), sorted(known), facts.counts_at
        )
        # A token whose click came after the order is no advice for it, and still belongs on the receipt.
        missing = sorted(set(known) - {one.touch_id for one in found})
        found = found + _rows(session, order.shop_id, missing, [], facts.counts_at)
    else:
        found = _rows(session, order.shop_id, known, [one for one in visitors if one], facts.counts_at)
    latest = sorted(found, key=lambda one: (one.ts, one.touch_id))[-MOST_TOUCHES:]
    via = {
        one.touch_id: "token"
        if one.touch_id in tokens
        else "customer"
        if one.touch_id in customer
        else "visitor"
        for one in latest
    }
    return {one.touch_id: one for one in latest}, via


def _customer_touches(
    session: Session, order: ShopOrder, reported_by: dt.datetime | None
) -> set[UUID | None]:
    """Return the touches that earlier orders of the same customer at the same shop proved."""
    if order.customer_key is None:
        return set()
    earlier = (
        sa.select(ShopOrder.id)
        .where(
            ShopOrder.shop_id == order.shop_id,
            ShopOrder.mode == order.mode,
            ShopOrder.customer_key == order.customer_key,
            ShopOrder.ordered_at <= order.ordered_at,
            ShopOrder.id != order.id,
            sa.true() if reported_by is None else ShopOrder.received_at < reported_by,
        )
        .order_by(ShopOrder.ordered_at.desc())
        .limit(MOST_EARLIER_ORDERS)
    )
    query = sa.select(OrderToken.touch_id).where(
        OrderToken.order_id.in_(earlier), OrderToken.touch_id.is_not(None)
    )
    return set(session.scalars(query))


def _rows(
    session: Session, shop_id: UUID, ids: list[UUID], visitors: list[bytes], upto: dt.datetime
) -> list[TouchFacts]:
    """Return touches that are there already: the known ones, and those of the visitors up to an instant."""
    query = (
        sa.select(Touch, TouchScreening.verdict, TouchScreening.own)
        .outerjoin(TouchScreening, TouchScreening.touch_id == Touch.id)
        .where(
            Touch.shop_id == shop_id,
            sa.or_(Touch.id.in_(ids), sa.and_(Touch.visitor_id.in_(visitors), Touch.ts <= upto)),
        )
        .order_by(Touch.ts.desc(), Touch.id.desc())
        .limit(MOST_TOUCHES)
    )
    return [
        TouchFacts(
            touch.id,
            touch.link_id,
            touch.offer_id,
            touch.adviser_id,
            touch.shop_id,
            touch.ts,
            verdict,
            bool(own),
            touch.visitor_id,
        )
        for touch, verdict, own in session.execute(query)
    ]


def _candidates(
    session: Session, facts: OrderFacts, seen: Mapping[UUID, TouchFacts], code: DiscountCode | None
) -> tuple[list[Candidate], dict[UUID, str], dict[UUID, Terms]]:
    """Return the candidates, and by candidate id the adviser's state and the terms at its own instant."""
    everything: list[TouchFacts | DiscountCode] = [*seen.values()]
    if code is not None:
        everything.append(code)
    history = timelines.read(
        session,
        {one.adviser_id for one in everything},
        {one.offer_id for one in everything},
        {one.link_id for one in seen.values()},
    )

    def at(offer_id: UUID, adviser_id: UUID, instant: dt.datetime) -> tuple[str, str]:
        offer, partnership = history.offers.get(offer_id), history.partnerships.get((offer_id, adviser_id))
        return (
            offer.at(instant) if offer is not None else "unknown",
            partnership.at(instant) if partnership is not None else "none",
        )

    candidates = [
        Candidate(
            "touch",
            one.touch_id,
            one.adviser_id,
            one.offer_id,
            one.shop_id,
            one.ts,
            one.link_id,
            one.verdict,
            history.is_disabled(one.link_id, one.ts),
            *at(one.offer_id, one.adviser_id, one.ts),
        )
        for one in seen.values()
    ]
    if code is not None:
        offer_state, partnership = at(code.offer_id, code.adviser_id, facts.counts_at)
        candidates.append(
            Candidate(
                "code",
                code.id,
                code.adviser_id,
                code.offer_id,
                code.shop_id,
                facts.counts_at,
                offer_state=offer_state,
                partnership=partnership,
            )
        )
    states = {
        one.id: history.advisers[one.adviser_id].at(one.ts)
        for one in candidates
        if one.adviser_id in history.advisers
    }
    in_force = offer_terms.many_at(session, {(one.offer_id, one.ts) for one in candidates})
    bound = {
        one.id: in_force[one.offer_id, one.ts] for one in candidates if (one.offer_id, one.ts) in in_force
    }
    return candidates, states, bound
