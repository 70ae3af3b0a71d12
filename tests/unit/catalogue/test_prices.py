"""Prices in feeds are read exactly or refused, never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.rows.prices import PriceUnreadable, Read, parse_price, read_price
from marketplace.core.money import Money


@pytest.mark.parametrize(
    ("text", "minor", "currency"),
    [
        ("129.00 EUR", 12900, "EUR"),
        ("109.9900 USD", 10999, "USD"),
        ("EUR 12", 1200, "EUR"),
        ("12,50 EUR", 1250, "EUR"),
        ("12,5 EUR", 1250, "EUR"),
        ("59500 ARS", 5950000, "ARS"),
        ("1.299,00 EUR", 129900, "EUR"),
        ("1,299.00 USD", 129900, "USD"),
        ("1 299,00 EUR", 129900, "EUR"),
        ("1\u00a0299,00\u00a0EUR", 129900, "EUR"),
        ("1'299.95 CHF", 129995, "CHF"),
        ("12 345 678 EUR", 1234567800, "EUR"),
        ("12EUR", 1200, "EUR"),
        ("€ 12,50", 1250, "EUR"),
        ("EUR 12 EUR", 1200, "EUR"),
        ("1500 JPY", 1500, "JPY"),
        ("1500.00 JPY", 1500, "JPY"),
        ("1.234 KWD", 1234, "KWD"),
        ("0 EUR", 0, "EUR"),
        ("5.00 eur", 500, "EUR"),
        ("12,- EUR", 1200, "EUR"),
        ("€ 12,--", 1200, "EUR"),
        ("£9.99", 999, "GBP"),
        ("US$ 5.00", 500, "USD"),
        ("$5.00 USD", 500, "USD"),
        ("R$ 99,90", 9990, "BRL"),
        ("007.10 EUR", 710, "EUR"),
        ("999999999999999.99 EUR", 99999999999999999, "EUR"),
    ],
)
def test_readable_prices_are_exact(text: str, minor: int, currency: str) -> None:
    assert parse_price(text) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "price_missing"),
        ("   ", "price_missing"),
        ("129.00", "currency_missing"),
        ("129.00 XQX", "currency_unknown"),
        ("EUR 12 USD", "currency_ambiguous"),
        ("1,299 EUR", "price_ambiguous"),
        ("1,2,3 EUR", "price_ambiguous"),
        ("1.2.3 EUR", "price_ambiguous"),
        ("12,34,567.00 EUR", "price_ambiguous"),
        ("12.345 EUR", "price_not_exact"),
        ("1.5 JPY", "price_not_exact"),
        ("-5.00 EUR", "price_negative"),
        ("$ 5.00", "currency_ambiguous"),
        ("5.00 kr", "currency_ambiguous"),
        ("- 5.00 EUR", "price_unreadable"),
        ("4.86 -- 6.22 EUR", "price_unreadable"),
        ("١٢ EUR", "price_unreadable"),
        ("\uff11\uff12 EUR", "price_unreadable"),
        ("1e3 EUR", "price_unreadable"),
        ("NaN EUR", "price_unreadable"),
        ("1" * 16 + " EUR", "price_too_large"),
        ("1" * 500 + " EUR", "price_unreadable"),
    ],
)
def test_other_prices_are_refused_by_name(text: str, code: str) -> None:
    with pytest.raises(PriceUnreadable) as refusal:
        parse_price(text)
    assert refusal.value.code == code
    assert refusal.value.reason and refusal.value.fix


@pytest.mark.parametrize(
    ("text", "shop", "minor", "currency", "is_assumed"),
    [
        ("129.00", "EUR", 12900, "EUR", True),
        ("$ 5.00", "USD", 500, "USD", True),
        ("$ 5.00", "CAD", 500, "CAD", True),
        ("5,00 kr", "SEK", 500, "SEK", True),
        ("5.00 USD", "EUR", 500, "USD", False),
        ("£5.00", "EUR", 500, "GBP", False),
    ],
)
def test_a_price_without_a_currency_of_its_own_is_in_the_shops(
    text: str, shop: str, minor: int, currency: str, is_assumed: bool
) -> None:
    assert read_price(text, shop) == Read(Money(minor, currency), is_assumed)


def test_a_sign_of_several_currencies_is_not_guessed_for_a_shop_that_has_none_of_them() -> None:
    with pytest.raises(PriceUnreadable) as refusal:
        read_price("$ 5.00", "EUR")
    assert refusal.value.code == "currency_ambiguous"


@given(st.text(max_size=80))
def test_no_text_raises_anything_but_the_refusal(text: str) -> None:
    try:
        price = parse_price(text)
    except PriceUnreadable:
        return
    assert price.minor >= 0


@given(st.integers(0, 10**15 - 1), st.sampled_from(["EUR", "JPY", "KWD", "GBP"]), st.integers(0, 6))
def test_what_money_writes_is_read_back_whatever_the_trailing_zeros(
    minor: int, currency: str, zeros: int
) -> None:
    money = Money(minor, currency)
    text = str(money)
    padded = text + "0" * zeros if "." in text else text
    assert parse_price(f"{padded} {currency}") == money
    assert parse_price(f"{currency} {padded}") == money
