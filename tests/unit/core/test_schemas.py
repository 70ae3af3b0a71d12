"""Fields take what they promise and nothing that merely looks like it."""

import datetime as dt

import marshmallow as ma
import pytest

from marketplace.core import config, paging, schemas
from marketplace.core.errors import InvalidInput
from marketplace.core.money import Money
from marketplace.core.strict_json import JsonDecimal


def load(field, value):
    return type("S", (schemas.Schema,), {"x": field})().load({"x": value})["x"]


@pytest.mark.parametrize(
    "amount",
    [129, 129.0, "1.005", "1e5", "１２", "-0", " 1", "9" * 16, "", None, True, JsonDecimal("129.00")],
)
def test_money_is_an_exact_decimal_string(amount):
    if amount == "-0":
        assert load(schemas.MoneyField(), {"amount": amount, "currency": "EUR"}).is_zero
        return
    with pytest.raises(ma.ValidationError):
        load(schemas.MoneyField(), {"amount": amount, "currency": "EUR"})


@pytest.mark.parametrize(
    "value",
    [
        "129.00",
        {"amount": "1"},
        {"amount": "1", "currency": "eur"},
        [],
        5,
        {"amount": "1", "currency": "EUR", "more": 1},
    ],
)
def test_money_has_amount_and_currency_and_nothing_else(value):
    with pytest.raises(ma.ValidationError):
        load(schemas.MoneyField(), value)


def test_money_comes_back_as_it_went_in():
    schema = type("S", (schemas.Schema,), {"x": schemas.MoneyField()})()
    body = {"x": {"amount": "129.00", "currency": "EUR"}}
    assert schema.load(body) == {"x": Money(12900, "EUR")}
    assert schema.dump(schema.load(body)) == body


def test_unknown_fields_are_refused():
    with pytest.raises(ma.ValidationError, match="Unknown"):
        type("S", (schemas.Schema,), {})().load({"role": "admin"})


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "a\nb", "x" * 501, 5, None, ["a"]])
def test_text_has_no_control_characters_and_an_end(value):
    with pytest.raises(ma.ValidationError):
        load(schemas.Text(), value)


@pytest.mark.parametrize("value", ["1", 1.0, True, JsonDecimal("1.0"), 2**63, None])
def test_whole_numbers_are_whole_numbers(value):
    with pytest.raises(ma.ValidationError):
        load(schemas.Integer(), value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22",
        "2026-11-22T12:00:00",
        "now",
        5,
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "2026-11-22T25:00:00Z",
    ],
)
def test_instants_have_an_offset_and_a_plausible_year(value):
    with pytest.raises(ma.ValidationError):
        load(schemas.Instant(), value)


def test_instants_are_kept_in_utc():
    instant = load(schemas.Instant(), "2026-11-22T13:00:00+01:00")
    assert instant == dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    assert schemas.dump_instant(instant) == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        "http://a.example/",
        "https://u:p@a.example/",
        "https:evil",
        "//a.example",
        "https://",
        "javascript:alert(1)",
        "https://a.example\\@b.example/",
        "https://a.example:x/",
        "https://a.example/\u202egpj.exe",
        'https://a.example/"><b>',
    ],
)
def test_addresses_are_absolute_https_without_user(value):
    config.use(config.Settings(mode="test"))
    with pytest.raises(ma.ValidationError):
        load(schemas.Url(), value)


@pytest.mark.parametrize("value", ["9999-12-31", "0001-01-01", "1999-12-31", "2201-01-01", "2026-02-30", ""])
def test_a_day_is_one_that_the_calendar_counts_on_from(value):
    assert load(schemas.Day(), "2026-11-22") == dt.date(2026, 11, 22)
    with pytest.raises(ma.ValidationError):
        load(schemas.Day(), value)


def test_cursors_of_others_are_refused():
    assert paging.decode_cursor(paging.encode_cursor("a", 1), 2) == ["a", "1"]
    for text in (
        "x",
        "bm90anNvbg",
        paging.encode_cursor("a"),
        paging.encode_cursor("a", "b\0"),
        paging.encode_cursor("a", "\ud800"),
        "é",
        paging.encode_cursor("a", "b")[:-1] + "~",
    ):
        with pytest.raises(InvalidInput):
            paging.decode_cursor(text, 2)
