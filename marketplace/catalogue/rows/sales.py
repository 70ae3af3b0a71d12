"""When a sale price holds: `sale_price_effective_date`, two instants with a slash between them."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

_DAY_ONLY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# datetime.fromisoformat takes a good deal more than dates; this is what may reach it.
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?"
                      r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?", re.ASCII)  # fmt: skip
Period = tuple[dt.datetime | None, dt.datetime | None]


@lru_cache(maxsize=1024)
def read_period(text: str) -> Period | None:
    """Return the first instant of a sale and the first after it, either None when open; None when unreadable.

    A day alone counts whole, to its end; without an offset the words are taken as UTC.
    """
    parts = [part.strip() for part in text.strip()[:100].split("/")]
    if len(parts) != 2 or not any(parts):
        return None
    try:
        start, end = (_instant(part, is_end=place == 1) for place, part in enumerate(parts))
    except ValueError:
        return None
    return None if start is not None and end is not None and end <= start else (start, end)


def holds(period: Period, now: dt.datetime) -> bool:
    """Tell whether an instant lies in the period."""
    start, end = period
    return (start is None or start <= now) and (end is None or now < end)


def _instant(text: str, *, is_end: bool) -> dt.datetime | None:
    if not text:
        return None
    if not _INSTANT.fullmatch(text):
        raise ValueError("not an instant")
    read = dt.datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    read = read if read.tzinfo else read.replace(tzinfo=dt.UTC)
    try:
        whole_day = dt.timedelta(days=1) if is_end and _DAY_ONLY.fullmatch(text) else dt.timedelta(0)
        return (read + whole_day).astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError("not an instant") from error
