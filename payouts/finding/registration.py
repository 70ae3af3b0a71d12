"""What finding hangs up: its page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: finding only reads."""


def blueprints() -> Iterable[Any]:
    """Return the page of finding."""
    from payouts.finding import views

    return (views.blueprint,)
