"""What is asked of texts that readers leave behind: short, readable, and no place for links to shops of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from marketplace.core.errors import InvalidInput

MOST_LINKS = 1
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[a-z]{2,}", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_SHOUTED = 30


def accept(fields: Mapping[str, str]) -> None:
    """Raise InvalidInput for texts with several links, an e-mail address, no letter, or nothing but capitals.

    fields: texts by the name of their field.
    """
    errors: dict[str, list[str]] = {}
    for name, text in fields.items():
        letters = _LETTER.findall(text)
        if len(_LINK.findall(text)) > MOST_LINKS:
            errors[name] = [f"At most {MOST_LINKS} link, please."]
        elif _ADDRESS.search(text):
            errors[name] = ["Leave e-mail addresses out: everybody reads this."]
        elif text and len(letters) < 3:
            errors[name] = ["Write it in words."]
        elif len(letters) > _SHOUTED and all(letter == letter.upper() for letter in letters):
            errors[name] = ["Write it without capital letters only."]
    if errors:
        raise InvalidInput(errors)
