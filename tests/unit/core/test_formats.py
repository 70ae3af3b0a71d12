"""Numbers, money and dates read as people of a country write them."""

from __future__ import annotations

import datetime as dt

import pytest

from marketplace.core import formats, pages, wording
from marketplace.core.money import Money

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("locale", "minor", "currency", "expected"),
    [
        ("nl_NL", 264018, "EUR", "€ 2.640,18"),
        ("en_NL", 264018, "EUR", "€ 2.640,18"),
        ("en_GB", 264018, "EUR", "€2,640.18"),
        ("nl_NL", -450, "EUR", "−€ 4,50"),
        ("en_NL", 1234, "JPY", "JP¥ 1.234"),
    ],
)
def test_money_shows_its_currency_and_a_real_minus(locale, minor, currency, expected):
    with wording.use(locale):
        assert formats.money(Money(minor, currency)).replace("\N{NO-BREAK SPACE}", " ") == expected
        assert formats.money((minor, currency)) == formats.money(Money(minor, currency))


@pytest.mark.parametrize(
    ("bp", "expected"), [(800, "8%"), (750, "7,5%"), (1000, "10%"), (25, "0,25%"), (0, "0%")]
)
def test_a_rate_has_no_decimals_that_say_nothing(bp, expected):
    with wording.use("nl_NL"):
        assert formats.rate(bp) == expected


def test_a_day_names_its_year_only_when_it_is_another_one():
    with wording.use("en_NL"):
        assert formats.day(dt.datetime(2026, 12, 3, tzinfo=dt.UTC), NOW) == "3 Dec"
        assert formats.day(dt.datetime(2025, 12, 3, tzinfo=dt.UTC), NOW) == "3 Dec 2025"


def test_the_day_is_the_day_in_amsterdam_and_the_instant_names_the_zone():
    late = dt.datetime(2026, 6, 30, 22, 30, tzinfo=dt.UTC)
    with wording.use("en_NL"):
        assert formats.day(late, NOW) == "1 Jul"
        assert formats.instant(late) == "1 Jul 2026, 00:30 CEST"


def test_a_share_of_nothing_is_no_number():
    assert formats.share(1, 0) == "–"
    with wording.use("nl_NL"):
        assert (formats.share(58, 5702), formats.share(51, 58)) == ("1%", "88%")


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        None,
        "x",
        "/a\nb",
    ],
)
def test_an_address_of_elsewhere_is_never_where_one_goes_on(wanted):
    assert pages.own_address(wanted, "/home") == "/home"


def test_an_own_address_keeps_its_query():
    assert pages.own_address("/shop/orders?state=held&q=a%20b", "/") == "/shop/orders?state=held&q=a%20b"
