"""Who works for a shop: seen by its people, changed by its owners, and never without an owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from marketplace.accounts import shops, users
from marketplace.accounts.models import Adviser, Membership, UserAccount
from marketplace.core import audit, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, NotFound

ROLES = ("owner", "staff")


class LastOwner(Conflict):
    """The shop would be left without an owner."""

    code = "last_owner"
    title = "A shop keeps at least one owner"
    detail = "This is the only owner of the shop."
    next = "Make somebody else an owner first."


def listed(
    session: Session, actor: Actor, shop_id: UUID | None, after: UUID | None, limit: int
) -> list[tuple[Membership, UserAccount]]:
    """Return up to `limit` present members after an id, with the person, of the actor's shops or one of them."""
    statement = (
        select(Membership, UserAccount)
        .join(UserAccount, UserAccount.id == Membership.user_id)
        .where(Membership.removed_at.is_(None))
        .order_by(Membership.id)
        .limit(limit)
    )
    if shop_id is not None:
        statement = statement.where(Membership.shop_id == shops.seen_by(session, actor, shop_id).id)
    elif not actor.is_platform:
        statement = statement.where(tenancy.shops(actor, "members.listed", Membership.shop_id))
    if after is not None:
        statement = statement.where(Membership.id > after)
    return [(row[0], row[1]) for row in session.execute(statement)]


def of_user(session: Session, user_id: UUID) -> Sequence[Membership]:
    """Return the present memberships of a person, oldest first."""
    return session.scalars(
        select(Membership)
        .where(Membership.user_id == user_id, Membership.removed_at.is_(None))
        .order_by(Membership.id)
    ).all()


def places() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return two columns for a statement about people: where they work for now, and the adviser that they are.

    The first is a list of [shop, role], oldest first, or None; the second an id or None.
    """
    at_shops = (
        select(
            func.jsonb_agg(
                aggregate_order_by(func.jsonb_build_array(Membership.shop_id, Membership.role), Membership.id)
            )
        )
        .where(Membership.user_id == UserAccount.id, Membership.removed_at.is_(None))
        .correlate(UserAccount)
    )
    as_adviser = select(Adviser.id).where(Adviser.user_id == UserAccount.id).correlate(UserAccount)
    return at_shops.scalar_subquery(), as_adviser.scalar_subquery()


def _for_change(session: Session, actor: Actor, membership_id: UUID) -> tuple[Membership, list[Membership]]:
    found = session.get(Membership, membership_id)
    if found is None or not tenancy.works_for(actor, "members.change", found.shop_id):
        raise NotFound("member", membership_id)
    shops.refuse_staff(actor, found.shop_id)
    # All present members are locked in id order, so that two owners can't remove each other at once.
    present = session.scalars(
        select(Membership)
        .where(Membership.shop_id == found.shop_id, Membership.removed_at.is_(None))
        .order_by(Membership.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if not any(row.user_id == actor.user_id and row.role == "owner" for row in present):
        raise shops.OwnerNeeded(shop_id=found.shop_id)
    if found not in present:
        raise NotFound("member", membership_id)
    return found, [row for row in present if row.role == "owner"]


def remove(
    session: Session, actor: Actor, membership_id: UUID, now: dt.datetime, wall: dt.datetime
) -> Membership:
    """End a membership: the person signs in anew, and keys and invitations lose the shop at their next request.

    Raises NotFound for another shop's or a removed member, OwnerNeeded, LastOwner.
    """
    member, owners = _for_change(session, actor, membership_id)
    if owners == [member]:
        raise LastOwner(shop_id=member.shop_id)
    member.removed_at = wall
    users.end_sessions(session, member.user_id)
    audit.record(
        session, actor, "member.remove", "membership", member.id, {"user": str(member.user_id)},
        now=now, shop_id=member.shop_id,
    )  # fmt: skip
    return member


def change_role(
    session: Session, actor: Actor, membership_id: UUID, role: str, now: dt.datetime
) -> Membership:
    """Make a member owner or staff, who then signs in anew. Raises NotFound, OwnerNeeded, LastOwner."""
    member, owners = _for_change(session, actor, membership_id)
    if role != "owner" and owners == [member]:
        raise LastOwner(shop_id=member.shop_id)
    if member.role != role:
        member.role = role
        users.end_sessions(session, member.user_id)
        audit.record(
            session, actor, "member.change_role", "membership", member.id, {"role": role},
            now=now, shop_id=member.shop_id,
        )  # fmt: skip
    return member
