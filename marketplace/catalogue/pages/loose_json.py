"""JSON as shops write it into pages: read strictly where it is right, mended where the mend leaves no doubt.

Numbers stay the words that were written (prices never pass through a float), and so do those without end.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

MOST_VALUES = 200
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _word: None, strict=False)
_SPACE = re.compile(r"[\s\ufeff]*")
_BETWEEN = re.compile(r"[\s\ufeff,;]*")
# Wrappings against browsers of long ago: <!-- -->, <![CDATA[ ]]>, each perhaps behind // or inside /* */.
_OPENING = re.compile(r"[\s\ufeff]*(?:(?://|/\*)[ \t]*)?(?:<!--|<!\[CDATA\[)[ \t]*(?:\*/|//)?")
_CLOSING = re.compile(r"(?:(?://|/\*)[ \t]*)?(?:-->|\]\]>)[ \t]*(?:\*/)?[\s;]*\Z")
_TAIL = 60
_MOST_WRAPPINGS = 4
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{0,40}|[-+0-9.][-+0-9.eE]*")
_ENDS_NAME = re.compile(r"\s*:")
_ENDS_IN_LIST = re.compile(r"\s*(?:\]|,|\Z)")
# After a value of an object: its end, or the next name with its colon. Anything else is a quotation mark of the text.
_ENDS_VALUE = re.compile(r'\s*(?:\}|\Z|,\s*(?:\}|/[/*]|"(?:[^"\\\n]|\\.){0,200}"\s*:))')
_FORGOT_COMMA = re.compile(r'[ \t\r]*\n\s*"(?:[^"\\\n]|\\.){0,200}"\s*:')


class Unreadable(ValueError):
    """What stands there is no JSON, and can't be mended without guessing."""


def values(text: str) -> list[Any]:
    """Return the values that stand in a script, one after the other: usually one.

    Every number is the str that was written, NaN and Infinity are None. Raises Unreadable.
    """
    bare = _unwrapped(text)
    # Escaped as if it were HTML: the entities are undone only when it reads in no other way.
    for attempt in (bare, None, html.unescape(bare) if "&" in bare else None):
        try:
            if attempt is not None:
                return _read(attempt)
            return _read(mended(bare))
        except (ValueError, RecursionError):
            continue
    try:
        return _read(mended(html.unescape(bare)))
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)[:200]) from error


def _unwrapped(text: str) -> str:
    for _ in range(_MOST_WRAPPINGS):
        if opening := _OPENING.match(text):
            text = text[opening.end() :]
    for _ in range(_MOST_WRAPPINGS):
        if closing := _CLOSING.search(text, max(0, len(text) - _TAIL)):
            text = text[: closing.start()].rstrip()
    return text


def _read(text: str) -> list[Any]:
    found: list[Any] = []
    place = _end(_SPACE, text, 0)
    while place < len(text):
        if len(found) == MOST_VALUES:
            raise Unreadable("there are too many values")
        value, place = _DECODER.raw_decode(text, place)
        found.append(value)
        place = _end(_BETWEEN, text, place)
    if not found:
        raise Unreadable("it is empty")
    return found


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    matched = pattern.match(text, place)
    return matched.end() if matched else place


def mended(text: str) -> str:
    """Return JSON without comments, spare commas and wrong escapes; quotation marks inside of text are escaped.

    Linear in the length of the text, and never raises: what can't be mended stays wrong.
    """
    return _Mender(text).run()


class _Mender:
    """Goes once through a text and writes it anew."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.out: list[str] = []
        self.inside: list[str] = []  # Of { and [: what is open.
        self.last = ""  # The last sign that counts: one of {}[],: or v for a value, n for a name.

    def run(self) -> str:
        while self.place < len(self.text):
            self._step(self.text[self.place])
        return "".join(self.out)

    def _step(self, sign: str) -> None:
        if sign.isspace() or sign == "\ufeff":
            self.place += 1
        elif sign == '"':
            self._string()
        elif sign == "/" and (end := self._end_of_comment()) > 0:
            self.place = end
        elif sign in "{[":
            self._put(sign, sign)
            self.inside.append(sign)
        elif sign in "}]":
            self._close(sign)
        elif sign == ",":
            if self.last == ":":
                self._write("null")
            self.place += 1
            # Written once something follows: a spare comma before a bracket is dropped like this.
            self.last = "," if self.last not in ("{", "[", ",", "") else self.last
        elif sign == ":":
            self._put(":", ":")
        elif word := _WORD.match(self.text, self.place):
            self.place = word.end()
            self._write("null" if word[0] in ("undefined", "NaN", "Infinity", "None") else word[0])
        else:
            self._put(sign, "v")

    def _end_of_comment(self) -> int:
        """Return where a comment ends that begins here; 0 where none begins, and the end where it never ends."""
        closing = {"//": "\n", "/*": "*/"}.get(self.text[self.place : self.place + 2])
        if closing is None:
            return 0
        found = self.text.find(closing, self.place + 2)
        return len(self.text) if found < 0 else found + len(closing)

    def _put(self, sign: str, last: str) -> None:
        self.place += 1
        if self.last == "," and sign in "{[":
            self.out.append(",")
        self.out.append(sign)
        self.last = last

    def _write(self, word: str, kind: str = "v") -> None:
        if self.last == ",":
            self.out.append(",")
        self.out.append(word)
        self.last = kind

    def _close(self, sign: str) -> None:
        if self.last == ":":
            self.out.append("null")
        self.out.append(sign)
        self.place += 1
        if self.inside:
            self.inside.pop()
        self.last = "v"

    def _string(self) -> None:
        in_object = bool(self.inside) and self.inside[-1] == "{"
        is_name = in_object and self.last in ("{", ",", "v")
        if is_name and self.last == "v":
            self.last = ","  # The comma between two pairs was forgotten.
        ends = _ENDS_NAME if is_name else _ENDS_VALUE if in_object else _ENDS_IN_LIST
        self.place += 1
        content: list[str] = []
        while self.place < len(self.text):
            if plain := _PLAIN.match(self.text, self.place):
                content.append(plain[0])
                self.place = plain.end()
            elif self.text[self.place] == "\\":
                escape = _ESCAPE.match(self.text, self.place)
                # A backslash before anything else means nothing: \' becomes '.
                content.append(escape[0] if escape else "")
                self.place = escape.end() if escape else self.place + 1
            elif self._is_end(ends):
                break
            else:
                content.append('\\"')
                self.place += 1
        self.place += 1
        self._write('"' + "".join(content) + '"', "n" if is_name else "v")

    def _is_end(self, ends: re.Pattern[str]) -> bool:
        after = self.place + 1
        if ends.match(self.text, after):
            return True
        return ends is _ENDS_VALUE and _FORGOT_COMMA.match(self.text, after) is not None
