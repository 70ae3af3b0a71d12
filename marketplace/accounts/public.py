"""What everybody may know of shops and advisers: views that show only that, of every tenant (migration 0012)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from marketplace.core.db import UtcDateTime
from marketplace.core.errors import NotFound

SHOP = sa.table("public_shop", sa.column("id", sa.Uuid()), sa.column("state", sa.Text()))
SHOP_NAME = sa.table(
    "public_shop_name",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.Text()) for name in ("code", "name", "country", "state")),
)
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

PROFILE = sa.table(
    "public_profile",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.Text()) for name in ("code", "display_name", "kind", "country", "state")),
    *(sa.column(name, sa.Text()) for name in ("headline", "biography_nl", "biography_en", "home_page")),
    *(sa.column(name, ARRAY(sa.Text())) for name in ("topics", "languages")),
    sa.column("since", UtcDateTime),
)
EVIDENCE = sa.table(
    "public_evidence",
    *(sa.column(name, sa.Uuid()) for name in ("id", "adviser_id")),
    *(sa.column(name, sa.Text()) for name in ("kind", "statement", "link")),
    *(sa.column(name, UtcDateTime) for name in ("verified_at", "valid_until")),
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


def names_of_shops(session: Session, shop_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what shops that are or were in business are called, by id; unknown ids are left out; no query for none."""
    if not shop_ids:
        return {}
    query = sa.select(SHOP_NAME.c.id, SHOP_NAME.c.name).where(SHOP_NAME.c.id.in_(list(shop_ids)))
    return {row.id: row.name for row in session.execute(query)}


def shop_names(session: Session, most: int = 500) -> list[tuple[UUID, str]]:
    """Return the id and name of shops in business, by name."""
    query = sa.select(SHOP_NAME.c.id, SHOP_NAME.c.name).where(SHOP_NAME.c.state == "live")
    return [(row.id, row.name) for row in session.execute(query.order_by(SHOP_NAME.c.name).limit(most))]


def require_shop(session: Session, shop_id: UUID) -> None:
    """Raise NotFound when there is no such shop."""
    if session.scalar(sa.select(SHOP.c.id).where(SHOP.c.id == shop_id)) is None:
        raise NotFound("shop", shop_id)


def profile(session: Session, adviser_id: UUID) -> dict[str, Any]:
    """Return what an adviser tells everybody, by the names of the columns of the view. Raises NotFound."""
    return proven_profile(session, adviser_id)[0]


def proven_profile(session: Session, adviser_id: UUID) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what an adviser tells everybody, and their verified evidence, by the names of the columns of the views.

    The evidence is newest first, also what has run out and was not swept yet. Raises NotFound.
    """
    proofs = [column.label(f"evidence_{column.name}") for column in EVIDENCE.c]
    query = (
        sa.select(PROFILE, *proofs)
        .outerjoin(EVIDENCE, EVIDENCE.c.adviser_id == PROFILE.c.id)
        .where(PROFILE.c.id == adviser_id)
        .order_by(EVIDENCE.c.verified_at.desc(), EVIDENCE.c.id)
    )
    rows = session.execute(query).mappings().all()
    if not rows:
        raise NotFound("adviser", adviser_id)
    told = {column.name: rows[0][column.name] for column in PROFILE.c}
    evidence = [{column.name: row[f"evidence_{column.name}"] for column in EVIDENCE.c} for row in rows]
    return told, [one for one in evidence if one["id"] is not None]
