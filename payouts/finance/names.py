"""Names of advisers, shops and colleagues for pages that hold their ids, looked up at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser, Shop

PERSON = sa.table("platform_person", sa.column("id", sa.Uuid()), sa.column("name", sa.Text()))


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id: of advisers and shops together, and of people of the platform."""

    owners: dict[UUID, str] = field(default_factory=dict)
    people: dict[UUID, str] = field(default_factory=dict)

    def owner(self, owner_id: UUID | str | None) -> str:
        """Return the name of an adviser or a shop; empty for nobody, the id for one that is not known."""
        if not owner_id:
            return ""
        return self.owners.get(UUID(str(owner_id)), str(owner_id))

    def person(self, user_id: UUID | str | None) -> str:
        """Return how a colleague is called; the beginning of the id for one that is not known."""
        if not user_id:
            return ""
        return self.people.get(UUID(str(user_id)), str(user_id)[:8])


def of(
    session: Session,
    *,
    advisers: Iterable[UUID] = (),
    shops: Iterable[UUID] = (),
    owners: Iterable[UUID] = (),
    people: Iterable[UUID | None] = (),
) -> Names:
    """Return names for ids; owners: ids that may be either, as the ledger's accounts have them."""
    either = set(owners)
    # One statement, however many kinds of names a page needs.
    parts = [
        sa.select(sa.literal(kind).label("kind"), column_id.label("id"), name.label("name")).where(
            column_id.in_(wanted)
        )
        for kind, column_id, name, wanted in (
            ("owner", Adviser.id, Adviser.display_name, set(advisers) | either),
            ("owner", Shop.id, Shop.name, set(shops) | either),
            ("person", PERSON.c.id, PERSON.c.name, {one for one in people if one is not None}),
        )
        if wanted
    ]
    rows = session.execute(sa.union_all(*parts)).all() if parts else []
    return Names(
        {row.id: row.name for row in rows if row.kind == "owner"},
        {row.id: row.name for row in rows if row.kind == "person"},
    )
