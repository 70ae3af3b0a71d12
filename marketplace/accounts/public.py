"""What everybody may know of shops and advisers: views that show only that, of every tenant (migration 0012)."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.db import UtcDateTime
from marketplace.core.errors import NotFound

SHOP = sa.table("public_shop", sa.column("id", sa.Uuid()), sa.column("state", sa.Text()))
HOST = sa.table(
    "public_host",
    sa.column("shop_id", sa.Uuid()),
    sa.column("host", sa.Text()),
    sa.column("verified_at", UtcDateTime),
)
ADVISER = sa.table(
    "public_adviser",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.Text()) for name in ("code", "display_name", "kind", "country", "state")),
)


def shops_in(*states: str) -> sa.Select[tuple[UUID]]:
    """Select the ids of all shops in one of these states."""
    return sa.select(SHOP.c.id).where(SHOP.c.state.in_(states))


def shop_of_host(session: Session, host: str) -> UUID | None:
    """Return the shop that verified a host, or None; host: A-label in lower case."""
    found: UUID | None = session.scalar(sa.select(HOST.c.shop_id).where(HOST.c.host == host))
    return found


def first_host(session: Session, shop_id: UUID) -> str | None:
    """Return the host that a shop verified first, or None."""
    query = sa.select(HOST.c.host).where(HOST.c.shop_id == shop_id)
    found: str | None = session.scalar(query.order_by(HOST.c.verified_at, HOST.c.host).limit(1))
    return found


def adviser(session: Session, adviser_id: UUID) -> sa.Row[tuple[UUID, str, str, str, str, str]]:
    """Return id, code, display_name, kind, country and state of an adviser. Raises NotFound."""
    found = session.execute(sa.select(ADVISER).where(ADVISER.c.id == adviser_id)).one_or_none()
    if found is None:
        raise NotFound("adviser", adviser_id)
    return found


def names_of(session: Session, adviser_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names under which advisers are known, by id; unknown ids are left out."""
    if not adviser_ids:
        return {}
    query = sa.select(ADVISER.c.id, ADVISER.c.display_name).where(ADVISER.c.id.in_(list(adviser_ids)))
    return {row.id: row.display_name for row in session.execute(query)}
