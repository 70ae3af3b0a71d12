"""What the catalogue hangs on the rest of the application."""

from __future__ import annotations

from typing import Any

from marketplace.catalogue import checks, jobs, source_jobs, taxonomy_store
from marketplace.core import hooks


def register() -> None:
    """Register jobs, sweeps, lags and invariants; safe to call twice."""
    jobs.register()
    source_jobs.register()
    taxonomy_store.register()
    hooks.lag("feeds", jobs.lag)
    hooks.lag("feed_sources", source_jobs.lag)
    hooks.lag("product_pages", source_jobs.pages_lag)
    hooks.invariant("feed_counts_equal_rows", "feeds", checks.feed_counts)


def blueprints() -> list[Any]:
    """Return the routes of the catalogue."""
    from marketplace.catalogue import (
        api_feeds,
        api_pages,
        api_products,
        api_search,
        api_sources,
        views_search,
    )

    rooms = (api_feeds, api_sources, api_pages, api_search, api_products, views_search)
    return [room.blueprint for room in rooms]
