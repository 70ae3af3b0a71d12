"""Prices and stock of pages in the words of a feed; what they amount to is judged where rows of feeds are."""

from __future__ import annotations

import re

_SYMBOLS = {"€": "EUR", "EURO": "EUR", "EUROS": "EUR", "£": "GBP", "US$": "USD", "ZŁ": "PLN"}
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_NO_CENTS = re.compile(r"[.,][-\u2013\u2014]{1,2}\Z")
_STOCK = {
    "instock": "in_stock", "limitedavailability": "in_stock", "onlineonly": "in_stock", "instoreonly": "in_stock",
    "available": "in_stock", "availablefororder": "in_stock", "madetoorder": "in_stock", "reserved": "out_of_stock",
    "outofstock": "out_of_stock", "oos": "out_of_stock", "soldout": "out_of_stock", "discontinued": "out_of_stock",
    "unavailable": "out_of_stock", "preorder": "preorder", "presale": "preorder", "backorder": "backorder",
    "onbackorder": "backorder", "pending": "preorder", "true": "in_stock", "false": "out_of_stock",
}  # fmt: skip


def price(amount: object, currency: object) -> str:
    """Return a price as a feed writes it, such as "12,95 EUR"; nothing when there is no amount."""
    if not isinstance(amount, str):
        return ""
    number, said = amount.strip()[:64], currency_of(currency)
    for symbol, code in _SYMBOLS.items():
        if symbol in number.upper():
            number, said = re.sub(re.escape(symbol), "", number, flags=re.IGNORECASE).strip(), said or code
    number = _NO_CENTS.sub("", number).strip()
    if said and said in number.upper():
        number = re.sub(re.escape(said), "", number, flags=re.IGNORECASE).strip()
    return f"{number} {said}".strip() if number else ""


def currency_of(value: object) -> str:
    """Return a currency as ISO 4217 writes it; nothing when none is named."""
    if not isinstance(value, str):
        return ""
    word = value.strip().upper()
    word = _SYMBOLS.get(word, word)
    return word if _CURRENCY.fullmatch(word) else ""


def stock(value: object) -> str:
    """Return the stock in the words of a feed: an address of schema.org or a word; unknown words stay as they are."""
    if not isinstance(value, str):
        return ""
    word = value.strip().rstrip("/").rpartition("/")[2].rpartition("#")[2].rpartition(":")[2]
    return _STOCK.get(re.sub(r"[\s_-]", "", word.lower()), word.strip()[:60])
