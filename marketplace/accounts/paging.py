"""Pages of lists that are ordered by id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from marketplace.core import schemas
from marketplace.core.errors import InvalidInput

T = TypeVar("T")


def after(query: Mapping[str, Any]) -> UUID | None:
    """Return the id that a page starts after, or None for the first page. Raises InvalidInput."""
    if not query["cursor"]:
        return None
    try:
        return UUID(schemas.decode_cursor(query["cursor"], 1)[0])
    except ValueError as error:
        raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error


def page(
    rows: Sequence[T], query: Mapping[str, Any], id_of: Callable[[T], UUID], dump: Callable[[T], Any]
) -> dict[str, Any]:
    """Return {items, next_cursor} of rows that were read with one more than the limit."""
    return schemas.page(rows, query["limit"], lambda row: (id_of(row),), dump)
