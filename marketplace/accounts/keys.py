"""API keys: shown once, kept as a digest, alive as long as the person still has the right to hold them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from marketplace.accounts import shops, users
from marketplace.accounts.models import ApiKey, UserAccount
from marketplace.core import audit, ids, policy, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import InvalidInput, NotFound

PREFIXES = {"live": "aan_live_", "test": "aan_test_"}
SHOWN = 13
USED_EVERY = dt.timedelta(hours=1)


def known_scopes() -> frozenset[str]:
    """Return every scope that a key can have: "resource:action" of the matrix, and "resource:*"."""
    rows = policy.matrix()
    return frozenset(
        {f"{resource}:{action}" for resource, action in rows} | {f"{name}:*" for name, _ in rows}
    )


def _tenant(session: Session, actor: Actor, data: Mapping[str, Any]) -> tuple[UUID | None, UUID | None]:
    if actor.is_platform:
        if data.get("shop_id") is not None:
            raise InvalidInput({"shop_id": ["A key of somebody of the platform belongs to no shop."]})
        return None, None
    bound_to = data.get("bound_to")
    if bound_to is None:
        if actor.owned_shop_ids and actor.adviser_id is not None and data.get("shop_id") is None:
            raise InvalidInput({"bound_to": ["You own a shop and are an adviser: say shop or adviser."]})
        bound_to = "shop" if data.get("shop_id") is not None or actor.owned_shop_ids else "adviser"
    if bound_to == "adviser":
        if data.get("shop_id") is not None:
            raise InvalidInput({"shop_id": ["A key of an adviser belongs to no shop."]})
        return None, actor.adviser()
    if data.get("shop_id") is None and len(actor.owned_shop_ids) == 1:
        return actor.owned_shop_ids[0], None
    return shops.owned_by(session, actor, tenancy.meant_shop(actor, data.get("shop_id"))).id, None


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is never shown again.

    data: name, mode ("live" or "test"), scopes (none means all), bound_to ("shop" or "adviser") and shop_id where
    more than one is possible. Raises InvalidInput, NotFound, OwnerNeeded.
    """
    shop_id, adviser_id = _tenant(session, actor, data)
    scopes = sorted(set(data.get("scopes") or ()))
    if unknown := set(scopes) - known_scopes():
        raise InvalidInput({"scopes": [f"There is no scope {sorted(unknown)[0]!r}."]})
    text = PREFIXES[data["mode"]] + ids.secret_token()
    key = ApiKey(
        user_id=users.id_of(actor),
        shop_id=shop_id,
        adviser_id=adviser_id,
        name=data["name"],
        mode=data["mode"],
        prefix=text[:SHOWN],
        key_hash=ids.digest(text),
        scopes=scopes,
    )
    session.add(key)
    session.flush()
    facts = {"mode": key.mode, "scopes": scopes}
    audit.record(session, actor, "api_key.create", "api_key", key.id, facts, now=now, shop_id=shop_id)
    users.tell(session, users.get(session, key.user_id), "api_key_made", now)
    return key, text


def _visible(actor: Actor) -> Any:
    mine = tenancy.person(actor, "api_keys.own", ApiKey.user_id)
    return or_(mine, tenancy.owned_shops(actor, "api_keys.shops", ApiKey.shop_id))


def listed(session: Session, actor: Actor, after: UUID | None, limit: int) -> Sequence[ApiKey]:
    """Return up to `limit` keys after an id: the actor's own and those of shops that they own."""
    statement = select(ApiKey).where(_visible(actor)).order_by(ApiKey.id).limit(limit)
    if after is not None:
        statement = statement.where(ApiKey.id > after)
    return session.scalars(statement).all()


def revoke(session: Session, actor: Actor, key_id: UUID, now: dt.datetime, wall: dt.datetime) -> ApiKey:
    """End a key; twice is the same. Raises NotFound for a key that the actor can't see."""
    key = session.scalars(select(ApiKey).where(ApiKey.id == key_id, _visible(actor))).one_or_none()
    if key is None:
        raise NotFound("api-key", key_id)
    if key.revoked_at is None:
        key.revoked_at = wall
        audit.record(session, actor, "api_key.revoke", "api_key", key.id, {}, now=now, shop_id=key.shop_id)
    return key


def find(session: Session, text: str) -> tuple[ApiKey, UserAccount] | None:
    """Return the key of a text and its person while the key is not revoked and the person not suspended."""
    found = session.execute(
        select(ApiKey, UserAccount)
        .join(UserAccount, UserAccount.id == ApiKey.user_id)
        .where(ApiKey.key_hash == ids.digest(text), ApiKey.revoked_at.is_(None))
        .where(UserAccount.suspended_at.is_(None), UserAccount.email_verified_at.is_not(None))
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def touch(session: Session, key: ApiKey, wall: dt.datetime) -> None:
    """Remember that the key was used, at most once an hour."""
    if key.last_used_at is None or wall - key.last_used_at >= USED_EVERY:
        session.execute(
            update(ApiKey)
            .where(ApiKey.id == key.id)
            .values(last_used_at=wall)
            .execution_options(synchronize_session=False)
        )
