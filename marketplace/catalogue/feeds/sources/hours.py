"""When a feed is fetched next: by the hour of the shop's own time zone, also where the clock is put back or forward."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

from babel.core import get_global

HOME = "Europe/Amsterdam"
_HOUR = dt.timedelta(hours=1)
# Countries of several time zones: the one of their trade; all others have one, or the first is that of the capital.
_TRADE = {
    "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "UA": "Europe/Kyiv", "CY": "Asia/Nicosia", "CN": "Asia/Shanghai",
    "US": "America/New_York", "CA": "America/Toronto", "AU": "Australia/Sydney", "NZ": "Pacific/Auckland",
    "BR": "America/Sao_Paulo", "MX": "America/Mexico_City", "RU": "Europe/Moscow", "ID": "Asia/Jakarta",
    "EC": "America/Guayaquil", "CL": "America/Santiago",
}  # fmt: skip


@cache
def zone_of(country: str) -> ZoneInfo:
    """Return the time zone of a country (ISO 3166); that of Amsterdam where none is known."""
    known = get_global("territory_zones").get(country) or [HOME]
    return ZoneInfo(_TRADE.get(country, known[0]))


def next_fetch(every: str, hour: int, country: str, after: dt.datetime) -> dt.datetime | None:
    """Return when a source is due after an instant; None for one that is fetched by hand.

    every: hourly, daily, weekly or manual; hour: 0 to 23, in the time zone of the country. Weekly is the seventh
    day from `after`, at that hour.
    """
    if every == "manual":
        return None
    if every == "hourly":
        return after + _HOUR
    zone = zone_of(country)
    day = after.astimezone(zone).date()
    if every == "weekly":
        return _at(day + dt.timedelta(days=7), hour, zone)
    at = _at(day, hour, zone)
    return at if at > after else _at(day + dt.timedelta(days=1), hour, zone)


def _at(day: dt.date, hour: int, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), zone).astimezone(dt.UTC)


def retry_after(failures: int) -> dt.timedelta:
    """Return how long to wait after so many failures in a row: 5 minutes, then twice as long each time, up to a day."""
    doublings = min(max(failures, 1) - 1, 10)
    return min(dt.timedelta(minutes=5 << doublings), dt.timedelta(days=1))
