"""Questions about people that the rooms above ask."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.accounts import advisers, users
from marketplace.accounts.models import UserAccount


def user_of_adviser(session: Session, adviser_id: UUID) -> UserAccount:
    """Return the person behind an adviser. Raises NotFound."""
    return users.get(session, advisers.get(session, adviser_id).user_id)
