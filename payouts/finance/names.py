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
    found: dict[UUID, str] = {}
    for model, name, wanted in (
        (Adviser, Adviser.display_name, set(advisers) | either),
        (Shop, Shop.name, set(shops) | either),
    ):
        if wanted:
            found |= {
                row[0]: row[1]
                for row in session.execute(sa.select(model.id, name).where(model.id.in_(wanted)))
            }
    asked = {one for one in people if one is not None}
    called = {}
    if asked:
        rows = session.execute(sa.select(PERSON.c.id, PERSON.c.name).where(PERSON.c.id.in_(asked)))
        called = {row.id: row.name for row in rows}
    return Names(found, called)
