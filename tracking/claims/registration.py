"""What claims hang up: their routes, the sweep that goes on with them, promises and the lag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.core import hooks, jobs
from tracking.claims import api, clockwork, invariants, record, views, views_closing


def register() -> None:
    """Register sweep, promises, figures and lag. Safe to call twice."""
    jobs.sweep("claims", every=30)(clockwork.go_on_due)
    invariants.register()
    record.register()
    hooks.lag("claims_due", clockwork.claims_due)


def blueprints() -> Iterable[Any]:
    """Return the routes of claims."""
    return (api.blueprint, views.blueprint, views_closing.blueprint)
