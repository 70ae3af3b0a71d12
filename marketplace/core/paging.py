"""Keyset paging: a list is read from where the last page ended, and the cursor says where that was."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from marketplace.core.errors import InvalidInput

T = TypeVar("T")


def encode_cursor(*parts: object) -> str:
    """Return an opaque cursor for keyset paging."""
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode().rstrip("=")


def decode_cursor(text: str, count: int) -> list[str]:
    """Return the `count` parts of a cursor. Raises InvalidInput when it isn't one of ours."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(part, str) for part in parts):
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    return parts


def page(
    rows: Sequence[T], limit: int, key: Callable[[T], Sequence[object]], dump: Callable[[T], Any]
) -> dict[str, Any]:
    """Return {items, next_cursor} of rows that were read with limit + 1."""
    shown = rows[:limit]
    more = len(rows) > limit and shown
    cursor = encode_cursor(*key(shown[-1])) if more else None
    return {"items": [dump(row) for row in shown], "next_cursor": cursor}


def id_after(cursor: str | None) -> UUID | None:
    """Return the id at which the last page of a list by id ended; None for the first page. Raises InvalidInput."""
    if not cursor:
        return None
    try:
        return UUID(decode_cursor(cursor, 1)[0])
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error


def number_after(cursor: str | None) -> int | None:
    """Return the whole number at which the last page ended; None for the first page. Raises InvalidInput."""
    if not cursor:
        return None
    text = decode_cursor(cursor, 1)[0]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    return int(text)
