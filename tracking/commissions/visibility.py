"""Which orders somebody may see, and which part of each."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from marketplace.core import tenancy
from marketplace.core.actor import Actor
from tracking.attribution.models import OrderParticipant
from tracking.orders.models import ShopOrder


def orders(actor: Actor, mode: str | None, *, default_mode: str | None = None) -> sa.ColumnElement[bool]:
    """Return which orders an actor may see: the platform all, a shop its own, an adviser those they took part in.

    mode: live or test; a key sees its own mode only. default_mode: what people see when they don't say.
    """
    allowed = [ShopOrder.mode == actor.mode] if actor.via == "key" else []
    wanted = mode if mode is not None or actor.via == "key" else default_mode
    if wanted is not None:
        allowed.append(ShopOrder.mode == wanted)
    if actor.is_platform:
        return sa.and_(sa.true(), *allowed)
    mine = [tenancy.shops(actor, "orders.shops", ShopOrder.shop_id)]
    if actor.adviser_id is not None:
        mine.append(tenancy.rows("orders.took_part", took_part(actor.adviser_id)))
    return sa.and_(sa.or_(*mine), *allowed)


def took_part(adviser_id: UUID) -> sa.ColumnElement[bool]:
    """Return which orders an adviser took part in: a decision about it, now or before, named them."""
    part = OrderParticipant
    named = sa.select(part.n).where(part.order_id == ShopOrder.id, part.adviser_id == adviser_id)
    return named.correlate(ShopOrder).exists()


def along(actor: Actor, wanted: UUID | None) -> sa.Subquery | None:
    """Return (received_at, order_id) of the orders through which a list is read newest first; None: all orders.

    wanted: the adviser that the list is narrowed to, if any. A list of one adviser's orders is read along these: among
    all orders, theirs may be rare. This narrows nothing that `orders` and `of_adviser` don't.
    """
    mine = actor.adviser_id if not actor.is_platform and not actor.shop_ids else None
    adviser_id = wanted if wanted is not None else mine
    if adviser_id is None:
        return None
    part = OrderParticipant
    named = sa.select(part.received_at, part.order_id).where(part.adviser_id == adviser_id)
    # Once an order, however many decisions there were about it.
    return named.distinct().order_by(part.received_at.desc(), part.order_id.desc()).subquery("part")


def of_adviser(actor: Actor, adviser_id: UUID) -> sa.ColumnElement[bool]:
    """Return which orders an adviser took part in, as far as the actor may know: their own, or of orders seen whole."""
    if actor.is_platform or tenancy.is_adviser(actor, "orders.of_adviser", adviser_id):
        return took_part(adviser_id)
    return sa.and_(tenancy.shops(actor, "orders.of_advisers", ShopOrder.shop_id), took_part(adviser_id))


def part_of(actor: Actor, order: ShopOrder) -> UUID | None:
    """Return the adviser whose part of an order alone may be shown, or None when the actor may see it whole."""
    whole = actor.is_platform or tenancy.works_for(actor, "orders.whole", order.shop_id)
    return None if whole else actor.adviser()


def in_a_store(*, is_known: bool) -> sa.ColumnElement[bool]:
    """Return which orders name a store at their till: one that the shop has, or one that it doesn't have."""
    named = sa.and_(ShopOrder.channel == "pos", ShopOrder.store_ref.is_not(None))
    return sa.and_(named, ShopOrder.store_id.is_not(None) if is_known else ShopOrder.store_id.is_(None))
