"""Stores: opened, changed and closed by their shop, read by everybody; and who advises there."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import public
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from marketplace.stores.models import Store, StoreAdviser


class StoreCodeTaken(Conflict):
    """A shop's tills can't tell two stores with one code apart, also when one of them is closed."""

    code = "store_code_taken"
    title = "The shop has a store with that code"
    detail = "Store {code} of this shop is there already."
    next = "Choose another code, or change that store with PATCH /api/v1/stores/{id}."


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which stores an actor may see: open ones of live shops; their own shop's; the platform all."""
    if actor.is_platform:
        return sa.true()
    in_public = sa.and_(Store.state == "open", Store.shop_id.in_(public.shops_in("live")))
    return sa.or_(in_public, tenancy.shops(actor, "stores.seen", Store.shop_id))


def get(session: Session, actor: Actor, store_id: uuid.UUID) -> Store:
    """Return a store that the actor may see. Raises NotFound."""
    found = session.scalars(sa.select(Store).where(Store.id == store_id, visible(actor))).one_or_none()
    if found is None:
        raise NotFound("store", store_id)
    return found


def of_shop(session: Session, actor: Actor, store_id: uuid.UUID) -> Store:
    """Return a store of a shop that the actor works for, or any for the platform. Raises NotFound."""
    query = sa.select(Store).where(Store.id == store_id)
    if not actor.is_platform:
        query = query.where(tenancy.shops(actor, "stores.inside", Store.shop_id))
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("store", store_id)
    return found


def listed(
    session: Session,
    actor: Actor,
    *,
    shop_id: uuid.UUID | None,
    state: str | None,
    after: uuid.UUID | None,
    limit: int,
) -> Sequence[Store]:
    """Return up to limit + 1 stores that the actor may see, oldest first."""
    query = sa.select(Store).where(visible(actor)).order_by(Store.id).limit(limit + 1)
    if shop_id is not None:
        query = query.where(Store.shop_id == shop_id)
    if state is not None:
        query = query.where(Store.state == state)
    if after is not None:
        query = query.where(Store.id > after)
    return session.scalars(query).all()


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> Store:
    """Open a store of the actor's shop.

    data: as loaded by NewStore. Raises NotFound for another's shop, StoreCodeTaken, InvalidInput for a future opening.
    """
    meant = tenancy.meant_shop(actor, data["shop_id"])
    shop_id = tenancy.require_shop(actor, "stores.create", meant)
    opened_at = data["opened_at"] or now
    if opened_at > now:
        raise InvalidInput({"opened_at": ["Lies in the future: report a store once it is open."]})
    values = {name: value for name, value in data.items() if name not in ("shop_id", "opened_at")}
    made = session.scalar(
        insert(Store)
        .values(id=ids.new_id(), shop_id=shop_id, state="open", opened_at=opened_at, **values)
        .on_conflict_do_nothing(index_elements=[Store.shop_id, Store.code])
        .returning(Store.id)
    )
    if made is None:
        raise StoreCodeTaken(code=data["code"])
    audit.record(
        session, actor, "store.create", "store", made, {"code": data["code"]}, now=now, shop_id=shop_id
    )
    return session.get_one(Store, made)


def update(
    session: Session, actor: Actor, store_id: uuid.UUID, data: Mapping[str, Any], now: dt.datetime
) -> Store:
    """Change name, address, place, phone or hours of a store of the actor's shop. Raises NotFound."""
    store = _locked(session, actor, store_id)
    for name, value in data.items():
        setattr(store, name, value)
    session.flush()
    facts = {"fields": sorted(data)}
    audit.record(session, actor, "store.update", "store", store.id, facts, now=now, shop_id=store.shop_id)
    return store


def close(session: Session, actor: Actor, store_id: uuid.UUID, now: dt.datetime) -> Store:
    """Close a store for good, and end whose work is there; its orders stay. Closing twice changes nothing.

    Raises NotFound.
    """
    store = _locked(session, actor, store_id)
    if store.state == "open":
        store.state, store.closed_at = "closed", max(now, store.opened_at)
        session.flush()
        ended = sa.update(StoreAdviser).where(
            StoreAdviser.store_id == store.id, StoreAdviser.until_at.is_(None)
        )
        session.execute(ended.values(until_at=sa.func.greatest(now, StoreAdviser.from_at)))
        audit.record(session, actor, "store.close", "store", store.id, {}, now=now, shop_id=store.shop_id)
    return store


def add_adviser(
    session: Session, actor: Actor, store_id: uuid.UUID, adviser_id: uuid.UUID, now: dt.datetime
) -> StoreAdviser:
    """Say that an adviser works in a store from now on; saying it again changes nothing.

    Raises NotFound for another's store or no such adviser, IllegalTransition for a closed store.
    """
    store = _locked(session, actor, store_id)
    if store.state != "open":
        raise IllegalTransition("The store", was=store.state, wanted="a place to work")
    public.adviser(session, adviser_id)
    made = session.scalar(
        insert(StoreAdviser)
        .values(id=ids.new_id(), store_id=store.id, shop_id=store.shop_id, adviser_id=adviser_id, from_at=now)
        .on_conflict_do_nothing()
        .returning(StoreAdviser.id)
    )
    if made is not None:
        facts = {"adviser_id": str(adviser_id)}
        audit.record(
            session, actor, "store.adviser_begins", "store", store.id, facts, now=now, shop_id=store.shop_id
        )
    query = sa.select(StoreAdviser).where(
        StoreAdviser.store_id == store.id,
        StoreAdviser.adviser_id == adviser_id,
        StoreAdviser.until_at.is_(None),
    )
    return session.scalars(query).one()


def end_adviser(
    session: Session, actor: Actor, store_adviser_id: uuid.UUID, now: dt.datetime
) -> StoreAdviser:
    """Say that an adviser works in a store no more; twice changes nothing. Raises NotFound for another's store."""
    query = sa.select(StoreAdviser).where(
        StoreAdviser.id == store_adviser_id,
        tenancy.shops(actor, "stores.end_adviser", StoreAdviser.shop_id),
    )
    found = session.scalars(query.with_for_update()).one_or_none()
    if found is None:
        raise NotFound("adviser of a store", store_adviser_id)
    if found.until_at is None:
        found.until_at = max(now, found.from_at)
        session.flush()
        facts = {"adviser_id": str(found.adviser_id)}
        audit.record(
            session,
            actor,
            "store.adviser_ends",
            "store",
            found.store_id,
            facts,
            now=now,
            shop_id=found.shop_id,
        )
    return found


def advisers_of(session: Session, store: Store) -> Sequence[StoreAdviser]:
    """Return who works or worked in a store, newest first, at most 500."""
    query = sa.select(StoreAdviser).where(StoreAdviser.store_id == store.id)
    return session.scalars(
        query.order_by(StoreAdviser.from_at.desc(), StoreAdviser.id.desc()).limit(500)
    ).all()


def by_code(session: Session, shop_id: uuid.UUID, code: str) -> Store | None:
    """Return the store that a shop's till calls by a code, open or closed, or None; case doesn't matter."""
    query = sa.select(Store).where(Store.shop_id == shop_id, Store.code == code.strip().upper())
    return session.scalars(query).one_or_none()


def _locked(session: Session, actor: Actor, store_id: uuid.UUID) -> Store:
    query = sa.select(Store).where(Store.id == store_id, tenancy.shops(actor, "stores.change", Store.shop_id))
    found = session.scalars(
        query.with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("store", store_id)
    return found
