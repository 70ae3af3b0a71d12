"""Words of shops as plain text: entities that were escaped twice are undone, and markup is taken out.

Every step goes through the text once, however it is damaged.
"""

from __future__ import annotations

import html
import re

MOST_CHARACTERS = 200_000
_ROUNDS = 3
# Nothing is given back (*+): of a tag that never ends each sign of its name would be tried as the end of the name.
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9:]*+)[^<>]*+>")
_UNSEEN = re.compile(r"<(script|style)\b[^<>]*>", re.IGNORECASE)
_BREAKS = frozenset(
    [
        "br",
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "tr",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "section",
        "article",
        "blockquote",
        "dd",
        "dt",
    ]
)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


def line(value: str) -> str:
    """Return one line of plain text: no markup, no escaped entities, single spaces."""
    if "&" in value or "<" in value or len(value) > MOST_CHARACTERS:
        value = plain(value)
    return " ".join(value.split())


def plain(value: str) -> str:
    """Return plain text: entities undone, tags taken out, what blocks of markup parted parted by line ends."""
    value = value[:MOST_CHARACTERS]
    if "&" in value:
        value = unescaped(value)
    if "<" not in value or not _TAG.search(value):
        return value.strip()
    value = _without(_without(value, re.compile("<!--"), "-->"), _UNSEEN, None)
    value = _TAG.sub(_parted, value)
    return _LINES.sub("\n", _SPACES.sub(" ", value)).strip()


def unescaped(value: str) -> str:
    """Undo entities, also those that were escaped twice or three times; a bare & stays what it is."""
    for _ in range(_ROUNDS):
        if "&" not in value:
            break
        before, value = value, _ENTITY.sub(_character, value)
        if value == before:
            break
    return value


def _character(found: re.Match[str]) -> str:
    return html.unescape(found[0])


def _parted(tag: re.Match[str]) -> str:
    name = tag[1].lstrip("/").lower()
    return "\n" if name in _BREAKS else " " if name == "td" else ""


def _without(value: str, opening: re.Pattern[str], closing: str | None) -> str:
    """Take out everything from each opening to its closing; what never closes stays."""
    kept: list[str] = []
    at = 0
    lowered = value.lower() if closing is None else value
    while found := opening.search(value, at):
        end = lowered.find(closing or f"</{found[1].lower()}", found.end())
        if end < 0:
            break
        kept.append(value[at : found.start()])
        at = end + len(closing or "")
    kept.append(value[at:])
    return "".join(kept)
