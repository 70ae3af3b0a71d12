"""Shops: their legal details, what the platform charges them, their proved hosts, their own advisers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import legal, users
from marketplace.accounts.advisers import PlatformPerson
from marketplace.accounts.models import Adviser, Membership, Shop, ShopContract, ShopDomain
from marketplace.core import audit, db, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Forbidden, NotFound

# The platform's share of a commission, in basis points, for a contract without other terms.
DEFAULT_FEE_BP = 1000
CONSENT_MODES = ("none", "exempt", "strict")


class OwnerNeeded(Forbidden):
    """The actor works for the shop and does not own it."""

    code = "owner_needed"
    title = "Only an owner can do this"
    detail = "You work for shop {shop_id}, and only its owners can do this."
    next = "Ask an owner of the shop."


def get(session: Session, shop_id: UUID) -> Shop:
    """Return a shop. Raises NotFound."""
    shop = session.get(Shop, shop_id)
    if shop is None:
        raise NotFound("shop", shop_id)
    return shop


def seen_by(session: Session, actor: Actor, shop_id: UUID) -> Shop:
    """Return a shop that the actor may see: their own, or any for finance and admin. Raises NotFound."""
    if not actor.is_platform:
        tenancy.require_shop(actor, "shops.seen", shop_id)
    return get(session, shop_id)


def require_owner(actor: Actor, shop_id: UUID) -> UUID:
    """Return `shop_id` when the actor owns that very shop; the matrix knows only that they own some shop.

    Raises NotFound for a stranger, OwnerNeeded for staff of the shop.
    """
    tenancy.require_shop(actor, "shops.owner_seen", shop_id)
    refuse_staff(actor, shop_id)
    return shop_id


def refuse_staff(actor: Actor, shop_id: UUID) -> None:
    """Raise OwnerNeeded for everybody but the owners of a shop; ask once a row of it was found to be the actor's."""
    if not is_owner(actor, shop_id):
        raise OwnerNeeded(shop_id=shop_id)


def is_owner(actor: Actor, shop_id: UUID) -> bool:
    """Tell whether the actor owns a shop, so that pages show what only owners may do."""
    return tenancy.owns(actor, "shops.owner", shop_id)


def owned_by(session: Session, actor: Actor, shop_id: UUID) -> Shop:
    """Return a shop that the actor owns. Raises NotFound for a stranger, OwnerNeeded for staff of the shop."""
    return get(session, require_owner(actor, shop_id))


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> Shop:
    """Make a shop owned by the actor, in draft, with contract version 1 from now.

    data: name, legal_name, registration_no, country, currency, and vat_no, consent_mode, code where given; a code
    that is taken gets a number. Raises InvalidInput for wrong legal details, PlatformPerson for finance and admin.
    """
    owner = users.locked(session, users.id_of(actor))
    if owner.is_staff:
        raise PlatformPerson(user_id=owner.id)
    values = {
        "name": data["name"],
        "legal_name": data["legal_name"],
        "country": data["country"],
        "currency": data["currency"],
        "registration_no": legal.registration_number(data["registration_no"], data["country"]),
        "vat_no": legal.vat_number(data["vat_no"], data["country"]) if data.get("vat_no") else None,
        "consent_mode": data.get("consent_mode") or "none",
        "state": "draft",
    }
    wish = users.slug(data.get("code") or data["name"], "shop")
    wanted_id = ids.new_id()
    db.adopt_shop(session, wanted_id)
    shop_id, number = None, 1
    while shop_id is None:
        code = wish if number == 1 else f"{wish}-{number if number < 10 else ids.short_code(6).lower()}"
        shop_id = session.execute(
            insert(Shop)
            .values(id=wanted_id, code=code, **values)
            .on_conflict_do_nothing(index_elements=[Shop.code])
            .returning(Shop.id)
        ).scalar()
        number += 1
    session.add(ShopContract(shop_id=shop_id, version=1, fee_bp=DEFAULT_FEE_BP, effective_from=now))
    session.add(Membership(user_id=owner.id, user_role="member", shop_id=shop_id, role="owner"))
    session.flush()
    audit.record(session, actor, "shop.create", "shop", shop_id, {}, now=now, shop_id=shop_id)
    return get(session, shop_id)


def update(session: Session, actor: Actor, shop_id: UUID, data: Mapping[str, Any], now: dt.datetime) -> Shop:
    """Change name, legal_name, registration_no, vat_no or consent_mode; country, currency and code stay.

    Raises NotFound, OwnerNeeded, InvalidInput.
    """
    shop = owned_by(session, actor, shop_id)
    changes = dict(data)
    if "registration_no" in changes:
        changes["registration_no"] = legal.registration_number(changes["registration_no"], shop.country)
    if changes.get("vat_no") is not None:
        changes["vat_no"] = legal.vat_number(changes["vat_no"], shop.country)
    for name, value in changes.items():
        setattr(shop, name, value)
    session.flush()
    audit.record(
        session, actor, "shop.update", "shop", shop.id, {"fields": sorted(changes)}, now=now, shop_id=shop.id
    )
    return shop


def listed(session: Session, actor: Actor, after: UUID | None, limit: int) -> Sequence[Shop]:
    """Return up to `limit` shops after an id: the actor's own, or all for finance and admin."""
    statement = select(Shop).order_by(Shop.id).limit(limit)
    if not actor.is_platform:
        statement = statement.where(_own(actor))
    if after is not None:
        statement = statement.where(Shop.id > after)
    return session.scalars(statement).all()


def worked_for(session: Session, actor: Actor, limit: int) -> Sequence[Shop]:
    """Return up to `limit` shops that the actor works for, as owner or staff; none for finance and admin."""
    return session.scalars(select(Shop).where(_own(actor)).order_by(Shop.id).limit(limit)).all()


def owned(session: Session, actor: Actor, limit: int) -> Sequence[Shop]:
    """Return those of the first `limit` shops that the actor works for which they own."""
    return [one for one in worked_for(session, actor, limit) if is_owner(actor, one.id)]


def _own(actor: Actor) -> ColumnElement[bool]:
    return tenancy.shops(actor, "shops.listed", Shop.id)


def fee_bp_at(session: Session, shop_id: UUID, at: dt.datetime) -> int:
    """Return the platform's share of a commission, in basis points, by the contract in force at an instant.

    Before the first version the first one counts. Raises NotFound for a shop without a contract.
    """
    versions = session.execute(
        select(ShopContract.effective_from, ShopContract.fee_bp)
        .where(ShopContract.shop_id == shop_id)
        .order_by(ShopContract.version)
    ).all()
    if not versions:
        raise NotFound("shop", shop_id)
    in_force = [fee for effective_from, fee in versions if effective_from <= at]
    return in_force[-1] if in_force else versions[0].fee_bp


def verified_hosts(session: Session, shop_id: UUID) -> frozenset[str]:
    """Return the hosts (A-labels, lower case) that the shop has proved to be its own."""
    rows = session.scalars(
        select(ShopDomain.host).where(ShopDomain.shop_id == shop_id, ShopDomain.verified_at.is_not(None))
    )
    return frozenset(rows)


def own_advisers(session: Session, shop_id: UUID) -> frozenset[UUID]:
    """Return the advisers who work for the shop themselves; their advice on it is flagged."""
    rows = session.scalars(
        select(Adviser.id)
        .join(Membership, Membership.user_id == Adviser.user_id)
        .where(Membership.shop_id == shop_id, Membership.removed_at.is_(None))
    )
    return frozenset(rows)
