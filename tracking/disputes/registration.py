"""What disputes hang up: their routes, the job and sweep that go on with them, promises and the lag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.core import hooks, jobs
from tracking.disputes import api, clockwork, invariants, service, views, views_deciding


def register() -> None:
    """Register job, sweep, promises and lag. Safe to call twice."""
    jobs.job(service.GO_ON)(clockwork.go_on)
    jobs.sweep("disputes", every=10)(clockwork.go_on_due)
    invariants.register()
    hooks.lag("disputes_due", clockwork.disputes_due)


def blueprints() -> Iterable[Any]:
    """Return the routes of disputes."""
    return (api.blueprint, views.blueprint, views_deciding.blueprint)
