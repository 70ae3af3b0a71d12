"""What orders hang up: how a purchase is found for a review; the rooms above, which answer orders, do the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracking.orders import purchases


def register() -> None:
    """Let reviews be proved. Sweeps, promises and lags of orders end in commissions, so they live there."""
    purchases.register()


def blueprints() -> Iterable[Any]:
    """Return no routes: an answer about an order holds attribution and commissions, so it is given there."""
    return ()
