"""Decide about many commissions in one step: all that are named, or none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core.actor import Actor
from marketplace.core.errors import IllegalTransition, NotFound
from tracking.commissions import reading
from tracking.commissions.models import Commission
from tracking.orders.models import ShopOrder


def decide(
    session: Session, actor: Actor, commission_ids: Sequence[UUID], one: Callable[[UUID], object]
) -> tuple[list[UUID], int]:
    """Decide about commissions of the actor's own shops, all in this transaction; what is refused refuses them all.

    one: decides about a single one, such as `approval.approve`. Those that were decided otherwise a moment ago stay as
    they were and are only counted. Returns the decided ones and that count. Raises NotFound and OwnerNeeded before
    anything is decided, IllegalTransition where nothing is left to decide, and whatever `one` raises beside it.
    """
    wanted = list(dict.fromkeys(commission_ids))
    _enter(session, actor, wanted)
    done: list[UUID] = []
    late: list[IllegalTransition] = []
    for commission_id in wanted:
        try:
            with session.begin_nested():
                one(commission_id)
        except IllegalTransition as error:
            late.append(error)
        else:
            done.append(commission_id)
    if late and not done:
        raise late[0]
    return done, len(late)


def _enter(session: Session, actor: Actor, wanted: Sequence[UUID]) -> None:
    """Lock the orders of these commissions by their ids, so that two who decide never wait for each other."""
    query = sa.select(Commission.id, Commission.order_id, Commission.shop_id).where(
        Commission.id.in_(wanted), reading.visible(actor)
    )
    found = {row.id: row for row in session.execute(query)}
    for commission_id in wanted:
        if commission_id not in found:
            raise NotFound("commission", commission_id)
    for shop_id in {row.shop_id for row in found.values()}:
        shops.require_owner(actor, shop_id)
    orders = sa.select(ShopOrder.id).where(ShopOrder.id.in_({row.order_id for row in found.values()}))
    session.execute(orders.order_by(ShopOrder.id).with_for_update())
