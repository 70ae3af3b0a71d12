"""What a field complains about, said to people: schemas speak to programs, and marshmallow speaks English only.

templates/errors/fields/<language>.po holds each sentence with its {places}; a test demands the Dutch of all of them.
"""

from __future__ import annotations

import re
from functools import cache

from babel.messages.pofile import read_po

from marketplace.core import wording

CONTEXT = "field"
_PLACE = re.compile(r"\\\{([a-z]+)\\\}")


def told(sentence: str) -> str:
    """Return a sentence about a field in the reader's language; one that the page made itself stays as it is.

    sentence: as a schema or a refusal gave it, with its numbers and names filled in.
    """
    if sentence in _sentences():
        return wording.pgettext(CONTEXT, sentence)
    for pattern, text in _patterns():
        if found := pattern.fullmatch(sentence):
            said = wording.pgettext(CONTEXT, text)
            for name, value in found.groupdict().items():
                said = said.replace("{" + name + "}", value)
            return said
    return wording.gettext(sentence)


@cache
def _sentences() -> frozenset[str]:
    with (wording.FOLDER / "errors" / "fields" / "nl.po").open("rb") as source:
        return frozenset(str(message.id) for message in read_po(source, locale="nl") if message.id)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for text in sorted(_sentences(), key=lambda one: (one.startswith("{"), one)):
        if "{" not in text:
            continue
        seen: set[str] = set()

        def place(match: re.Match[str], seen: set[str] = seen) -> str:
            # The same place twice carries the same thing twice.
            if match[1] in seen:
                return f"(?P={match[1]})"
            seen.add(match[1])
            return f"(?P<{match[1]}>.+)"

        found.append((re.compile(_PLACE.sub(place, re.escape(text)), re.DOTALL), text))
    return tuple(found)
