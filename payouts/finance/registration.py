"""What finance on screen hangs up: its pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: these pages show and start what other rooms do."""


def blueprints() -> Iterable[Any]:
    """Return the pages of finance."""
    from payouts.finance import views_freeze, views_ledger, views_reconciliation, views_runs, views_today

    return (
        views_today.blueprint,
        views_runs.blueprint,
        views_reconciliation.blueprint,
        views_ledger.blueprint,
        views_freeze.blueprint,
    )
