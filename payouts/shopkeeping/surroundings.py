"""Whose pages these are: the shop in question, the others to choose from, and what its people may do here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.accounts.models import Shop
from marketplace.core import pages
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound

MOST_SHOPS = 50


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The shop of a page; `others`: (id, name) of all shops of this person; owners may do what staff only see."""

    shop: Shop
    others: tuple[tuple[UUID, str], ...]
    is_owner: bool

    def context(self) -> dict[str, Any]:
        """Return what every template of these pages gets."""
        return {"shop": self.shop, "shops": self.others, "is_owner": self.is_owner}


def of(session: Session, actor: Actor, shop_id: UUID | None = None) -> Surroundings:
    """Return the shop that a page is about, with one query: the one of its subject, else the chosen one.

    Raises NotFound for somebody without a shop, or another's.
    """
    shop_id = shop_id or pages.current_shop(actor)
    mine = shops.listed(session, actor, None, MOST_SHOPS)
    return among(mine, actor, shop_id)


def among(mine: Sequence[Shop], actor: Actor, shop_id: UUID) -> Surroundings:
    """Return the same for who has read the actor's shops. Raises NotFound when it is none of them."""
    shop = next((one for one in mine if one.id == shop_id), None)
    if shop is None:
        raise NotFound("shop", shop_id)
    others = tuple((one.id, one.name) for one in mine)
    return Surroundings(shop, others, shops.is_owner(actor, shop_id))
