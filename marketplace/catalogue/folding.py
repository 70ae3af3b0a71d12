"""How words are brought to the form in which they are searched: one function for what is stored and what is asked.

Accents, capitals and punctuation go away here and nowhere else, so that the index and the question agree whatever the
database's locale is.
"""

from __future__ import annotations

import re
import unicodedata

MOST_ASKED = 200
MOST_WORDS = 8
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


def asked_words(question: str) -> list[str]:
    """Return the words of a question, each once, at most eight of its first 200 characters; never raises."""
    return list(dict.fromkeys(fold(question[:MOST_ASKED]).split()))[:MOST_WORDS]
