"""Prices as shops write them in feeds, read exactly or refused; never guessed and never through a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from babel.numbers import list_currencies

from marketplace.core.money import Money, exponent

_SPACES = "\t\u00a0\u2009\u202f"
_PRICE = re.compile(
    r"(?P<before>[A-Za-z]{3}|[^0-9 .,'-]{1,4})? ?(?P<number>-?[0-9][0-9.,' ]*?)(?P<round>[.,][-–—]{1,2})?"
    r" ?(?P<after>[A-Za-z]{3}|[^0-9 .,'-]{1,4})?",
    re.ASCII,
)
_USUAL = re.compile(r"([0-9]{1,12})\.([0-9]{2}) (EUR|USD|GBP)", re.ASCII)
# Signs that mean one currency, whoever writes them.
_SIGNS = {
    "€": "EUR", "£": "GBP", "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD",
    "HK$": "HKD", "S$": "SGD", "R$": "BRL", "zł": "PLN", "Kč": "CZK", "₺": "TRY", "₹": "INR", "₴": "UAH", "₽": "RUB",
}  # fmt: skip
# Signs that several currencies have: they mean that of the shop when it is one of them.
_SHARED = {
    "$": frozenset(["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"]),
    "¥": frozenset(("JPY", "CNY")),
    "kr": frozenset(("SEK", "NOK", "DKK", "ISK")),
    "kr.": frozenset(("DKK", "NOK", "SEK", "ISK")),
    "Fr.": frozenset(("CHF",)),
}
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


@dataclass(frozen=True, slots=True)
class Read:
    """A price as it was read; is_assumed when the words left its currency to be that of the shop."""

    price: Money
    is_assumed: bool = False


def parse_price(text: str) -> Money:
    """Read a feed price exactly, such as "129.00 EUR", "EUR 12", "12,50 EUR", "1.299,00 EUR" or "109.9900
    USD".

    A point is the decimal sign, as Google's specification has it; a comma is one where one or two digits
    follow it, and thousands are recognised only where both signs, a space or an apostrophe leave no doubt.
    Raises PriceUnreadable for everything else: no or an unknown currency, a minus, "1,299 EUR", or parts of
    a minor unit (12.345 EUR).
    """
    return read_price(text, None).price


@lru_cache(maxsize=4096)
def read_price(text: str, shop_currency: str | None) -> Read:
    """Read a price as parse_price does; without a currency, or with a sign that several have, it is the shop's.

    shop_currency: ISO 4217, or None when none is to be assumed. Raises PriceUnreadable.
    """
    if usual := _USUAL.fullmatch(text):
        return Read(Money(int(usual[1] + usual[2]), usual[3]))
    cleaned = text.strip()
    for space in _SPACES:
        cleaned = cleaned.replace(space, " ")
    if not cleaned:
        raise PriceUnreadable("price_missing", "The price is empty.")
    matched = _PRICE.fullmatch(cleaned) if len(cleaned) <= 64 else None
    if matched is None:
        raise PriceUnreadable("price_unreadable", "The price is not an amount and a currency.")
    if cleaned.startswith("-") or matched["number"].startswith("-"):
        raise PriceUnreadable("price_negative", "The price is below zero.", "A price is zero or more.")
    currency, is_assumed = _currency((matched["before"], matched["after"]), shop_currency)
    return Read(_exact(_digits(matched["number"].strip()), currency), is_assumed)


def _currency(words: tuple[str | None, ...], shop_currency: str | None) -> tuple[str, bool]:
    """Return the currency that is named, and whether it is the shop's because the words leave it open."""
    named = set()
    shared = [word for word in words if word in _SHARED]
    for word in words:
        if not word or word in _SHARED:
            continue
        if word in _SIGNS:
            named.add(_SIGNS[word])
        elif word.upper() in currencies():
            named.add(word.upper())
        elif word.isascii() and word.isalpha() and len(word) == 3:
            raise PriceUnreadable("currency_unknown", f"{word.upper()} is not a currency of ISO 4217.")
        else:
            raise PriceUnreadable("price_unreadable", "The price is not an amount and a currency.")
    if len(named) > 1:
        raise PriceUnreadable("currency_ambiguous", "The price names two currencies.")
    currency = next(iter(named), shop_currency)
    if any(currency not in _SHARED[word] for word in shared):
        reason = f"{shared[0]} stands for several currencies, and the price's or shop's own is none of them."
        raise PriceUnreadable("currency_ambiguous", reason)
    if currency is None:
        raise PriceUnreadable("currency_missing", "The price has no currency.")
    return currency, not named


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
