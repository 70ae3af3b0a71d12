"""Two clocks: business time, which the demo may move forward, and security time, which nobody moves.

Windows, holds and periods ask `now()`. Sessions, one-time codes, rate limits and signatures ask `wall()`.
This module imports nothing of ours and reads nothing: `core.db` sets the offset from the database row.
"""

from __future__ import annotations

import datetime as dt

_offset = dt.timedelta(0)


def wall() -> dt.datetime:
    """Return security time: the machine's own clock, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def now() -> dt.datetime:
    """Return business time in UTC: security time plus the offset of the demo or the test."""
    return wall() + _offset


def offset() -> dt.timedelta:
    """Return how far business time is ahead of security time."""
    return _offset


def set_offset(value: dt.timedelta) -> None:
    """Set how far business time is ahead; only the reader beside the database calls this."""
    global _offset
    _offset = value
