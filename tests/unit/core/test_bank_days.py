"""Promised dates are days on which banks work: no weekend, no holiday of TARGET."""

from __future__ import annotations

import datetime as dt

import pytest

from marketplace.core import bank_days


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("ready", "pays", "arrives"),
    [
        ("2026-11-23", "2026-12-01", "2026-12-03"),
        # The pay day itself is too late for it: the next one is promised.
        ("2026-12-01", "2027-01-04", "2027-01-06"),
        # 1 January is a holiday, 2 and 3 January 2027 a weekend.
        ("2026-12-15", "2027-01-04", "2027-01-06"),
        # 1 May is a holiday of TARGET, and a Friday in 2026.
        ("2026-04-20", "2026-05-04", "2026-05-06"),
        # Good Friday and Easter Monday lie between the pay day and the bank.
        ("2026-03-20", "2026-04-01", "2026-04-07"),
        ("2026-07-15", "2026-08-03", "2026-08-05"),
    ],
)
def test_a_promised_day_skips_weekends_and_bank_holidays(ready: str, pays: str, arrives: str) -> None:
    assert bank_days.pay_day(at(ready)) == dt.date.fromisoformat(pays)
    assert bank_days.arrival(at(ready)) == dt.date.fromisoformat(arrives)


def test_money_sent_before_christmas_arrives_after_it() -> None:
    assert bank_days.arrival_of_sent(at("2026-12-24")) == dt.date(2026, 12, 29)


def test_the_day_is_that_of_amsterdam() -> None:
    assert bank_days.pay_day(dt.datetime(2026, 11, 30, 23, 30, tzinfo=dt.UTC)) == dt.date(2027, 1, 4)


def test_every_promise_of_ten_years_is_a_bank_day_in_the_future() -> None:
    day = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    for _ in range(3_650):
        for promised in (bank_days.pay_day(day), bank_days.arrival(day)):
            assert promised > day.date()
            assert bank_days.is_bank_day(promised)
        day += dt.timedelta(days=1)
