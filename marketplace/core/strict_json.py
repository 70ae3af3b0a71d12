"""A JSON reader for bodies that strangers send: limits on depth and digits, no NaN, no repeated names."""

from __future__ import annotations

import json
from typing import Any

from marketplace.core.errors import InvalidInput, MalformedRequest

MAX_DEPTH = 64
MAX_DIGITS = 19
MAX_NAME = 200


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _read_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _read_decimal(digits: str) -> Any:
    if len(digits) > 2 * MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return JsonDecimal(digits)


class JsonDecimal:
    """A JSON number with a point or an exponent; of a type that no field takes for text or a whole number."""

    __slots__ = ("digits",)

    def __init__(self, digits: str) -> None:
        self.digits = digits


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is given twice in one object")
    for name in result:
        # Names come back in refusals and logs, so they are short and can be written as UTF-8.
        if len(name) > MAX_NAME or any(0xD800 <= ord(char) <= 0xDFFF for char in name):
            raise ValueError(f"a name is longer than {MAX_NAME} characters or broken Unicode")
    return result


def _depth_of(text: str) -> int:
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            escaped, in_string = char == "\\" and not escaped, char != '"' or escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def load_json(raw: bytes) -> Any:
    """Read a JSON body: UTF-8, at most 64 levels, numbers of at most 19 digits, no NaN, no repeated or endless names.

    Raises MalformedRequest (400) when it isn't JSON, InvalidInput (422) beyond the limits.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(reason="it is not UTF-8") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_of(text) > MAX_DEPTH:
        raise InvalidInput({"_body": [f"The body is nested deeper than {MAX_DEPTH} levels."]})
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_read_integer,
            parse_float=_read_decimal,
            object_pairs_hook=_refuse_repeats,
        )
    except json.JSONDecodeError as error:
        raise MalformedRequest(reason=f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValueError as error:
        raise InvalidInput({"_body": [f"{error}."]}) from error
