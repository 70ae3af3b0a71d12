"""Numbers, money, rates and dates as people read them: one function each, in the locale that is spoken now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import dates, numbers

from marketplace.core import wording
from marketplace.core.money import Money, exponent

ZONE = ZoneInfo("Europe/Amsterdam")
MINUS = "\N{MINUS SIGN}"


class _Amount(Protocol):
    @property
    def minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


def money(amount: _Amount | tuple[int, str]) -> str:
    """Return money with its currency, such as "€ 1.234,50"; the minus is a real one and stands before it.

    amount: Money, or (minor units, ISO 4217 code).
    """
    minor, currency = amount if isinstance(amount, tuple) else (amount.minor, amount.currency)
    text = _money(abs(minor), currency, wording.locale_name())
    # A line must never break between the sign and its number.
    text = text.replace(" ", "\N{NO-BREAK SPACE}")
    return f"{MINUS}{text}" if minor < 0 else text


# Babel works out each pattern anew, which was most of the time of a page with a long list; both are pure.
@lru_cache(maxsize=8192)
def _money(minor: int, currency: str, locale: str) -> str:
    places = exponent(currency)
    return numbers.format_currency(Decimal(minor).scaleb(-places), currency, locale=locale)


@lru_cache(maxsize=8192)
def _number(value: Decimal, pattern: str | None, locale: str) -> str:
    return str(numbers.format_decimal(value, format=pattern, locale=locale))


@lru_cache(maxsize=8192)
def _date(day: dt.date, pattern: str, locale: str) -> str:
    return str(dates.format_date(day, pattern, locale=locale))


def number(value: int | Decimal) -> str:
    """Return a number with the locale's separators and a real minus."""
    text = _number(abs(Decimal(value)), None, wording.locale_name())
    return f"{MINUS}{text}" if value < 0 else text


def typed(decimal: str) -> str:
    """Return a plain decimal such as "12.50" as its reader types it into a field: "12,50" where that is the custom."""
    symbol = str(numbers.get_decimal_symbol(wording.locale()))
    return decimal.replace(".", symbol)


def rate(basis_points: int) -> str:
    """Return a rate such as "8%" or "7,5%"; basis_points: hundredths of a percent."""
    percent = Decimal(abs(basis_points)) / 100
    text = _number(percent.normalize(), "0.##", wording.locale_name())
    return f"{MINUS if basis_points < 0 else ''}{text}%"


def share(part: int, whole: int) -> str:
    """Return what part of a whole something is: one decimal below 10%, none above; a dash when there is no whole."""
    if not whole:
        return "\N{EN DASH}"
    percent = Decimal(part) * 100 / Decimal(whole)
    pattern = "0.#" if abs(percent) < 10 else "0"
    return f"{_number(percent, pattern, wording.locale_name())}%"


def day(when: dt.datetime | dt.date, now: dt.datetime) -> str:
    """Return a day such as "3 Dec", with the year when it is not this one; in Amsterdam's time."""
    there = _there(when)
    pattern = "d MMM" if there.year == now.astimezone(ZONE).year else "d MMM y"
    return _date(there, pattern, wording.locale_name())


def long_day(when: dt.datetime | dt.date) -> str:
    """Return a day in words such as "18 November 2026"."""
    return _date(_there(when), "d MMMM y", wording.locale_name())


def instant(when: dt.datetime) -> str:
    """Return the exact time with its zone, such as "3 Dec 2026, 10:41 CET"."""
    there = when.astimezone(ZONE)
    return f"{_date(there.date(), 'd MMM y', wording.locale_name())}, {there:%H:%M} {there.tzname()}"


def clock_time(when: dt.datetime) -> str:
    """Return the time of day, such as "10:41"."""
    return f"{when.astimezone(ZONE):%H:%M}"


def ago(when: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago something was, such as "4 minutes ago"."""
    return str(dates.format_timedelta(when - now, add_direction=True, locale=wording.locale()))


def outward(address: str | None) -> str:
    """Return an address that somebody gave, when it leads to a page on the web; else nothing, such as for a script."""
    return address if address and address.lower().startswith(("https://", "http://")) else ""


def of(minor: int, currency: str) -> Money:
    """Return Money for templates, which hold minor units and a code."""
    return Money(minor, currency)


def _there(when: dt.datetime | dt.date) -> dt.date:
    return when.astimezone(ZONE).date() if isinstance(when, dt.datetime) else when


# Hung up by the catalogue: (path of a category, language) -> the path in that language as far as it is known.
_categories: list[Callable[[str, str], str]] = []


def tell_categories_with(tell: Callable[[str, str], str]) -> None:
    """Let `tell` say the names of categories; the catalogue calls this at registration."""
    _categories[:] = [tell]


def category(path: str) -> str:
    """Return a category's path in the language that is spoken now, as far as its names are known."""
    return _categories[0](path, wording.language()) if _categories else path
