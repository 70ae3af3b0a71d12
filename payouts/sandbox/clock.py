"""The wall clock, and how durations and instants are written."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from payouts.sandbox.errors import malformed

DAY = 86_400
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": DAY, "w": 7 * DAY}


def wall() -> int:
    """Return the wall clock in whole seconds."""
    return int(time.time())


def wall_ms() -> int:
    """Return the wall clock in milliseconds, for back-off only."""
    return time.time_ns() // 1_000_000


def pause(seconds: int | float) -> None:
    """Wait on the wall clock."""
    time.sleep(seconds)


def duration(text: str) -> int:
    """Return the seconds in `3d`, `2h`, `30m`, `10s`, `1w` or a bare number of seconds."""
    match = re.fullmatch(r"(\d{1,9})([smhdw]?)", str(text).strip())
    if match is None:
        raise malformed(f"Invalid duration: {text!r}; say for example 3d, 2h, 30m or 10s", param="advance")
    return int(match[1]) * UNITS[match[2] or "s"]


def instant(text: str) -> int:
    """Return the Unix second of an ISO 8601 instant; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as problem:
        raise malformed(f"Invalid instant: {text!r}", param="to") from problem
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def iso(second: int) -> str:
    """Return a Unix second as ISO 8601 in UTC."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")


def midnight_after(second: int) -> int:
    """Return the next UTC midnight strictly after a second."""
    return (second // DAY + 1) * DAY
