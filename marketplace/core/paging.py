"""Keyset paging: a list is read from where the last page ended, and the cursor says where that was."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from marketplace.core.errors import InvalidInput

T = TypeVar("T")
Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])
# Where a list by time ended: the instant of the last row that was shown, and its id.
Place = tuple[dt.datetime, UUID]


def encode_cursor(*parts: object) -> str:
    """Return an opaque cursor for keyset paging."""
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode().rstrip("=")


def decode_cursor(text: str, count: int) -> list[str]:
    """Return the `count` parts of a cursor. Raises InvalidInput when it isn't one of ours."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error
    if not isinstance(parts, list) or len(parts) != count or not all(map(_is_text, parts)):
        raise InvalidInput({"cursor": ["Not a cursor of this list."]})
    return parts


def _is_text(part: object) -> bool:
    """Tell whether a part of a cursor is text that the database can compare with."""
    return isinstance(part, str) and not any(char == "\0" or 0xD800 <= ord(char) <= 0xDFFF for char in part)


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


def place_after(cursor: str | None) -> Place | None:
    """Return the place at which the last page of a list by time ended; None for the first page. Raises InvalidInput."""
    if cursor is None:
        return None
    instant, identity = decode_cursor(cursor, 2)
    try:
        return dt.datetime.fromisoformat(instant), UUID(identity)
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error


def newest_first(query: Query, instant: Any, identity: Any, after: Place | None, limit: int) -> Query:
    """Return a query for up to limit + 1 rows by an instant and an id, newest first, older than `after`."""
    if after is not None:
        query = query.where(sa.tuple_(instant, identity) < sa.tuple_(*after))
    return query.order_by(instant.desc(), identity.desc()).limit(limit + 1)


def narrowed(query: Query, exact: Mapping[Any, object]) -> Query:
    """Return a query for the rows of which each column has its value; None means any."""
    return query.where(*(column == value for column, value in exact.items() if value is not None))
