"""Feed sources over the API: name an address, follow how it is fetched, pause and resume it."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from marketplace.accounts import limits, shops
from marketplace.catalogue.feeds.models import FeedSource
from marketplace.catalogue.feeds.sources import schemas as shapes
from marketplace.catalogue.feeds.sources import service as sources
from marketplace.catalogue.feeds.sources.hours import zone_of
from marketplace.catalogue.feeds.sources.jobs import FETCH
from marketplace.core import jobs, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.db import after_commit, session, transaction
from marketplace.core.paging import id_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import ShopPage
from marketplace.core.web import ApiBlueprint, request_now

blueprint = ApiBlueprint(
    "feed-sources", __name__, url_prefix="/api/v1/feed-sources", description="Feeds that are fetched"
)


@blueprint.route("", methods=["POST"])
@policy("feed_sources", "manage")
@blueprint.arguments(shapes.NewSource)
@blueprint.response(201, shapes.SourceSchema)
def add(data: dict[str, Any]) -> Any:
    """Name the address of a feed; it is fetched at once and then as often as said."""
    actor = current_actor()
    shop_id = tenancy.meant_shop(actor, data["shop_id"])
    with transaction() as writing:
        source = sources.add(writing, actor, shop_id, data, request_now())
        _hint(writing, source)
        return _shown(writing, [source])[0], 201, {"Location": f"/api/v1/feed-sources/{source.id}"}


@blueprint.route("")
@policy("feed_sources", "read")
@blueprint.arguments(ShopPage, location="query")
@blueprint.response(200, shapes.SourceList)
def listed(query: dict[str, Any]) -> Any:
    """List the feed sources of your shops."""
    reading, limit = session(), query["limit"]
    rows = sources.listed(
        reading, current_actor(), shop_id=query["shop_id"], after=id_after(query["cursor"]), limit=limit
    )
    return page(_shown(reading, rows), limit, lambda row: (row["id"],), lambda row: row)


@blueprint.route("/<uuid:feed_source_id>")
@policy("feed_sources", "read")
@blueprint.response(200, shapes.SourceSchema)
def shown(feed_source_id: uuid.UUID) -> Any:
    """Show a feed source and its last fetch."""
    reading = session()
    return _shown(reading, [sources.get(reading, current_actor(), feed_source_id)])[0]


@blueprint.route("/<uuid:feed_source_id>", methods=["PATCH"])
@policy("feed_sources", "manage")
@blueprint.arguments(shapes.SourceChange)
@blueprint.response(200, shapes.SourceSchema)
def change(data: dict[str, Any], feed_source_id: uuid.UUID) -> Any:
    """Change the address, the rhythm, or whether the feed is the whole catalogue."""
    with transaction() as writing:
        source = sources.change(writing, current_actor(), feed_source_id, data, request_now())
        _hint(writing, source)
        return _shown(writing, [source])[0]


@blueprint.route("/<uuid:feed_source_id>/fetch", methods=["POST"])
@policy("feed_sources", "manage")
@blueprint.response(202, shapes.SourceSchema)
def fetch(feed_source_id: uuid.UUID) -> Any:
    """Fetch now; how it ended is the newest of its fetches."""
    actor = current_actor()
    limits.spend("feed.fetch", str(sources.get(session(), actor, feed_source_id).shop_id))
    with transaction() as writing:
        source = sources.fetch_now(writing, actor, feed_source_id, request_now())
        _hint(writing, source)
        return _shown(writing, [source])[0]


@blueprint.route("/<uuid:feed_source_id>/pause", methods=["POST"])
@policy("feed_sources", "manage")
@blueprint.response(200, shapes.SourceSchema)
def pause(feed_source_id: uuid.UUID) -> Any:
    """Fetch nothing more until it is resumed."""
    with transaction() as writing:
        return _shown(writing, [sources.pause(writing, current_actor(), feed_source_id, request_now())])[0]


@blueprint.route("/<uuid:feed_source_id>/resume", methods=["POST"])
@policy("feed_sources", "manage")
@blueprint.response(200, shapes.SourceSchema)
def resume(feed_source_id: uuid.UUID) -> Any:
    """Fetch again, at once where there is a rhythm."""
    with transaction() as writing:
        source = sources.resume(writing, current_actor(), feed_source_id, request_now())
        _hint(writing, source)
        return _shown(writing, [source])[0]


@blueprint.route("/<uuid:feed_source_id>/fetches")
@policy("feed_sources", "read")
@blueprint.arguments(shapes.FetchesQuery, location="query")
@blueprint.response(200, shapes.FetchList)
def fetches(query: dict[str, Any], feed_source_id: uuid.UUID) -> Any:
    """List how the fetches of a source ended, newest first."""
    reading, limit = session(), query["limit"]
    source = sources.get(reading, current_actor(), feed_source_id)
    rows = sources.fetches(reading, source, before=id_after(query["cursor"]), limit=limit)
    return page(rows, limit, lambda fetch: (fetch.id,), lambda fetch: fetch)


def _hint(writing: Session, source: FeedSource) -> None:
    if source.next_at is not None and source.next_at <= request_now():
        after_commit(writing, partial(jobs.enqueue, FETCH, str(source.id)))


def _shown(reading: Session, rows: list[FeedSource]) -> list[dict[str, Any]]:
    """Return sources as the API shows them, each with its last fetch."""
    last = sources.last_fetch(reading, [row.id for row in rows]) if rows else {}
    countries = {shop_id: shops.get(reading, shop_id).country for shop_id in {row.shop_id for row in rows}}
    return [
        {column.key: getattr(row, column.key) for column in FeedSource.__mapper__.columns}
        | {"last_fetch": last.get(row.id), "time_zone": str(zone_of(countries[row.shop_id]))}
        for row in rows
    ]
