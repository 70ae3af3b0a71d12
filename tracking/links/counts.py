"""Click counts of links, as everybody sees them (decisions D46)."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tracking.links.models import ClickTally

_COUNTS = ("raw", "unique", "billable")


@dataclass(slots=True)
class Counts:
    """raw: each redirect; unique: first qualified per visitor and day; billable: unique and not the adviser's own."""

    raw: int = 0
    unique: int = 0
    billable: int = 0
    unqualified: dict[str, int] = field(default_factory=dict)


def by_link(session: Session, link_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Counts]:
    """Return the counts of these links; all zero where nobody clicked."""
    found = {link_id: Counts() for link_id in link_ids}
    query = (
        sa.select(ClickTally.link_id, ClickTally.name, sa.func.sum(ClickTally.clicks))
        .where(ClickTally.link_id.in_(list(link_ids)))
        .group_by(ClickTally.link_id, ClickTally.name)
    )
    for link_id, name, clicks in session.execute(query):
        if name in _COUNTS:
            setattr(found[link_id], name, int(clicks))
        else:
            found[link_id].unqualified[name] = int(clicks)
    return found
