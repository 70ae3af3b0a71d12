"""Days of clicks: made a week ahead, dropped after 90 days. Touches that money leaned on stay (decisions D5)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tracking.touches.models import OwnDevice

KEPT_DAYS = 90
FIRST_CLICK_DAYS = 2
AHEAD_DAYS = 7


def keep_days(session: Session, now: dt.datetime) -> int:
    """Make the partitions of the coming week, drop the ones past their time; return how many were made and dropped.

    now: business time. Safe to run twice and at once. Worker only.
    """
    today = now.astimezone(dt.UTC).date()
    firsts_before = today - dt.timedelta(days=FIRST_CLICK_DAYS)
    changed = session.scalar(
        sa.select(sa.func.ensure_click_days(today, today + dt.timedelta(days=AHEAD_DAYS)))
    )
    dropped = session.scalar(
        sa.select(sa.func.drop_click_days(today - dt.timedelta(days=KEPT_DAYS), firsts_before))
    )
    session.execute(sa.delete(OwnDevice).where(OwnDevice.day < firsts_before))
    return int(changed or 0) + int(dropped or 0)
