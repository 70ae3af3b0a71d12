"""The content of a report as flat fields, so that a repeat can be told from a change, field by field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from marketplace.core.money import Money

PRIVATE = ("customer.ref", "customer.email_sha256", "click_tokens")


def flatten(data: Mapping[str, Any], conceal: Callable[[str], str]) -> dict[str, Any]:
    """Return each leaf of a loaded report under its path, such as `lines.0.net`; absent and null are the same.

    conceal: gives the digest that is kept of a private field.
    """
    flat: dict[str, Any] = {}
    _walk("", data, flat)
    return {
        path: conceal(str(value)) if path.startswith(PRIVATE) and isinstance(value, str) else value
        for path, value in flat.items()
    }


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return the paths whose values differ, in order."""
    absent = object()
    return sorted(
        path for path in first.keys() | second.keys() if first.get(path, absent) != second.get(path, absent)
    )


def _walk(path: str, value: Any, flat: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _walk(f"{path}.{key}" if path else str(key), item, flat)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _walk(f"{path}.{index}", item, flat)
    elif isinstance(value, Money):
        flat[path] = f"{value} {value.currency}"
    elif isinstance(value, dt.datetime):
        flat[path] = value.astimezone(dt.UTC).isoformat()
    elif value is not None:
        flat[path] = value
