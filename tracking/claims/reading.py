"""Read claims: one, or a page of those that somebody may see, with their events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.paging import Place, narrowed, newest_first
from tracking.claims.models import Claim, ClaimEvent


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of claims is narrowed to; None means any."""

    states: Sequence[str] | None = None
    shop_id: UUID | None = None
    adviser_id: UUID | None = None
    order_ref: str | None = None


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which claims an actor may see: the platform all, a shop its own, an adviser their own."""
    if actor.is_platform:
        return sa.true()
    of_shops = tenancy.shops(actor, "claims.shops", Claim.shop_id)
    return sa.or_(of_shops, tenancy.adviser(actor, "claims.own_rows", Claim.adviser_id))


def get(session: Session, actor: Actor, claim_id: UUID) -> Claim:
    """Return a claim that the actor may see. Raises NotFound."""
    found = session.scalars(sa.select(Claim).where(Claim.id == claim_id, visible(actor))).one_or_none()
    if found is None:
        raise NotFound("claim", claim_id)
    return found


def page(session: Session, actor: Actor, wanted: Wanted, after: Place | None, limit: int) -> list[Claim]:
    """Return up to limit + 1 claims, newest first; `after` is the last one seen."""
    exact = {
        Claim.shop_id: wanted.shop_id,
        Claim.adviser_id: wanted.adviser_id,
        Claim.order_ref: wanted.order_ref,
    }
    query = narrowed(sa.select(Claim).where(visible(actor)), exact)
    if wanted.states is not None:
        query = query.where(Claim.state.in_(list(wanted.states)))
    return list(session.scalars(newest_first(query, Claim.claimed_at, Claim.id, after, limit)))


def events_of(session: Session, claim_ids: Iterable[UUID]) -> dict[UUID, list[ClaimEvent]]:
    """Return the events of each claim, oldest first."""
    found: dict[UUID, list[ClaimEvent]] = {claim_id: [] for claim_id in claim_ids}
    query = sa.select(ClaimEvent).where(ClaimEvent.claim_id.in_(list(found)))
    for event in session.scalars(query.order_by(ClaimEvent.claim_id, ClaimEvent.seq)):
        found[event.claim_id].append(event)
    return found
