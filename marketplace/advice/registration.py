"""What advice hangs up: its routes and its promises."""

from __future__ import annotations

from typing import Any

from marketplace.advice import invariants


def register() -> None:
    """Register the promises. Safe to call twice."""
    invariants.register()


def blueprints() -> list[Any]:
    """Return the routes of advice."""
    from marketplace.advice import api

    return [api.blueprint]
