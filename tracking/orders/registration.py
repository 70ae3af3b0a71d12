"""What orders hang up: how a purchase is found for a review; the rooms above, which answer orders, do the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.core import jobs
from tracking.orders import purchases, reports


def register() -> None:
    """Let reviews be proved and old lines go. Other sweeps, promises and lags of orders live with commissions."""
    purchases.register()
    jobs.sweep("trim_reports", every=600)(reports.trim)


def blueprints() -> Iterable[Any]:
    """Return no routes: an answer about an order holds attribution and commissions, so it is given there."""
    return ()
