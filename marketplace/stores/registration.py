"""What stores hang up: their routes."""

from __future__ import annotations

from typing import Any


def register() -> None:
    """Register nothing: what is promised of stores is promised where orders are known."""


def blueprints() -> list[Any]:
    """Return the routes of stores."""
    from marketplace.stores import api

    return [api.blueprint]
