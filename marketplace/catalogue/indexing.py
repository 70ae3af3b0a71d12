"""What a product is found by: one text per product, in parts of different weight.

PostgreSQL derives the searchable words from it (migration 0024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from marketplace.catalogue.folding import fold
from marketplace.catalogue.taxonomy import google as taxonomy

_MOST_DESCRIPTION = 320
# Words by which a text is Dutch or English; words of both are in neither.
_DUTCH = "de het een en van voor met op te die dat niet uw je ook of door zijn wordt onze deze bij"
_ENGLISH = "the and for with your this that from are our not you by it can has its which"
_TELLING = {
    "nl": frozenset(_DUTCH.split()),
    "en": frozenset(_ENGLISH.split()),
}


def index_text(
    *,
    title: str,
    brand: str | None,
    sku: str,
    gtin: str | None,
    category: str,
    product_type: str | None,
    description: str,
) -> str:
    """Return what a product is found by, as seven parts with tabs between, each of them folded.

    The parts: title, brand, codes, category in every language that is known, the beginning of the description if it is
    Dutch, if it is English (in both places when nothing tells), and keys of the categories above it. A title is too
    short to tell, so it is stemmed in both languages; a description in its own, because that costs the most.
    """
    names, keys = _category(category)
    kind = fold(product_type) if product_type and product_type != category else ""
    return "\t".join(
        (
            fold(title),
            fold(brand or ""),
            fold(f"{sku} {gtin or ''}"),
            f"{names} {kind}".strip(),
            *_description(description[:_MOST_DESCRIPTION]),
            keys,
        )
    )


def _description(text: str) -> tuple[str, str]:
    folded = fold(text)
    words = folded.split()
    dutch, english = (sum(word in _TELLING[language] for word in words) for language in ("nl", "en"))
    return folded if dutch >= english else "", folded if english >= dutch else ""


@lru_cache(maxsize=4096)
def _category(category: str) -> tuple[str, str]:
    found = taxonomy.bundled().find(category)
    names = category if found is None else " ".join((*found.english, *(found.dutch or ())))
    return fold(names), " ".join(category_keys(category))


def category_keys(category: str) -> list[str]:
    """Return a key for each category that a path lies in, from wide to narrow, the same in either language."""
    path = taxonomy.comparable(category)
    return [_key(path[: size + 1]) for size in range(len(path))]


def _key(path: Sequence[str]) -> str:
    # A capital first, which no word has: so keys and words can share an index.
    return "C" + hashlib.blake2b("\n".join(path).encode(), digest_size=8).hexdigest()
