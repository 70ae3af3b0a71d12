"""Days on which banks carry money in euros, and the days that we promise with them; pure.

Banks rest at weekends and on the six holidays of TARGET, the payment system of the euro (package `holidays`,
financial calendar "ECB"). A promised date is never one of those.
"""

from __future__ import annotations

import calendar
import datetime as dt
from functools import cache

import holidays

from marketplace.core.formats import ZONE

# We pay on the first bank day of each month; an adviser's bank has it two bank days later (decision 0038).
PAY_DAY_OF_MONTH = 1
DAYS_TO_BANK = 2


@cache
def closed_days(year: int) -> frozenset[dt.date]:
    """Return the holidays of TARGET in a year; weekends are not among them unless a holiday falls there."""
    return frozenset(holidays.financial_holidays("ECB", years=year))


def is_bank_day(day: dt.date) -> bool:
    """Tell whether banks carry euros on a day."""
    return day.weekday() < calendar.SATURDAY and day not in closed_days(day.year)


def on_or_after(day: dt.date) -> dt.date:
    """Return the first bank day that is not before a day."""
    while not is_bank_day(day):
        day += dt.timedelta(days=1)
    return day


def later(day: dt.date, count: int) -> dt.date:
    """Return the bank day that lies `count` bank days after a day."""
    for _ in range(count):
        day = on_or_after(day + dt.timedelta(days=1))
    return day


def pay_day(after: dt.datetime) -> dt.date:
    """Return the next pay day after the day of an instant in Amsterdam: what is ready by then is sent on it."""
    day = after.astimezone(ZONE).date()
    first = on_or_after(day.replace(day=PAY_DAY_OF_MONTH))
    if first > day:
        return first
    year, month = divmod(day.year * 12 + day.month, 12)
    return on_or_after(dt.date(year, month + 1, PAY_DAY_OF_MONTH))


def arrival(ready: dt.datetime) -> dt.date:
    """Return the day on which money that is ready to be paid at an instant is in the bank, if all goes as promised."""
    return later(pay_day(ready), DAYS_TO_BANK)


def arrival_of_sent(sent: dt.datetime) -> dt.date:
    """Return the day on which money that was sent at an instant is in the bank, if all goes as promised."""
    return later(sent.astimezone(ZONE).date(), DAYS_TO_BANK)
