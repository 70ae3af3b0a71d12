"""How words are brought to the form in which they are searched: one function for what is stored and what is asked.

Accents, capitals and punctuation go away here and nowhere else, so that the index and the question agree whatever the
database's locale is. What is stored is one text per product, in parts of different weight; PostgreSQL derives the
searchable words from it (migration 0024).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from marketplace.catalogue import taxonomy

MOST_ASKED = 200
MOST_WORDS = 8
_MOST_DESCRIPTION = 320
# Words by which a text is Dutch or English; words of both are in neither.
_DUTCH = "de het een en van voor met op te die dat niet uw je ook of door zijn wordt onze deze bij"
_ENGLISH = "the and for with your this that from are our not you by it can has its which"
_TELLING = {
    "nl": frozenset(_DUTCH.split()),
    "en": frozenset(_ENGLISH.split()),
}
_LONGEST = 60
# What Unicode doesn't take apart, though people type it without.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"})
_POSSESSIVE = re.compile(r"['’`]s\b|['’`](?=\w)")
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORD = re.compile(r"[0-9a-z]+")


def fold(text: str) -> str:
    """Return the words of a text, in lower case, without accents, with one space between; never raises.

    "Café's & thee-ei" is "cafe thee ei". Words of more than 60 characters are none.
    """
    if text.isascii():
        found = _ASCII_WORD.findall(
            _POSSESSIVE.sub(_parted, text.lower()) if "'" in text or "`" in text else text.lower()
        )
    else:
        plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub(_parted, text.casefold())).translate(_PLAIN)
        # Marks are taken out rather than parted at, also where letters join them (Arabic, Hindi).
        bare = "".join(char for char in plain if not unicodedata.combining(char))
        found = _WORD.findall(unicodedata.normalize("NFC", bare))
    return " ".join(word for word in found if len(word) <= _LONGEST)


def _parted(found: re.Match[str]) -> str:
    """Return what stands for an apostrophe: nothing for the s of "baby's", a space in "l'orange"."""
    return "" if found.group().endswith("s") else " "


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


def asked_words(question: str) -> list[str]:
    """Return the words of a question, each once, at most eight of its first 200 characters; never raises."""
    return list(dict.fromkeys(fold(question[:MOST_ASKED]).split()))[:MOST_WORDS]


Stems = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def query_of(words: Iterable[str], stems: Stems, *, language: str | None = None, mark: str = "") -> str:
    """Return the text of a tsquery in which every word must occur, in any form that Dutch or English gives it.

    stems: of each word its Dutch and English lexemes; none means that it is a stop word of that language. Stop words
    are left out unless nothing else is asked. language: nl or en to look at that one only; mark: put before each
    lexeme ("T" finds words of titles only). An empty string when there are no words.
    """
    forms = [(word, _forms(word, stems, language)) for word in words]
    told = [one for one in forms if one[1]] or [(word, (word,)) for word, _ in forms]
    return " & ".join("(" + " | ".join(quoted(mark + form) for form in wanted) + ")" for _, wanted in told)


def _forms(word: str, stems: Stems, language: str | None) -> tuple[str, ...]:
    dutch, english = stems.get(word, ((word,), (word,)))
    chosen = {"nl": (dutch,), "en": (english,)}.get(language or "", (dutch, english))
    if not all(chosen):
        return ()
    return tuple(dict.fromkeys((word, *(form for forms in chosen for form in forms))))


def quoted(lexeme: str) -> str:
    """Return a lexeme as it is written in a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def forgiven(word: str) -> int:
    """Return how many letters of a word may be wrong: one of a short word, two of one of six letters or more."""
    return 1 if len(word) < 6 else 2


def turned(word: str) -> list[str]:
    """Return a short word with each two neighbours changed over; those share too few trigrams to be found by them."""
    if not 3 <= len(word) <= 7:
        return []
    swaps = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
    return [one for one in dict.fromkeys(swaps) if one != word]


def distance(one: str, other: str) -> int:
    """Return how many letters have to be put in, left out, changed, or changed over with a neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before = before, row
        row = [at]
        for place, wanted in enumerate(other, 1):
            best = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == wanted:
                best = min(best, older[place - 2] + 1)
            row.append(best)
    return row[-1]
