"""Virtual time: the wall clock plus a remembered offset that only ever grows.

Objects are stamped with virtual time; webhook signatures carry wall time, as the receiver checks them
against its own clock.
"""

from __future__ import annotations

from payouts.sandbox import clock
from payouts.sandbox.errors import ApiError, Body, malformed
from payouts.sandbox.store import Tx

# The year 9999 is the last one that ISO 8601 in Python can name.
LAST = 253_402_300_799


def shown(tx: Tx) -> Body:
    """Describe the clock as `GET /_sandbox/clock` does."""
    return {
        "now": tx.now,
        "iso": clock.iso(tx.now),
        "offset_seconds": tx.now - clock.wall(),
        "wall": clock.wall(),
    }


def move(tx: Tx, wish: Body) -> None:
    """Move virtual time by `offset_seconds`, `advance` or `to`; 409 when that is backwards.

    Backwards is allowed only while nothing but the platform account exists, so that a demo can start
    its history in the past.
    """
    offset = int(tx.setting("clock_offset", 0))
    if isinstance(wish.get("offset_seconds"), int) and not isinstance(wish["offset_seconds"], bool):
        wanted = int(wish["offset_seconds"])
    elif "advance" in wish:
        wanted = offset + clock.duration(str(wish["advance"]))
    elif "to" in wish:
        wanted = clock.instant(str(wish["to"])) - clock.wall()
    else:
        raise malformed("Give offset_seconds (an integer), advance or to.", param="offset_seconds")
    if not 0 < clock.wall() + wanted < LAST:
        raise malformed("That instant is out of range.", param="offset_seconds")
    if wanted < offset and tx.row(
        "SELECT 1 FROM object WHERE kind NOT IN ('account', 'bank_account') "
        "OR (kind = 'account' AND id <> ?)",
        (tx.platform,),
    ):
        raise ApiError(
            409,
            f"The clock never goes backwards: it is {clock.iso(tx.now)}, {offset - wanted} s later than asked.",
        )
    tx.set_setting("clock_offset", wanted)
    if wanted < offset:
        # The history starts earlier than thought, so the next daily round does too.
        tx.run("UPDATE due SET at = ? WHERE verb = 'daily'", (clock.midnight_after(clock.wall() + wanted),))
    tx.now = clock.wall() + wanted
