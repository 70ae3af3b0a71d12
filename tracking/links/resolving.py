"""Whose a typed code is, and which one was meant when one thing in it is wrong."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import limits, public
from tracking.links import codes, spoken
from tracking.links.models import DiscountCode


@dataclass(frozen=True, slots=True)
class Found:
    """A code in force, and whose it is."""

    code: str
    code_id: uuid.UUID
    adviser_id: uuid.UUID
    adviser_name: str
    offer_id: uuid.UUID

    @property
    def spoken(self) -> str | None:
        """Return how a spoken code is read out; None for any other."""
        return spoken.shown(self.code)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a typed code came to."""

    typed: str
    state: str
    match: Found | None
    near_misses: Sequence[Found]


def resolve(session: Session, shop_id: uuid.UUID, text: str, now: dt.datetime) -> Resolved:
    """Return whose a code is at a shop now, or how it fails and which codes are one error away.

    Raises RateLimited when a shop's tills asked too often, or about too many codes that are not in force;
    LimitsUnavailable when nobody can count that.
    """
    limits.spend("code.asked", str(shop_id))
    limits.refuse_exhausted("code.missed", str(shop_id))
    typed = codes.canonical(text)
    match = codes.valid_at(session, shop_id, typed, now)
    if match is not None:
        [found] = _named(session, [match])
        return Resolved(typed, "in_force", found, ())
    limits.spend("code.missed", str(shop_id))
    return Resolved(typed, _why_not(session, shop_id, typed), None, near_misses(session, shop_id, text, now))


def fails_its_check(text: str) -> bool:
    """Tell whether a text looks like a spoken code and its last character says that it was heard wrong."""
    squeezed = spoken.squeeze(text)
    return spoken.looks_spoken(squeezed) and spoken.fails(squeezed)


def near_misses(session: Session, shop_id: uuid.UUID, text: str, when: dt.datetime) -> Sequence[Found]:
    """Return the spoken codes of a shop, in force at an instant, that are one error away from a text."""
    candidates = spoken.near(spoken.squeeze(text))
    if not candidates:
        return ()
    query = sa.select(DiscountCode).where(
        DiscountCode.shop_id == shop_id,
        DiscountCode.code.in_(candidates),
        DiscountCode.created_at <= when,
        sa.or_(DiscountCode.revoked_at.is_(None), DiscountCode.revoked_at > when),
    )
    return _named(session, session.scalars(query.order_by(DiscountCode.code)).all())


def _why_not(session: Session, shop_id: uuid.UUID, typed: str) -> str:
    query = sa.select(DiscountCode.id).where(DiscountCode.shop_id == shop_id, DiscountCode.code == typed)
    if session.scalars(query).first() is not None:
        return "revoked"
    return "wrong_check" if fails_its_check(typed) else "unknown"


def _named(session: Session, found: Sequence[DiscountCode]) -> list[Found]:
    names = public.names_of(session, {code.adviser_id for code in found})
    return [
        Found(code.code, code.id, code.adviser_id, names[code.adviser_id], code.offer_id) for code in found
    ]
