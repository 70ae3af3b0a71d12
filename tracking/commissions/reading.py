"""Read commissions: one, or a page of those that somebody may see, with the state derived in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.paging import Place, narrowed, newest_first
from tracking.commissions.models import Commission, CommissionMove
from tracking.orders.models import ShopOrder

STATES = ("pending", "approved", "declined", "reversed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of commissions is narrowed to; None means any."""

    state: str | None = None
    mode: str | None = None
    shop_id: UUID | None = None
    adviser_id: UUID | None = None
    order_ref: str | None = None


def in_own_mode(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which commissions are of an actor's mode: a key's own only, so that no test is taken for a sale."""
    return Commission.mode == actor.mode if actor.via == "key" else sa.true()


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which commissions an actor may see: the platform all, a shop its own, an adviser their own."""
    in_mode = in_own_mode(actor)
    if actor.is_platform:
        return in_mode
    of_shops = tenancy.shops(actor, "commissions.shops", Commission.shop_id)
    own = tenancy.adviser(actor, "commissions.own", Commission.adviser_id)
    return sa.and_(in_mode, sa.or_(of_shops, own))


def get(session: Session, actor: Actor, commission_id: UUID) -> Commission:
    """Return a commission that the actor may see. Raises NotFound."""
    query = sa.select(Commission).where(Commission.id == commission_id, visible(actor))
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("commission", commission_id)
    return found


def of_shop(session: Session, actor: Actor, commission_id: UUID) -> Commission:
    """Return a commission of a shop that the actor owns.

    Raises NotFound, also for one's own as adviser; OwnerNeeded for staff of the shop.
    """
    found = get(session, actor, commission_id)
    shops.require_owner(actor, found.shop_id)
    return found


def state_in_sql() -> sa.ColumnElement[str]:
    """Return the state of a commission as SQL; the same as `states.state_of` its moves."""
    move = CommissionMove
    of_this = sa.select(move.id).where(move.commission_id == Commission.id).correlate(Commission)
    last = (
        sa.select(move.standing_minor)
        .where(move.commission_id == Commission.id)
        .order_by(move.seq.desc())
        .limit(1)
        .correlate(Commission)
        .scalar_subquery()
    )
    return sa.case(
        (
            sa.and_(
                of_this.where(move.kind == "declined").exists(),
                ~of_this.where(move.kind == "reinstated").exists(),
            ),
            "declined",
        ),
        (last == 0, "reversed"),
        (of_this.where(move.kind == "approved").exists(), "approved"),
        else_="pending",
    )


def page(session: Session, actor: Actor, wanted: Wanted, after: Place | None, limit: int) -> list[Any]:
    """Return up to limit + 1 commissions with their orders, newest first; `after` is the last one seen."""
    query = (
        sa.select(Commission, ShopOrder)
        .join(ShopOrder, ShopOrder.id == Commission.order_id)
        .where(visible(actor))
    )
    exact = {
        Commission.mode: wanted.mode,
        Commission.shop_id: wanted.shop_id,
        Commission.adviser_id: wanted.adviser_id,
        ShopOrder.order_ref: wanted.order_ref,
    }
    query = narrowed(query, exact)
    if wanted.state is not None:
        query = query.where(state_in_sql() == wanted.state)
    query = newest_first(query, Commission.created_at, Commission.id, after, limit)
    return [(commission, order) for commission, order in session.execute(query)]
