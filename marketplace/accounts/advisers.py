"""Advisers: their profile, and in which state each was on which day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.accounts import legal, users
from marketplace.accounts.models import Adviser, AdviserState, UserAccount
from marketplace.core import audit, ids
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import Conflict, IllegalTransition, NotFound

KINDS = ("expert", "celebrity", "user", "friend")
VAT_STATUSES = ("unknown", "private", "small_business", "registered")
PUBLIC = ("display_name", "country", "kind", "headline", "topics", "languages", "home_page")
# Closing is one way: no new clicks, holds run out, a last payout, then closed.
MOVES = {
    "active": ("banned", "closing"),
    "banned": ("active", "closing"),
    "closing": ("closed", "banned"),
    "closed": (),
}


class AlreadyAdviser(Conflict):
    """The person is an adviser already."""

    code = "already_adviser"
    title = "You are an adviser already"
    detail = "This account is an adviser already."
    next = "Change the profile with PATCH /api/v1/adviser-profile."


class PlatformPerson(Conflict):
    """Finance and admin exclude everything else."""

    code = "platform_person"
    title = "People of the platform hold no other role"
    detail = "An account of finance or admin can't be an adviser or work for a shop."
    next = "Use another account for that."


def get(session: Session, adviser_id: UUID) -> Adviser:
    """Return an adviser. Raises NotFound."""
    adviser = session.get(Adviser, adviser_id)
    if adviser is None:
        raise NotFound("adviser", adviser_id)
    return adviser


def of_user(session: Session, user_id: UUID) -> Adviser | None:
    """Return the adviser that a person is, or None."""
    return session.scalars(select(Adviser).where(Adviser.user_id == user_id)).one_or_none()


def become(session: Session, user: UserAccount, data: Mapping[str, Any], now: dt.datetime) -> Adviser:
    """Make an adviser of a person, active from now, with a public code made from the name.

    data: display_name, kind, country, code (a wish: when taken, a number is added).
    Raises AlreadyAdviser, PlatformPerson.
    """
    user = users.locked(session, user.id)
    if user.is_staff:
        raise PlatformPerson(user_id=user.id)
    if of_user(session, user.id) is not None:
        raise AlreadyAdviser(user_id=user.id)
    wish = users.slug(data.get("code") or data["display_name"], "adviser")
    adviser_id, number = None, 1
    while adviser_id is None:
        code = wish if number == 1 else f"{wish}-{number if number < 10 else ids.short_code(6).lower()}"
        adviser_id = session.execute(
            insert(Adviser)
            .values(
                id=ids.new_id(),
                user_id=user.id,
                user_role="member",
                code=code,
                display_name=data["display_name"],
                country=data["country"],
                kind=data["kind"],
                vat_status="unknown",
                state="active",
            )
            .on_conflict_do_nothing(index_elements=[Adviser.code])
            .returning(Adviser.id)
        ).scalar()
        number += 1
    session.add(AdviserState(adviser_id=adviser_id, state="active", from_at=now))
    session.flush()
    audit.record(session, ANONYMOUS, "adviser.become", "adviser", adviser_id, {}, now=now)
    return get(session, adviser_id)


def update_profile(session: Session, actor: Actor, data: Mapping[str, Any], now: dt.datetime) -> Adviser:
    """Change the actor's own profile: who they are in public and for tax. The code never changes.

    A badge is of a kind: with another kind it goes, until there is verified evidence for that one.
    Raises NotFound when the actor is no adviser, InvalidInput for a VAT number that is none of that country.
    """
    adviser = get(session, actor.adviser())
    for name in (*PUBLIC, "vat_status", "vat_no"):
        if name in data:
            setattr(adviser, name, data[name])
    for language, text in data.get("biography", {}).items():
        setattr(adviser, f"biography_{language}", text)
    if adviser.vat_status == "registered" or adviser.vat_no is not None:
        adviser.vat_no = legal.vat_number(adviser.vat_no, adviser.country)
    session.flush()
    audit.record(session, actor, "adviser.update", "adviser", adviser.id, {"fields": sorted(data)}, now=now)
    return adviser


def change_state(
    session: Session, adviser_id: UUID, state: str, actor: Actor, now: dt.datetime, reason: str = ""
) -> Adviser:
    """Move an adviser to a state from now on; what happened before keeps the state it had then.

    reason: why, in an admin's words; it stays in the history. The same state again changes nothing.
    Raises NotFound, IllegalTransition.
    """
    adviser = session.get(Adviser, adviser_id, with_for_update={"key_share": True}, populate_existing=True)
    if adviser is None:
        raise NotFound("adviser", adviser_id)
    if adviser.state == state:
        return adviser
    if state not in MOVES[adviser.state]:
        raise IllegalTransition("adviser", adviser.state, state)
    adviser.state = state
    session.add(AdviserState(adviser_id=adviser.id, state=state, from_at=now))
    session.flush()
    facts = {"reason": reason} if reason else {}
    audit.record(session, actor, f"adviser.{state}", "adviser", adviser.id, facts, now=now)
    return adviser


def state_at(session: Session, adviser_ids: Collection[UUID], at: dt.datetime) -> dict[UUID, str]:
    """Return the state that each adviser had at an instant.

    An instant before an adviser's first state answers with that first state; unknown ids are left out.
    """
    if not adviser_ids:
        return {}
    rows = session.execute(
        select(AdviserState.adviser_id, AdviserState.state, AdviserState.from_at)
        .where(AdviserState.adviser_id.in_(list(adviser_ids)))
        .order_by(AdviserState.adviser_id, AdviserState.from_at, AdviserState.id)
    )
    states: dict[UUID, str] = {}
    for adviser_id, state, from_at in rows:
        if from_at <= at or adviser_id not in states:
            states[adviser_id] = state
    return states
