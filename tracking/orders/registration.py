"""What orders hang up: nothing of their own; the rooms above, which answer orders, do it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: sweeps, promises and lags of orders end in commissions, so they live there."""


def blueprints() -> Iterable[Any]:
    """Return no routes: an answer about an order holds attribution and commissions, so it is given there."""
    return ()
