"""Feeds over the API: send one, follow it, read its report."""

from __future__ import annotations

import re
import tempfile
import uuid
from functools import partial
from typing import Any

import flask

from marketplace.catalogue.feeds import service as feeds
from marketplace.catalogue.feeds.jobs import READ
from marketplace.catalogue.feeds.schemas import FeedPage, FeedSchema, ReportQuery, RowPage, UploadQuery
from marketplace.core import bodies, jobs, tenancy
from marketplace.core.auth import current_actor
from marketplace.core.db import after_commit, session, transaction
from marketplace.core.errors import UnsupportedMedia
from marketplace.core.paging import id_after, number_after, page
from marketplace.core.policy import policy
from marketplace.core.schemas import ShopPage
from marketplace.core.web import ApiBlueprint, body_limit, request_now, takes_bytes

blueprint = ApiBlueprint("feeds", __name__, url_prefix="/api/v1/feeds", description="Product feeds")
_BODY = {
    "required": True,
    "description": "The feed itself, Google Merchant RSS 2.0, Atom, TSV or CSV, up to 100 MB; the content decides.",
    "content": {
        kind: {"schema": {"type": "string"}} for kind in ("text/xml", "text/tab-separated-values", "text/csv")
    },
}


@blueprint.route("", methods=["POST"])
@policy("feeds", "upload")
@body_limit(feeds.MOST_BYTES)
@takes_bytes
@blueprint.doc(requestBody=_BODY)
@blueprint.arguments(UploadQuery, location="query")
@blueprint.response(202, FeedSchema)
def upload(query: dict[str, Any]) -> Any:
    """Take a feed and line it up; follow it under its id."""
    actor = current_actor()
    shop_id = tenancy.require_shop(actor, "feeds.upload", tenancy.meant_shop(actor, query["shop_id"]))
    _refuse_wrappings(flask.request)
    with tempfile.TemporaryFile() as file:
        with bodies.streamed(flask.request) as body:
            received = feeds.receive(body, file)
        with transaction() as writing:
            job = feeds.queue(
                writing,
                actor,
                shop_id,
                received,
                is_complete=query["complete"],
                now=request_now(),
                charset=_charset(flask.request),
            )
            after_commit(writing, partial(jobs.enqueue, READ, str(job.id)))
    return job, 202, {"Location": f"/api/v1/feeds/{job.id}"}


def _charset(request: flask.Request) -> str | None:
    """Return the encoding that the sender names; what isn't the name of one is as good as none."""
    named = request.mimetype_params.get("charset", "")
    return named if re.fullmatch(r"[A-Za-z0-9._:-]{1,40}", named) else None


def _refuse_wrappings(request: flask.Request) -> None:
    """Raise UnsupportedMedia for a form or a packed body: the feed itself is the body."""
    packed = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise UnsupportedMedia(wanted="the feed unpacked", got=f"Content-Encoding: {packed[:40]}")
    if request.mimetype == "multipart/form-data":
        raise UnsupportedMedia(wanted="the feed itself as the body", got=request.mimetype)


@blueprint.route("")
@policy("feeds", "read")
@blueprint.arguments(ShopPage, location="query")
@blueprint.response(200, FeedPage)
def listed(query: dict[str, Any]) -> Any:
    """List the feeds of the actor's shops, newest first."""
    limit = query["limit"]
    rows = feeds.listed(
        session(), current_actor(), shop_id=query["shop_id"], before=id_after(query["cursor"]), limit=limit
    )
    return page(rows, limit, lambda job: (job.id,), lambda job: job)


@blueprint.route("/<uuid:feed_id>")
@policy("feeds", "read")
@blueprint.response(200, FeedSchema)
def shown(feed_id: uuid.UUID) -> Any:
    """Show a feed and how far it is."""
    return feeds.get(session(), current_actor(), feed_id)


@blueprint.route("/<uuid:feed_id>/rows")
@policy("feeds", "read")
@blueprint.arguments(ReportQuery, location="query")
@blueprint.response(200, RowPage)
def report(query: dict[str, Any], feed_id: uuid.UUID) -> Any:
    """List what became of each row of a feed, in the order of the feed."""
    reading, limit = session(), query["limit"]
    job = feeds.get(reading, current_actor(), feed_id)
    outcomes = [query["outcome"]] if query["outcome"] else []
    after = number_after(query["cursor"]) or 0
    rows = feeds.report(reading, job, outcomes=outcomes, after=after, limit=limit)
    return page(rows, limit, lambda row: (row.row_number,), lambda row: row)
