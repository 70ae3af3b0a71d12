"""The promise that the counts of clicks are the number of their rows."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from tracking.links.models import ClickTally
from tracking.touches.models import Click


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
