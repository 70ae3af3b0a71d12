"""What receipts hang up: their pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: a receipt only reads what other rooms keep."""


def blueprints() -> Iterable[Any]:
    """Return the pages of receipts."""
    from payouts.receipts import views

    return (views.blueprint,)
