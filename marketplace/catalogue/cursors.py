"""Cursors of lists that are ordered by one id or one number."""

from __future__ import annotations

import uuid

from marketplace.core.errors import InvalidInput
from marketplace.core.schemas import decode_cursor


def id_after(cursor: str | None) -> uuid.UUID | None:
    """Return the id that a cursor points at, or None. Raises InvalidInput for a cursor of another list."""
    if cursor is None:
        return None
    try:
        return uuid.UUID(decode_cursor(cursor, 1)[0])
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error


def number_after(cursor: str | None) -> int | None:
    """Return the whole number that a cursor points at, or None. Raises InvalidInput as `id_after` does."""
    if cursor is None:
        return None
    text = decode_cursor(cursor, 1)[0]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    return int(text)
