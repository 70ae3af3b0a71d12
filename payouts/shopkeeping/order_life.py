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
from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.core.money import Money
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


def of(session: Session, actor: Actor, order_ref: str, mode: str | None) -> tuple[ShopOrder, Life]:
    """Return an order of a shop that the actor works for; of several with one reference the newest. Raises NotFound."""
    query = (
        sa.select(ShopOrder)
        .where(
            tenancy.shops(actor, "shopkeeping.order", ShopOrder.shop_id),
            ShopOrder.order_ref == order_ref,
            ShopOrder.mode == (mode if mode in MODES else "live"),
        )
        .order_by(ShopOrder.received_at.desc(), ShopOrder.id)
        .limit(1)
    )
    order = session.scalars(query).one_or_none()
    if order is None:
        raise NotFound("order", order_ref)
    told = answers.order_answer(session, order)
    decided = told["attribution"] or {"winner": None, "others": [], "touches": []}
    people = {one["adviser_id"] for one in (*decided["others"], *decided["touches"], *told["commissions"])}
    if decided["winner"]:
        people.add(decided["winner"]["adviser_id"])
    names = public.names_of(session, [UUID(one) for one in people if one])
    found: dict[str, Dispute] = {}
    for commission in told["commissions"]:
        if commission["state"] == "declined" or any(one["kind"] == "declined" for one in commission["moves"]):
            wanted = disputes.Wanted(commission_id=UUID(commission["id"]))
            for dispute, _commission, _order in disputes.page(session, actor, wanted, None, 1):
                found[commission["id"]] = dispute
    return order, Life(told, {str(key): name for key, name in names.items()}, found)
