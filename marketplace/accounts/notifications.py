"""Which mails somebody wants: a switch for each kind that has one, and who the readers of news are."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from marketplace.accounts import users
from marketplace.accounts.models import Adviser, Membership, UserAccount
from marketplace.core import db, mail, mail_kinds, tenancy
from marketplace.core.actor import Actor
from marketplace.core.db import Base, UtcDateTime
from marketplace.core.errors import InvalidInput
from marketplace.core.mail import Reader
from marketplace.core.mail_kinds import Kind


class MailSwitch(Base):
    """Whether somebody wants a kind of mail; no row means yes."""

    __tablename__ = "mail_switch"

    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user_account.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    is_on: Mapped[bool] = mapped_column()
    changed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of mail and whether it comes."""

    kind: Kind
    is_on: bool


def readers(session: Session, whom: str) -> list[Reader]:
    """Return who is meant by an audience, as the worker: people with a proved mailbox who were not put out.

    whom: "adviser:<id>", "owners:<shop id>", "user:<id>", "finance", or "finance:not:<id of a person>".
    Raises ValueError for any other words.
    """
    query = _meant(whom).where(UserAccount.email_verified_at.is_not(None), UserAccount.suspended_at.is_(None))
    people = session.execute(query.order_by(UserAccount.id)).all()
    off = _off(session, [one.id for one in people])
    return [Reader(one.id, one.email, one.name, one.locale, off.get(one.id, frozenset())) for one in people]


def _meant(whom: str) -> sa.Select[UUID, str, str, str]:
    query = sa.select(UserAccount.id, UserAccount.email, UserAccount.name, UserAccount.locale)
    match whom.split(":"):
        case ["user", user_id]:
            return query.where(UserAccount.id == UUID(user_id))
        case ["adviser", adviser_id]:
            return query.join(Adviser, Adviser.user_id == UserAccount.id).where(
                Adviser.id == UUID(adviser_id)
            )
        case ["owners", shop_id]:
            joined = query.join(Membership, Membership.user_id == UserAccount.id)
            owns = (Membership.shop_id == UUID(shop_id)) & (Membership.role == "owner")
            return joined.where(owns, Membership.removed_at.is_(None))
        case ["finance"]:
            return query.where(UserAccount.role == "finance")
        case ["finance", "not", user_id]:
            return query.where(UserAccount.role == "finance", UserAccount.id != UUID(user_id))
    raise ValueError(f"nobody is meant by {whom!r}")


def _off(session: Session, user_ids: list[UUID]) -> dict[UUID, frozenset[str]]:
    found: dict[UUID, frozenset[str]] = {}
    query = sa.select(MailSwitch.user_id, MailSwitch.kind)
    for user_id, kind in session.execute(query.where(MailSwitch.user_id.in_(user_ids), ~MailSwitch.is_on)):
        found[user_id] = found.get(user_id, frozenset()) | {kind}
    return found


def concern(actor: Actor) -> list[Kind]:
    """Return the kinds of mail that this person can get, in the order in which they are shown."""
    is_it = {
        "everybody": True,
        "adviser": actor.adviser_id is not None,
        "shop": bool(actor.owned_shop_ids),
        "finance": "finance" in actor.roles,
        "readers": False,
    }
    return [kind for kind in mail_kinds.kinds().values() if is_it[kind.of]]


def choices(session: Session, actor: Actor) -> list[Choice]:
    """Return every kind of mail that concerns the actor, and whether it comes."""
    query = sa.select(MailSwitch.kind).where(
        tenancy.person(actor, "notifications.own", MailSwitch.user_id), ~MailSwitch.is_on
    )
    off = set(session.scalars(query))
    return [Choice(kind, kind.is_essential or kind.name not in off) for kind in concern(actor)]


def speak(session: Session, actor: Actor, locale: str | None) -> str:
    """Let mails to the actor be in a language, "nl" or "en", or as before for None; return which it is."""
    user = users.locked(session, users.id_of(actor))
    if locale is not None:
        user.locale = locale
    return user.locale


def choose(session: Session, actor: Actor, wanted: Mapping[str, bool], now: dt.datetime) -> list[Choice]:
    """Switch kinds of mail on or off for the actor; those left out stay. Returns all of them.

    wanted: whether a kind comes, by its name. Raises InvalidInput for a kind that isn't there or can't be switched.
    """
    known = {kind.name: kind for kind in concern(actor)}
    errors: dict[str, list[str]] = {}
    for name, is_on in wanted.items():
        if name not in known:
            errors[name] = ["There is no such kind of mail for you."]
        elif known[name].is_essential and not is_on:
            errors[name] = ["These mails can't be switched off."]
    if errors:
        raise InvalidInput(errors)
    for name, is_on in wanted.items():
        if not known[name].is_essential and actor.user_id is not None:
            _write(session, actor.user_id, name, is_on, now)
    return choices(session, actor)


def by_link(session: Session, user_id: UUID, kind: Kind, is_on: bool, now: dt.datetime) -> None:
    """Switch a kind of mail for whoever a signed link was sent to; an essential kind stays as it is."""
    if kind.is_essential:
        return
    # The link proves whose mailbox it is; nobody need be signed in.
    with db.within(session, db.DOOR):
        _write(session, user_id, kind.name, is_on, now)


def is_on_by_link(session: Session, user_id: UUID, kind: Kind) -> bool:
    """Return whether a kind of mail comes to whoever a signed link was sent to."""
    with db.within(session, db.DOOR):
        switch = session.get(MailSwitch, (user_id, kind.name))
    return kind.is_essential or switch is None or switch.is_on


def _write(session: Session, user_id: UUID, kind: str, is_on: bool, now: dt.datetime) -> None:
    row = insert(MailSwitch).values(user_id=user_id, kind=kind, is_on=is_on, changed_at=now)
    changed = {"is_on": row.excluded.is_on, "changed_at": row.excluded.changed_at}
    session.execute(row.on_conflict_do_update(index_elements=["user_id", "kind"], set_=changed))


def register() -> None:
    """Let mail find its readers. Safe to call twice."""
    mail.set_directory(readers)
