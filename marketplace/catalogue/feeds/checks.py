"""Promises of feeds that can be checked on live data."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.feeds.models import FeedJob
from marketplace.core.hooks import Finding


def feed_counts(session: Session) -> Finding:
    """Count finished feeds whose outcomes don't add up to the rows that were read."""
    outcomes = FeedJob.added + FeedJob.changed + FeedJob.unchanged + FeedJob.refused
    done = FeedJob.state == "done"
    wrong = sa.func.count().filter(
        sa.or_(outcomes != FeedJob.rows_read, FeedJob.rows_total != FeedJob.rows_read)
    )
    seen, figure = session.execute(sa.select(sa.func.count(), wrong).where(done)).one()
    return Finding(figure, seen)
