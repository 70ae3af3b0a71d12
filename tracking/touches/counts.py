"""Click counts of links, as everybody sees them (decisions D46)."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from tracking.touches.models import Click, ClickTally

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


def tally_differences(session: Session) -> Finding:
    """Find links and days whose raw count is not the number of their click rows, as far as days are still kept."""
    day = sa.cast(sa.func.timezone("UTC", Click.ts), sa.Date)
    rows = sa.select(Click.link_id, day.label("day"), sa.func.count().label("clicks")).group_by(
        Click.link_id, day
    )
    counted = rows.subquery()
    tallied = sa.select(ClickTally.link_id, ClickTally.day, ClickTally.clicks).where(
        ClickTally.name == "raw", ClickTally.day >= sa.select(sa.func.min(counted.c.day)).scalar_subquery()
    )
    tally = tallied.subquery()
    both = sa.join(
        counted, tally, (counted.c.link_id == tally.c.link_id) & (counted.c.day == tally.c.day), full=True
    )
    differs = counted.c.clicks.is_distinct_from(tally.c.clicks)
    figure, seen = session.execute(
        sa.select(sa.func.count().filter(differs), sa.func.count()).select_from(both)
    ).one()
    return Finding(int(figure), int(seen))
