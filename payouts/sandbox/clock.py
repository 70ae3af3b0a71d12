"""Virtual time: the wall clock plus a remembered offset that only ever grows.

Objects are stamped with virtual time; webhook signatures carry wall time, as the receiver checks them
against its own clock.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from payouts.sandbox.errors import ApiError, Body, malformed

if TYPE_CHECKING:
    from payouts.sandbox.store import Tx

DAY = 86_400
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": DAY, "w": 7 * DAY}
# The year 9999 is the last one that ISO 8601 in Python can name.
LAST = 253_402_300_799


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


def shown(tx: Tx) -> Body:
    """Describe the clock as `GET /_sandbox/clock` does."""
    return {"now": tx.now, "iso": iso(tx.now), "offset_seconds": tx.now - wall(), "wall": wall()}


def move(tx: Tx, wish: Body) -> None:
    """Move virtual time by `offset_seconds`, `advance` or `to`; 409 when that is backwards.

    Backwards is allowed only while nothing but the platform account exists, so that a demo can start
    its history in the past.
    """
    offset = int(tx.setting("clock_offset", 0))
    if isinstance(wish.get("offset_seconds"), int) and not isinstance(wish["offset_seconds"], bool):
        wanted = int(wish["offset_seconds"])
    elif "advance" in wish:
        wanted = offset + duration(str(wish["advance"]))
    elif "to" in wish:
        wanted = instant(str(wish["to"])) - wall()
    else:
        raise malformed("Give offset_seconds (an integer), advance or to.", param="offset_seconds")
    if not 0 < wall() + wanted < LAST:
        raise malformed("That instant is out of range.", param="offset_seconds")
    if wanted < offset and tx.row(
        "SELECT 1 FROM object WHERE kind NOT IN ('account', 'bank_account') "
        "OR (kind = 'account' AND id <> ?)",
        (tx.platform,),
    ):
        raise ApiError(
            409, f"The clock never goes backwards: it is {iso(tx.now)}, {offset - wanted} s later than asked."
        )
    tx.set_setting("clock_offset", wanted)
    if wanted < offset:
        # The history starts earlier than thought, so the next daily round does too.
        tx.run("UPDATE due SET at = ? WHERE verb = 'daily'", (midnight_after(wall() + wanted),))
    tx.now = wall() + wanted
