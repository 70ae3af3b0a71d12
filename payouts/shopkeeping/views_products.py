"""/shop/products: what is in the catalogue, where it comes from, and what became of each row of a feed."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import limits
from marketplace.catalogue.feeds import service as feeds
from marketplace.catalogue.feeds.jobs import READ
from marketplace.catalogue.feeds.models import FeedSource
from marketplace.catalogue.feeds.sources import service as sources
from marketplace.catalogue.feeds.sources.jobs import FETCH
from marketplace.catalogue.feeds.sources.schemas import NewSource
from marketplace.core import db, jobs, pages, tenancy
from marketplace.core.actor import Actor
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, id_after, number_after
from marketplace.core.policy import policy
from marketplace.core.web import body_limit, request_now
from marketplace.core.wording import _
from payouts.shopkeeping import schemas, shelf, surroundings
from payouts.shopkeeping.views_start import rendered

blueprint = flask.Blueprint("shop_products", __name__)
FROM_START = "/shop/start/products"
MOST_IN_A_FILE = 50_000
LATEST_FEEDS = 8
COLUMNS: tuple[pages.Column, ...] = (
    ("row", lambda row: row.row_number),
    ("sku", lambda row: row.sku),
    ("outcome", lambda row: row.outcome),
    ("field", lambda row: row.notes[0]["field"] if row.notes else None),
    ("reason", lambda row: row.notes[0]["reason"] if row.notes else None),
    ("fix", lambda row: row.notes[0]["fix"] if row.notes else None),
)


@blueprint.get("/shop/products")
@policy("shop_pages", "read")
def index() -> Response:
    """List the products of a shop, its feeds and where they are fetched."""
    return _list(current_actor(), Form(NewSource, {"every": "daily", "complete": "true"}))


@blueprint.get("/shop/start/products")
@policy("shop_pages", "read")
def start() -> Response:
    """Ask for the shop's products, by address or file, and follow how they are read."""
    return _start(current_actor(), Form(NewSource, {"every": "daily"}))


@blueprint.post("/shop/products/sources")
@policy("feed_sources", "manage")
def add_source() -> Response:
    """Name the address of a feed; it is fetched at once."""
    actor, form = current_actor(), Form(NewSource)

    def act(data: dict[str, Any]) -> UUID:
        shop_id = data["shop_id"] or pages.current_shop(actor)
        with db.transaction(point="shop_pages.add_source") as session:
            source = sources.add(session, actor, shop_id, data, request_now())
            if source.next_at is None:
                # Whoever fetches only when they ask has just asked.
                source = sources.fetch_now(session, actor, source.id, request_now())
            _hint(session, source)
            return source.id

    if form.send(act) is None:
        return _again(actor, form)
    pages.said(_("The feed is being fetched."))
    return pages.go(_back())


@blueprint.post("/shop/products/upload")
@policy("feeds", "upload")
@body_limit(feeds.MOST_BYTES)
def upload() -> Response:
    """Take a feed as a file and line it up."""
    actor, form = current_actor(), Form(schemas.Upload)

    def act(data: dict[str, Any]) -> UUID:
        wanted = data["shop_id"] or pages.current_shop(actor)
        shop_id = tenancy.require_shop(actor, "shopkeeping.upload", wanted)
        given = flask.request.files.get("feed")
        if given is None or not given.filename:
            raise InvalidInput({"feed": ["Choose a file."]})
        with tempfile.TemporaryFile() as file:
            received = feeds.receive(given.stream, file)
            with db.transaction(point="shop_pages.upload_feed") as session:
                job = feeds.queue(
                    session, actor, shop_id, received, is_complete=data["complete"], now=request_now()
                )
                db.after_commit(session, partial(jobs.enqueue, READ, str(job.id)))
        return job.id

    if form.send(act) is None:
        return _again(actor, form)
    return pages.go(_back())


@blueprint.post("/shop/products/sources/<uuid:feed_source_id>")
@policy("feed_sources", "manage")
def change_source(feed_source_id: UUID) -> Response:
    """Fetch a source now, pause it or resume it."""
    actor, form, now = current_actor(), Form(schemas.SourceAct), request_now()

    def act(data: dict[str, Any]) -> str:
        wanted: str = data["do"]
        if wanted == "fetch":
            with db.session() as session:
                shop_id = sources.get(session, actor, feed_source_id).shop_id
            limits.spend("feed.fetch", str(shop_id))
        done = {"fetch": sources.fetch_now, "pause": sources.pause, "resume": sources.resume}[wanted]
        with db.transaction(point="shop_pages.change_source") as session:
            _hint(session, done(session, actor, feed_source_id, now))
        return wanted

    made = form.send(act)
    if made is None:
        return _again(actor, form)
    told = {
        "fetch": _("The feed is being fetched."),
        "pause": _("Paused: nothing is fetched until you resume it."),
        "resume": _("Resumed: the feed is fetched again."),
    }
    pages.said(told[made])
    return pages.go(_back())


@blueprint.get("/shop/feeds/<uuid:feed_id>")
@policy("shop_pages", "read")
def feed(feed_id: UUID) -> Response:
    """Show what became of a feed, row by row with reason and fix, or give that as a file."""
    actor, query = current_actor(), Query(schemas.FeedFilter)
    outcome, limit = query.data["outcome"], query.data["limit"]
    with db.session() as session:
        job = feeds.get(session, actor, feed_id)
        # The platform sees every feed over the API; these pages are of a shop's own people.
        tenancy.require_shop(actor, "shopkeeping.feed", job.shop_id)
        here = surroundings.of(session, actor, job.shop_id)
        outcomes = [] if outcome == "all" else [outcome]
        if query.data["format"] == "csv":
            every = feeds.report(session, job, outcomes=outcomes, limit=MOST_IN_A_FILE)
            return pages.csv(every[:MOST_IN_A_FILE], COLUMNS, "feed-report")
        after = number_after(query.data["cursor"]) or 0
        rows = feeds.report(session, job, outcomes=outcomes, after=after, limit=limit)
        groups = shelf.reasons(session, job.id) if job.refused else []
    shown = rows[:limit]
    more = len(rows) > limit
    return pages.render(
        "shop/feed.html",
        job=job,
        rows=shown,
        groups=groups,
        query=query,
        next_cursor=encode_cursor(shown[-1].row_number) if more else None,
        **here.context(),
    )


def _back() -> str:
    return pages.own_address(flask.request.form.get("next"), "/shop/products")


def _hint(session: Any, source: FeedSource) -> None:
    if source.next_at is not None and source.next_at <= request_now():
        db.after_commit(session, partial(jobs.enqueue, FETCH, str(source.id)))


def _again(actor: Actor, form: Form) -> Response:
    return _start(actor, form) if _back() == FROM_START else _list(actor, form)


def _start(actor: Actor, form: Form) -> Response:
    with db.session() as session:
        here = surroundings.of(session, actor)
        jobs_there = feeds.listed(session, actor, shop_id=here.shop.id, limit=1)
        fetched = shelf.sources_of(session, actor, here.shop.id)
        count = shelf.count(session, here.shop.id)
        rows = feeds.report(session, jobs_there[0], outcomes=["refused"], limit=5) if jobs_there else []
        sample = shelf.page(session, actor, here.shop.id, None, None, 3)
    return rendered(
        actor,
        "products",
        here,
        form=form,
        job=jobs_there[0] if jobs_there else None,
        refused_rows=rows[:5],
        sources=fetched,
        count=count,
        sample=sample[:3],
        polled="polled" in flask.request.args,
    )


def _list(actor: Actor, form: Form) -> Response:
    query = Query(schemas.ProductsFilter)
    limit = query.data["limit"]
    with db.session() as session:
        here = surroundings.of(session, actor)
        found = shelf.page(
            session, actor, here.shop.id, query.data["q"], id_after(query.data["cursor"]), limit
        )
        jobs_there = feeds.listed(session, actor, shop_id=here.shop.id, limit=LATEST_FEEDS)
        fetched = shelf.sources_of(session, actor, here.shop.id)
        count = shelf.count(session, here.shop.id)
    shown = found[:limit]
    return pages.render(
        "shop/products.html",
        form.status,
        rows=shown,
        jobs=jobs_there[:LATEST_FEEDS],
        sources=fetched,
        count=count,
        query=query,
        form=form,
        next_cursor=encode_cursor(shown[-1].id) if len(found) > limit else None,
        **here.context(),
    )
