"""One order as its shop sees it: everything the API tells, with the names of who took part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.accounts.models import Shop
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from marketplace.stores.models import Store
from payouts.shopkeeping import surroundings
from payouts.shopkeeping.surroundings import Surroundings
from tracking.commissions import answers
from tracking.disputes import reading as disputes
from tracking.disputes.models import Dispute
from tracking.orders.models import MODES, ShopOrder

_ADVISERS = sa.text(
    """
    SELECT DISTINCT c.adviser_id AS id, coalesce(n.display_name, '') AS name FROM commission c
      LEFT JOIN public_adviser n ON n.id = c.adviser_id
     WHERE c.shop_id = :shop AND c.mode = 'live' ORDER BY name, id
    """
)


@dataclass(frozen=True, slots=True)
class Life:
    """`order`: as the API tells it; names: of advisers by id; disputes: of its commissions, by commission id."""

    order: Mapping[str, Any]
    names: Mapping[str, str]
    disputes: Mapping[str, Dispute]

    def at(self, text: str | None) -> dt.datetime | None:
        """Return an instant of the answer as one."""
        return dt.datetime.fromisoformat(text) if text else None

    def amount(self, money: Mapping[str, str]) -> tuple[int, str]:
        """Return an amount of the answer as (minor units, currency) for the filter of money."""
        found = Money.parse(money["amount"], money["currency"])
        return found.minor, found.currency


def advisers(session: Session, shop_id: UUID) -> Sequence[tuple[UUID, str]]:
    """Return who earned at a shop, by name."""
    return [(row.id, row.name) for row in session.execute(_ADVISERS, {"shop": shop_id})]


def of(
    session: Session, actor: Actor, order_ref: str, mode: str | None
) -> tuple[ShopOrder, Life, Surroundings]:
    """Return an order of a shop that the actor works for; of several with one reference the newest. Raises NotFound.

    Its shop, the actor's others and its store come along by the same statement.
    """
    query = (
        sa.select(Shop, ShopOrder, Store)
        .outerjoin(
            ShopOrder,
            sa.and_(
                ShopOrder.shop_id == Shop.id,
                ShopOrder.order_ref == order_ref,
                ShopOrder.mode == (mode if mode in MODES else "live"),
            ),
        )
        # What asks for the store of the order finds it in the session.
        .outerjoin(Store, Store.id == ShopOrder.store_id)
        .where(tenancy.shops(actor, "shopkeeping.order", Shop.id))
        .order_by(Shop.id)
        .limit(surroundings.MOST_SHOPS)
    )
    rows = session.execute(query).all()
    every: list[ShopOrder | None] = [order for _shop, order, _store in rows]
    orders = [order for order in every if order is not None]
    if not orders:
        raise NotFound("order", order_ref)
    order = max(sorted(orders, key=lambda one: one.id), key=lambda one: one.received_at)
    told = answers.order_answer(session, order)
    decided = told["attribution"] or {"winner": None, "others": [], "touches": []}
    people = {one["adviser_id"] for one in (*decided["others"], *decided["touches"], *told["commissions"])}
    if decided["winner"]:
        people.add(decided["winner"]["adviser_id"])
    names = public.names_of(session, [UUID(one) for one in people if one])
    declined = [
        UUID(commission["id"])
        for commission in told["commissions"]
        if commission["state"] == "declined" or any(one["kind"] == "declined" for one in commission["moves"])
    ]
    disputed = disputes.of_commissions(session, actor, declined)
    life = Life(
        told,
        {str(key): name for key, name in names.items()},
        {str(key): dispute for key, dispute in disputed.items()},
    )
    return order, life, surroundings.among([shop for shop, _order, _store in rows], actor, order.shop_id)
