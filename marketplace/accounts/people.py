"""People as an admin finds them: by name, address or number, with their roles, and what was done by and to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import emails, users
from marketplace.accounts.models import Adviser, Membership, Shop, UserAccount
from marketplace.core.audit import AuditEvent
from marketplace.core.db import UtcDateTime
from marketplace.core.errors import InvalidInput

ROLES = ("adviser", "shop", "finance", "admin", "none")
STATES = ("active", "unproved", "suspended", "banned")
# Sign-ins that still count, for an admin (migration 0035): neither tokens nor networks.
_SIGN_IN = sa.table(
    "sign_in_told",
    sa.column("user_id", sa.Uuid()),
    sa.column("kind", sa.Text()),
    sa.column("last_seen_at", UtcDateTime),
    sa.column("expires_at", UtcDateTime),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody with an account: who they are as an adviser, and for which shops they work in which role."""

    user: UserAccount
    adviser: Adviser | None
    shops: tuple[tuple[UUID, str, str], ...] = ()

    @property
    def roles(self) -> list[str]:
        """Return in which roles somebody acts, the platform's first."""
        own = [self.user.role] if self.user.is_staff else []
        of_shops = sorted({role for _id, _name, role in self.shops})
        return own + of_shops + (["adviser"] if self.adviser is not None else [])

    @property
    def state(self) -> str:
        """Return suspended, banned (as an adviser), unproved (the mailbox) or active."""
        if self.user.suspended_at is not None:
            return "suspended"
        if self.adviser is not None and self.adviser.state == "banned":
            return "banned"
        return "active" if self.user.email_verified_at is not None else "unproved"


def listed(
    session: Session, wanted: Mapping[str, Any], *, after: UUID | None = None, limit: int = 50
) -> list[Found]:
    """Return up to limit + 1 people, newest first; only an admin's rows hold anybody but oneself.

    wanted: q (a part of the name or of the adviser's name, an address however written, or an id), role and state, each
    None for any.
    """
    query = sa.select(UserAccount, Adviser).outerjoin(Adviser, Adviser.user_id == UserAccount.id)
    query = query.where(*_narrowed(wanted))
    if after is not None:
        query = query.where(UserAccount.id < after)
    rows = session.execute(query.order_by(UserAccount.id.desc()).limit(limit + 1)).all()
    shops = _shops_of(session, [user.id for user, _adviser in rows])
    return [Found(user, adviser, tuple(shops.get(user.id, ()))) for user, adviser in rows]


def one(session: Session, user_id: UUID) -> Found:
    """Return one person. Raises NotFound."""
    user = users.get(session, user_id)
    adviser = session.scalars(sa.select(Adviser).where(Adviser.user_id == user_id)).one_or_none()
    return Found(user, adviser, tuple(_shops_of(session, [user_id]).get(user_id, ())))


def sign_ins(session: Session, user_id: UUID, wall: dt.datetime) -> list[Any]:
    """Return the sign-ins of a person that are not over: kind, last seen and end of each, newest first."""
    query = sa.select(_SIGN_IN).where(_SIGN_IN.c.user_id == user_id, _SIGN_IN.c.expires_at > wall)
    return list(session.execute(query.order_by(_SIGN_IN.c.last_seen_at.desc()).limit(100)))


def history(session: Session, found: Found, limit: int = 50) -> Sequence[AuditEvent]:
    """Return the last acts by a person and about them, newest first."""
    subjects = [str(found.user.id), *([str(found.adviser.id)] if found.adviser is not None else [])]
    # Two questions, each along its own index, instead of one that reads the whole history.
    parts = [
        sa.select(AuditEvent.id).where(condition).order_by(AuditEvent.id.desc()).limit(limit)
        for condition in (AuditEvent.user_id == found.user.id, AuditEvent.subject_id.in_(subjects))
    ]
    ids = sa.union(*(sa.select(part.subquery().c.id) for part in parts))
    query = sa.select(AuditEvent).where(AuditEvent.id.in_(ids)).order_by(AuditEvent.id.desc()).limit(limit)
    return session.scalars(query).all()


def names_of(session: Session, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return what people are called, by id, for an admin."""
    query = sa.select(UserAccount.id, UserAccount.name).where(UserAccount.id.in_(list(user_ids)))
    return {row.id: row.name for row in session.execute(query)}


def _narrowed(wanted: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if text := wanted.get("q"):
        found.append(_fits(text))
    works = sa.exists().where(Membership.user_id == UserAccount.id, Membership.removed_at.is_(None))
    match wanted.get("role"):
        case "adviser":
            found.append(Adviser.id.is_not(None))
        case "shop":
            found.append(works)
        case "none":
            found += [Adviser.id.is_(None), ~works, UserAccount.role == "member"]
        case str() as role:
            found.append(UserAccount.role == role)
    match wanted.get("state"):
        case "suspended":
            found.append(UserAccount.suspended_at.is_not(None))
        case "banned":
            found.append(Adviser.state == "banned")
        case "unproved":
            found.append(UserAccount.email_verified_at.is_(None))
        case "active":
            found += [
                UserAccount.suspended_at.is_(None),
                UserAccount.email_verified_at.is_not(None),
                sa.func.coalesce(Adviser.state, "active") != "banned",
            ]
    return found


def _fits(text: str) -> sa.ColumnElement[bool]:
    try:
        wanted = UUID(text)
    except ValueError:
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (UserAccount.name, UserAccount.email, Adviser.display_name)
        found = [column.ilike(pattern, escape="\\") for column in columns]
        return sa.or_(*found, *_written_otherwise(text))
    works = sa.exists().where(Membership.user_id == UserAccount.id, Membership.shop_id == wanted)
    return sa.or_(UserAccount.id == wanted, Adviser.id == wanted, works)


def _written_otherwise(text: str) -> list[sa.ColumnElement[bool]]:
    """Return the condition that an address is the same mailbox as the one that was typed, where it is one."""
    try:
        return [UserAccount.email_key == emails.key(text)]
    except InvalidInput:
        return []


def _shops_of(session: Session, user_ids: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, str, str]]]:
    query = (
        sa.select(Membership.user_id, Shop.id, Shop.name, Membership.role)
        .join(Shop, Shop.id == Membership.shop_id)
        .where(Membership.user_id.in_(list(user_ids)), Membership.removed_at.is_(None))
        .order_by(Shop.name)
    )
    found: dict[UUID, list[tuple[UUID, str, str]]] = {}
    for user_id, shop_id, name, role in session.execute(query):
        found.setdefault(user_id, []).append((shop_id, name, role))
    return found
