"""What attribution hangs up: nothing of its own; a new decision moves commissions, so that room does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: the sweep that decides again also settles commissions and lives there."""


def blueprints() -> Iterable[Any]:
    """Return no routes: decisions are read with their orders."""
    return ()
