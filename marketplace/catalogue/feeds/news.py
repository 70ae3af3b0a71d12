"""Mail about feeds: to the owners of a shop, once a run, when it broke or refuses more rows than the one before."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue.feeds.models import FeedJob
from marketplace.core import config, mail


def refused_rows(session: Session, job: FeedJob, *, rows: int, refused: int, now: dt.datetime) -> None:
    """Tell that a feed was read and more rows were refused than of the good feed before; else tell nothing."""
    if not refused:
        return
    before = _before(session, job, rows)
    if refused > (before or 0):
        facts = {"rows": rows, "refused": refused, "before": before}
        _tell(session, job.shop_id, f"feed_errors:{job.id}", _address(job.id), facts, now)


def _before(session: Session, job: FeedJob, rows: int) -> int | None:
    """Return how many rows of the good feed before were refused, or None when there was none to compare with.

    Two sources of one shop are compared each with itself. The first feed of a source is compared with the shop's
    newest one when it has as many rows: the same goods from another place are no news.
    """
    done = sa.select(FeedJob.refused, FeedJob.rows_total).where(
        FeedJob.shop_id == job.shop_id, FeedJob.id < job.id, FeedJob.state == "done"
    )
    newest = done.order_by(FeedJob.id.desc()).limit(1)
    same = session.execute(newest.where(FeedJob.source_id.is_not_distinct_from(job.source_id))).first()
    if same is not None:
        return int(same.refused)
    other = session.execute(newest).first()
    return int(other.refused) if other is not None and other.rows_total == rows else None


def unreadable(session: Session, job: FeedJob, reason: str, fix: str, now: dt.datetime) -> None:
    """Tell that a feed could not be read, and what mends it."""
    facts = {"failure": reason, "fix": fix}
    _tell(session, job.shop_id, f"feed_errors:{job.id}", _address(job.id), facts, now)


def unfetched(
    session: Session, shop_id: uuid.UUID, source_id: uuid.UUID, reason: str, fix: str, now: dt.datetime
) -> None:
    """Tell that a feed could not be fetched, and what mends it."""
    key = f"feed_errors:{source_id}:{now.isoformat()}"
    _tell(session, shop_id, key, "/shop/products", {"failure": reason, "fix": fix}, now)


def _address(job_id: uuid.UUID) -> str:
    return f"/shop/feeds/{job_id}"


def _tell(
    session: Session, shop_id: uuid.UUID, once: str, path: str, facts: dict[str, Any], now: dt.datetime
) -> None:
    nothing = {"failure": None, "fix": None, "rows": 0, "refused": 0, "before": None}
    whole = nothing | facts | {
        "shop": shops.get(session, shop_id).name,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}{path}",
    }  # fmt: skip
    mail.tell(session, f"owners:{shop_id}", "feed_errors", whole, once=once, now=now)
