"""Read disputes: one, or a page of those that somebody may see, with their events."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.paging import Place, narrowed, newest_first
from tracking.commissions import reading as commissions
from tracking.commissions.models import Commission
from tracking.disputes.models import Dispute, DisputeEvent
from tracking.orders.models import ShopOrder

Row = tuple[Dispute, Commission, ShopOrder]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of disputes is narrowed to; None means any."""

    state: str | None = None
    mode: str | None = None
    shop_id: UUID | None = None
    adviser_id: UUID | None = None
    commission_id: UUID | None = None


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which disputes an actor may see: the platform all, a shop its own, an adviser their own."""
    in_mode = commissions.in_own_mode(actor)
    if actor.is_platform:
        return in_mode
    of_shops = tenancy.shops(actor, "disputes.shops", Dispute.shop_id)
    own = tenancy.adviser(actor, "disputes.own_rows", Dispute.adviser_id)
    return sa.and_(in_mode, sa.or_(of_shops, own))


def get(session: Session, actor: Actor, dispute_id: UUID) -> Dispute:
    """Return a dispute that the actor may see. Raises NotFound."""
    query = sa.select(Dispute).join(Commission, Commission.id == Dispute.commission_id)
    found = session.scalars(query.where(Dispute.id == dispute_id, visible(actor))).one_or_none()
    if found is None:
        raise NotFound("dispute", dispute_id)
    return found


def row_of(session: Session, dispute: Dispute) -> Row:
    """Return a dispute with its commission and order."""
    commission = session.get_one(Commission, dispute.commission_id)
    return dispute, commission, session.get_one(ShopOrder, commission.order_id)


def page(session: Session, actor: Actor, wanted: Wanted, after: Place | None, limit: int) -> list[Row]:
    """Return up to limit + 1 disputes, newest first; `after` is the last one seen."""
    query = (
        sa.select(Dispute, Commission, ShopOrder)
        .join(Commission, Commission.id == Dispute.commission_id)
        .join(ShopOrder, ShopOrder.id == Commission.order_id)
        .where(visible(actor))
    )
    exact = {
        Dispute.state: wanted.state,
        Commission.mode: wanted.mode,
        Dispute.shop_id: wanted.shop_id,
        Dispute.adviser_id: wanted.adviser_id,
        Dispute.commission_id: wanted.commission_id,
    }
    query = newest_first(narrowed(query, exact), Dispute.opened_at, Dispute.id, after, limit)
    return [(dispute, commission, order) for dispute, commission, order in session.execute(query)]


def of_commissions(session: Session, actor: Actor, ids: Collection[UUID]) -> dict[UUID, Dispute]:
    """Return the newest dispute of each commission that has one which the actor may see, by the commission's id."""
    if not ids:
        return {}
    query = (
        sa.select(Dispute)
        .join(Commission, Commission.id == Dispute.commission_id)
        .where(visible(actor), Dispute.commission_id.in_(list(ids)))
        .order_by(Dispute.opened_at, Dispute.id)
    )
    return {dispute.commission_id: dispute for dispute in session.scalars(query)}


def events_of(session: Session, dispute_ids: Iterable[UUID]) -> dict[UUID, list[DisputeEvent]]:
    """Return the events of each dispute, oldest first."""
    found: dict[UUID, list[DisputeEvent]] = {dispute_id: [] for dispute_id in dispute_ids}
    query = sa.select(DisputeEvent).where(DisputeEvent.dispute_id.in_(list(found)))
    for event in session.scalars(query.order_by(DisputeEvent.dispute_id, DisputeEvent.seq)):
        found[event.dispute_id].append(event)
    return found
