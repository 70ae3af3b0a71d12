"""Promises about claims that can be checked on live data at any moment."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import hooks
from marketplace.core.hooks import Finding
from tracking.claims import reading, rules, service
from tracking.claims.models import Claim, ClaimEvent
from tracking.claims.rules import Event

CHECKED = 5_000

# An order of the very shop, as it was reported; and nobody claimed where they never had an offer.
_FOUND = sa.text(
    """
    SELECT count(*) FILTER (WHERE o.id IS NULL OR o.shop_id <> c.shop_id OR o.mode <> 'live'
                               OR (o.order_ref, o.ordered_at, o.received_at)
                                  IS DISTINCT FROM (c.found_ref, c.ordered_at, c.reported_at)), count(*)
      FROM claim c LEFT JOIN shop_order o ON o.id = c.order_id WHERE c.state = 'found'
    """
)
_JOINED = sa.text(
    """
    SELECT count(*) FILTER (WHERE NOT EXISTS (
             SELECT FROM partnership p WHERE p.shop_id = c.shop_id AND p.adviser_id = c.adviser_id
                AND p.accepted_at IS NOT NULL)), count(*) FROM claim c
    """
)


def register() -> None:
    """Register the promises. Safe to call twice."""
    hooks.invariant("claims_follow_their_events", "claims", follow_their_events)
    hooks.invariant("claims_found_are_orders_of_the_shop", "claims", found_are_orders_of_the_shop)
    hooks.invariant("claims_are_of_advisers_of_the_shop", "claims", are_of_advisers_of_the_shop)


def follow_their_events(session: Session) -> Finding:
    """Count the newest claims that do not stand where their events lead, or in which somebody acted out of turn."""
    claims = list(session.scalars(sa.select(Claim).order_by(Claim.id.desc()).limit(CHECKED)))
    events = reading.events_of(session, [claim.id for claim in claims])
    broken = 0
    for claim in claims:
        said = events[claim.id]
        try:
            standing = rules.standing_of([_event(one) for one in said])
        except ValueError:
            broken += 1
            continue
        in_order = [one.seq for one in said] == list(range(1, claim.last_seq + 1))
        broken += standing != service.standing_of(claim) or not in_order
    return Finding(broken, len(claims))


def found_are_orders_of_the_shop(session: Session) -> Finding:
    """Count found claims whose order is not one of the shop's own, or whose facts are not the order's."""
    return _figure(session, _FOUND)


def are_of_advisers_of_the_shop(session: Session) -> Finding:
    """Count claims of somebody who never accepted terms of the shop."""
    return _figure(session, _JOINED)


def _figure(session: Session, statement: sa.TextClause) -> Finding:
    broken, seen = session.execute(statement).one()
    return Finding(int(broken), int(seen))


def _event(row: ClaimEvent) -> Event:
    return Event(row.kind, row.party, row.at, row.until)  # type: ignore[arg-type]
