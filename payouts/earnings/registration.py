"""What earnings hang up: their pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: these pages only read what other rooms wrote."""


def blueprints() -> Iterable[Any]:
    """Return the pages of earnings."""
    from payouts.earnings import views_earnings, views_overview, views_uncredited

    return (views_overview.blueprint, views_earnings.blueprint, views_uncredited.blueprint)
