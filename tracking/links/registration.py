"""What links hang up: their routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracking.links import api, api_codes, api_partnerships


def register() -> None:
    """Register nothing: links have no jobs of their own."""


def blueprints() -> Iterable[Any]:
    """Return the routes of links, codes and the acceptance of partnerships."""
    return (api.blueprint, api_codes.blueprint, api_partnerships.blueprint)
