"""What the pages of finance take in their addresses and forms."""

from __future__ import annotations

import datetime as dt

from marshmallow import validate

from marketplace.core.money import Money
from marketplace.core.schemas import Currency, Day, Page, QueryInteger, Schema, Text
from payouts.ledger.accounts import CHART

TABS = ("paid", "below_minimum", "blocked", "negative")
_FILE = validate.OneOf(("csv",))


class Amount(Text):
    """An amount as people type it, with a point or a comma; read together with the currency beside it."""

    def __init__(self) -> None:
        super().__init__(
            maximum=20, load_default=None, validate=[validate.Regexp(r"-?[0-9]{1,13}([.,][0-9]{1,3})?\Z")]
        )


class EntriesFilter(Page):
    """Which entries; days are those of Amsterdam, both counted. `amount` is that of one of the lines."""

    account = Text(load_default=None, maximum=120)
    account_kind = Text(load_default=None, validate=[validate.OneOf(tuple(CHART))])
    kind = Text(load_default=None, maximum=40)
    source_type = Text(load_default=None, maximum=40)
    source_id = Text(load_default=None, maximum=120)
    since = Day(load_default=None)
    until = Day(load_default=None)
    amount = Amount()
    currency = Currency(load_default="EUR")
    limit = QueryInteger(minimum=1, maximum=100, load_default=20)
    format = Text(load_default=None, validate=[_FILE])


class AccountPage(Page):
    """A page of an account, or the whole of it as a file."""

    format = Text(load_default=None, validate=[_FILE])


class RunTab(Page):
    """Which of those whom a run looked at."""

    tab = Text(load_default="paid", validate=[validate.OneOf(TABS)])
    format = Text(load_default=None, validate=[_FILE])
    limit = QueryInteger(minimum=1, maximum=200, load_default=50)


class Nothing(Schema):
    """A form of one button."""


def money(amount: str | None, currency: str) -> Money | None:
    """Return what was typed as money, without its sign; None when nothing was, or the currency has no such amount."""
    if amount is None:
        return None
    try:
        return abs(Money.parse(amount.replace(",", "."), currency))
    except ValueError:
        return None


def moment(day: dt.date | None, days: int, zone: dt.tzinfo) -> dt.datetime | None:
    """Return midnight of a day, `days` later, in a zone; None for no day."""
    return None if day is None else dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), zone)
