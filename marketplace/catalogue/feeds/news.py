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
    earlier = sa.select(FeedJob.refused).where(
        FeedJob.shop_id == job.shop_id, FeedJob.id < job.id, FeedJob.state == "done"
    )
    # Two sources of one shop are compared each with itself.
    same = earlier.where(FeedJob.source_id.is_not_distinct_from(job.source_id))
    before = session.scalars(same.order_by(FeedJob.id.desc()).limit(1)).first() or 0
    if refused > before:
        facts = {"rows": rows, "refused": refused, "before": before}
        _tell(session, job.shop_id, f"feed_errors:{job.id}", _address(job.id), facts, now)


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
    nothing = {"failure": None, "fix": None, "rows": 0, "refused": 0, "before": 0}
    whole = nothing | facts | {
        "shop": shops.get(session, shop_id).name,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}{path}",
    }  # fmt: skip
    mail.tell(session, f"owners:{shop_id}", "feed_errors", whole, once=once, now=now)
