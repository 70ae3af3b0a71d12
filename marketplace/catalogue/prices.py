"""Prices as shops write them in feeds, read exactly or refused; never guessed and never through a float."""

from __future__ import annotations

import re
from functools import cache

from babel.numbers import list_currencies

from marketplace.core.money import Money, exponent

_SPACES = "\t\u00a0\u2009\u202f"
_PRICE = re.compile(
    r"(?P<before>[A-Z]{3}|€)? ?(?P<number>-?[0-9][0-9.,' ]*?) ?(?P<after>[A-Z]{3}|€)?",
    re.ASCII,
)
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}", re.ASCII)
_GROUPED_POINT = re.compile(r"[0-9]{1,3}(?:([,' ])[0-9]{3})(?:\1[0-9]{3})*\.[0-9]+", re.ASCII)
_GROUPED_COMMA = re.compile(r"[0-9]{1,3}(?:([.' ])[0-9]{3})(?:\1[0-9]{3})*,[0-9]{1,2}", re.ASCII)
_GROUPED_WHOLE = re.compile(r"[0-9]{1,3}(?:([' ])[0-9]{3})(?:\1[0-9]{3})*", re.ASCII)
_MOST_DIGITS = 15
_EXAMPLE = "Write the amount with a point and the ISO currency, for example 129.00 EUR."


class PriceUnreadable(ValueError):
    """A price that can't be read exactly; carries a code, the reason and the way to put it right."""

    def __init__(self, code: str, reason: str, fix: str = _EXAMPLE) -> None:
        self.code, self.reason, self.fix = code, reason, fix
        super().__init__(reason)


@cache
def currencies() -> frozenset[str]:
    """Return the ISO 4217 codes that are known."""
    return frozenset(list_currencies())


def parse_price(text: str) -> Money:
    """Read a feed price exactly, such as "129.00 EUR", "EUR 12", "12,50 EUR", "1.299,00 EUR" or "109.9900
    USD".

    A point is the decimal sign, as Google's specification has it; a comma is one where one or two digits
    follow it, and thousands are recognised only where both signs, a space or an apostrophe leave no doubt.
    Raises PriceUnreadable for everything else: no or an unknown currency, a minus, "1,299 EUR", or parts of
    a minor unit (12.345 EUR).
    """
    cleaned = text.strip()
    for space in _SPACES:
        cleaned = cleaned.replace(space, " ")
    matched = _PRICE.fullmatch(cleaned[:64]) if len(cleaned) <= 64 else None
    if not cleaned:
        raise PriceUnreadable("price_missing", "The price is empty.")
    if matched is None:
        raise PriceUnreadable("price_unreadable", "The price is not an amount and a currency.")
    currency = _currency(matched["before"], matched["after"])
    if matched["number"].startswith("-"):
        raise PriceUnreadable("price_negative", "The price is below zero.", "A price is zero or more.")
    return _exact(_digits(matched["number"].strip()), currency)


def _currency(before: str | None, after: str | None) -> str:
    named = {"EUR" if word == "€" else word for word in (before, after) if word}
    if not named:
        raise PriceUnreadable("currency_missing", "The price has no currency.")
    if len(named) > 1:
        raise PriceUnreadable("currency_ambiguous", "The price names two currencies.")
    currency = named.pop()
    if currency not in currencies():
        raise PriceUnreadable("currency_unknown", f"{currency} is not a currency of ISO 4217.")
    return currency


def _digits(number: str) -> str:
    """Return the number with a point as its only sign; PriceUnreadable where it could mean two amounts."""
    if _PLAIN.fullmatch(number):
        return number
    if _DECIMAL_COMMA.fullmatch(number):
        return number.replace(",", ".")
    if _GROUPED_POINT.fullmatch(number):
        return re.sub(r"[,' ]", "", number)
    if _GROUPED_COMMA.fullmatch(number):
        return re.sub(r"[.' ]", "", number).replace(",", ".")
    if _GROUPED_WHOLE.fullmatch(number):
        return re.sub(r"[' ]", "", number)
    raise PriceUnreadable("price_ambiguous", "The price could mean more than one amount.")


def _exact(number: str, currency: str) -> Money:
    whole, _, decimals = number.partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    places = exponent(currency)
    if len(whole) > _MOST_DIGITS:
        raise PriceUnreadable("price_too_large", "The price has more than 15 digits.", "Check the price.")
    if len(decimals) > places:
        raise PriceUnreadable(
            "price_not_exact",
            f"The price has more decimals than {currency} knows ({places}).",
            f"Round the price to {places} decimals.",
        )
    return Money.parse(f"{whole}.{decimals}" if decimals else whole, currency)
