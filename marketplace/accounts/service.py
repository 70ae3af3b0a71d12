"""Questions about people that the rooms above ask."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser, Membership, UserAccount
from marketplace.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a mail goes to; all that the worker may read of a person's account."""

    email: str
    name: str
    locale: str


def user_of_adviser(session: Session, adviser_id: UUID) -> Addressee:
    """Return the person behind an adviser, as far as a mail needs. Raises NotFound."""
    found = session.execute(
        select(UserAccount.email, UserAccount.name, UserAccount.locale)
        .join(Adviser, Adviser.user_id == UserAccount.id)
        .where(Adviser.id == adviser_id)
    ).one_or_none()
    if found is None:
        raise NotFound("adviser", adviser_id)
    return Addressee(*found)


def owners_of_shop(session: Session, shop_id: UUID) -> list[Addressee]:
    """Return the people who own a shop now, as far as a mail needs, those who joined first before the others."""
    found = session.execute(
        select(UserAccount.email, UserAccount.name, UserAccount.locale)
        .join(Membership, Membership.user_id == UserAccount.id)
        .where(Membership.shop_id == shop_id, Membership.role == "owner", Membership.removed_at.is_(None))
        .order_by(Membership.id)
    )
    return [Addressee(*one) for one in found]
