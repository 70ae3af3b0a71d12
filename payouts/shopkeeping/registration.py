"""What shopkeeping hangs up: its pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def register() -> None:
    """Register nothing: these pages read what other rooms wrote and act through their services."""


def blueprints() -> Iterable[Any]:
    """Return the pages of a shop."""
    from payouts.shopkeeping import (
        views_advisers,
        views_budget,
        views_claims,
        views_counter,
        views_install,
        views_members,
        views_mentions,
        views_offers,
        views_orders,
        views_overview,
        views_products,
        views_start,
        views_start_sale,
        views_stores,
    )

    return (
        views_overview.blueprint,
        views_start.blueprint,
        views_start_sale.blueprint,
        views_orders.blueprint,
        views_claims.blueprint,
        views_offers.blueprint,
        views_advisers.blueprint,
        views_budget.blueprint,
        views_products.blueprint,
        views_install.blueprint,
        views_members.blueprint,
        views_stores.blueprint,
        views_counter.blueprint,
        views_mentions.blueprint,
    )
