"""Whose rows: every limit that keeps an actor to their own tenant has a name, and stands on one of these words.

Services ask here, with the name of the place that asks ("offers.change"), instead of reading the actor's shops
themselves: a condition for a query, or a fact about a row in hand. So every limit can be listed, and a test can
take away any single one and see that it is missed. What an actor may do at all is the matrix's (`policy`); which
rows exist for them is said here, and once more by row-level security.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound

Condition = sa.ColumnElement[bool]
Column = Any


def rows(name: str, condition: Condition) -> Condition:
    """Return the condition that limits a query to an actor's rows; every such condition passes through here.

    name: "noun.place", one for each place in the code.
    """
    return condition


def holds(name: str, fact: bool) -> bool:
    """Return whether a row in hand is an actor's; every such question passes through here."""
    return fact


def shops(actor: Actor, name: str, column: Column) -> Condition:
    """Limit to the shops that the actor works for."""
    return rows(name, column.in_(actor.shop_ids))


def owned_shops(actor: Actor, name: str, column: Column) -> Condition:
    """Limit to the shops that the actor owns."""
    return rows(name, column.in_(actor.owned_shop_ids))


def adviser(actor: Actor, name: str, column: Column) -> Condition:
    """Limit to the adviser that the actor is; who is none has NULL here, which equals nobody's id."""
    return rows(name, column == sa.cast(actor.adviser_id, sa.Uuid()))


def person(actor: Actor, name: str, column: Column) -> Condition:
    """Limit to the actor themselves."""
    return rows(name, column == sa.cast(actor.user_id, sa.Uuid()))


def works_for(actor: Actor, name: str, shop_id: UUID) -> bool:
    """Tell whether the actor works for a shop, as owner or staff."""
    return holds(name, shop_id in actor.shop_ids)


def owns(actor: Actor, name: str, shop_id: UUID) -> bool:
    """Tell whether the actor owns a shop."""
    return holds(name, shop_id in actor.owned_shop_ids)


def is_adviser(actor: Actor, name: str, adviser_id: UUID) -> bool:
    """Tell whether the actor is that adviser."""
    return holds(name, adviser_id == actor.adviser_id)


def is_person(actor: Actor, name: str, user_id: UUID) -> bool:
    """Tell whether the actor is that person."""
    return holds(name, user_id == actor.user_id)


def require_shop(actor: Actor, name: str, shop_id: UUID) -> UUID:
    """Return `shop_id` when the actor works for it. Raises NotFound: another tenant's shop looks like no shop."""
    if not works_for(actor, name, shop_id):
        raise NotFound("shop", shop_id)
    return shop_id


def meant_shop(actor: Actor, wanted: UUID | None = None) -> UUID:
    """Return the shop that a request is about: the one it names, the key's, or the only one.

    This says which shop is meant, not that the actor may: whoever asks goes on to `require_shop` or to the shop's
    owner. Raises NotFound when none is named and there is none, or several.
    """
    if wanted is not None:
        return wanted
    if actor.key_shop_id is not None:
        return actor.key_shop_id
    if len(actor.shop_ids) == 1:
        return actor.shop_ids[0]
    raise NotFound("shop", "(name it with shop_id)" if actor.shop_ids else "of yours")
