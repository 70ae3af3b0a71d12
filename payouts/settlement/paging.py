"""Cursors of lists that are ordered by id, newest first."""

from __future__ import annotations

from uuid import UUID

from marketplace.core.errors import InvalidInput
from marketplace.core.schemas import decode_cursor


def before_id(cursor: str) -> UUID:
    """Return the id before which a page goes on. Raises InvalidInput for what is not a cursor of such a list."""
    (last,) = decode_cursor(cursor, 1)
    try:
        return UUID(last)
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error
