"""What the catalogue hangs on the rest of the application."""

from __future__ import annotations

from typing import Any

from marketplace.catalogue.feeds import checks
from marketplace.catalogue.feeds import jobs as feed_jobs
from marketplace.catalogue.feeds.sources import jobs as source_jobs
from marketplace.catalogue.given import jobs as page_jobs
from marketplace.catalogue.search.models import ProductWord as ProductWord
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.catalogue.taxonomy import store as taxonomy_store
from marketplace.core import formats, hooks


def register() -> None:
    """Register jobs, sweeps, lags, invariants and the names of categories; safe to call twice."""
    feed_jobs.register()
    source_jobs.register()
    page_jobs.register()
    taxonomy_store.register()
    formats.tell_categories_with(taxonomy.told)
    hooks.lag("feeds", feed_jobs.lag)
    hooks.lag("feed_sources", source_jobs.lag)
    hooks.lag("product_pages", page_jobs.lag)
    hooks.invariant("feed_counts_equal_rows", "feeds", checks.feed_counts)


def blueprints() -> list[Any]:
    """Return the routes of the catalogue."""
    from marketplace.catalogue import api_products
    from marketplace.catalogue.feeds import api as api_feeds
    from marketplace.catalogue.feeds.sources import api as api_sources
    from marketplace.catalogue.given import api as api_pages
    from marketplace.catalogue.search import api as api_search

    rooms = (api_feeds, api_sources, api_pages, api_search, api_products)
    return [room.blueprint for room in rooms]
