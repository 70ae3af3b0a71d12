"""Whether a product can be bought, in the words of shops, of Google, of schema.org, and of their languages."""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = {
    "in_stock": "in stock|instock|available|limited availability|limitedavailability|online only|onlineonly"
    "|in store only|instoreonly|available for order|op voorraad|voorradig|leverbaar|direct leverbaar"
    "|auf lager|lieferbar|sofort lieferbar|verfügbar|en stock|disponible|disponibile|in magazzino|em estoque|på lager"
    "|i lager|na skladě|skladem",
    "out_of_stock": "out of stock|outofstock|sold out|soldout|not available|unavailable|not in stock|discontinued"
    "|niet op voorraad|niet leverbaar|uitverkocht|niet voorradig|nicht auf lager|nicht verfügbar|ausverkauft"
    "|nicht lieferbar|rupture de stock|en rupture de stock|épuisé|agotado|sin existencias|esaurito|esgotado"
    "|non disponibile",
    "preorder": "preorder|pre order|presale|pre sale|voorbestellen|vorbestellbar|vorbestellung|précommande|reserva",
    "backorder": "backorder|back order|backordered|on backorder|nabestelling|in nabestelling|na te bestellen",
}
_KNOWN = {word: state for state, words in _WORDS.items() for word in words.split("|")}
_PREFIX = re.compile(r"https?://(www\.)?schema\.org/|schema:")


@lru_cache(maxsize=1024)
def read_availability(text: str) -> str | None:
    """Return in_stock, out_of_stock, preorder or backorder, or None for words that mean none of these."""
    words = _PREFIX.sub("", text.strip()[:100].lower()).replace("_", " ").replace("-", " ")
    return _KNOWN.get(" ".join(words.split()))
