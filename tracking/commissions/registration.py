"""What commissions hang up: the routes of orders and commissions, sweeps, the nudge after intake, promises and lags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.core import jobs
from tracking.commissions import (
    api,
    api_orders,
    api_stores,
    figures,
    intake,
    invariants,
    news,
    stores,
    sweeps,
)


def register() -> None:
    """Register job, sweeps, promises and lags. Safe to call twice."""
    jobs.job(intake.DECIDE_JOB)(sweeps.decide_order)
    jobs.sweep("decide_orders", every=2)(sweeps.decide_due)
    jobs.sweep("apply_waiting_refunds", every=10)(sweeps.apply_waiting_refunds)
    jobs.sweep("approve_commissions", every=10)(sweeps.approve_due)
    jobs.sweep("first_orders", every=15)(news.first_orders)
    jobs.sweep("orders_waiting", every=3600)(news.orders_waiting)
    invariants.register()
    figures.register()
    stores.register()


def blueprints() -> Iterable[Any]:
    """Return the routes of orders, of commissions, and of what a store sold."""
    return (api_orders.blueprint, api.blueprint, api_stores.blueprint)
