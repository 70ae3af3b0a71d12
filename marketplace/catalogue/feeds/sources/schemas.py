"""What the API takes and gives of feed sources and their fetches."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from marketplace.catalogue.feeds.sources.service import EVERY
from marketplace.core.schemas import Boolean, Instant, Integer, Page, Schema, Text, Uuid

_URL = {"description": "an https address of a public host, from which the feed itself is given"}
_HOUR = {"description": "for daily and weekly: the hour of the day in the shop's time zone"}


class NewSource(Schema):
    """An address to fetch a feed from, and how often."""

    shop_id = Uuid(load_default=None)
    url = Text(required=True, minimum=8, maximum=2000, metadata=_URL)
    every = Text(load_default="daily", validate=[validate.OneOf(EVERY)])
    hour = Integer(minimum=0, maximum=23, load_default=4, metadata=_HOUR)
    complete = Boolean(load_default=True)


class SourceChange(Schema):
    """What of a source is changed; what is left out stays."""

    url = Text(minimum=8, maximum=2000, metadata=_URL)
    every = Text(validate=[validate.OneOf(EVERY)])
    hour = Integer(minimum=0, maximum=23, metadata=_HOUR)
    complete = Boolean()


class FetchesQuery(Page):
    """Which fetches to list."""


class FetchSchema(Schema):
    """How one fetch ended; `feed_id` is set where it brought something new."""

    id = fields.UUID()
    began_at = Instant()
    finished_at = Instant()
    outcome = fields.String(metadata={"enum": ["queued", "unchanged", "failed"]})
    unchanged = fields.Function(lambda fetch: fetch.outcome == "unchanged", metadata={"type": "boolean"})
    status = fields.Integer(allow_none=True)
    bytes = fields.Integer(attribute="size", allow_none=True)
    feed_id = fields.UUID(allow_none=True)
    failure = fields.Method("failure_of", allow_none=True)

    def failure_of(self, fetch: object) -> dict[str, str] | None:
        """Return why nothing came of it, or None."""
        if getattr(fetch, "failure_code", None) is None:
            return None
        return {name: getattr(fetch, f"failure_{name}") for name in ("code", "reason", "fix")}


class SourceSchema(Schema):
    """A source, when it is fetched next, and how it went last."""

    id = fields.UUID()
    shop_id = fields.UUID()
    url = fields.String()
    every = fields.String(metadata={"enum": list(EVERY)})
    hour = fields.Integer()
    time_zone = fields.String()
    complete = fields.Boolean(attribute="is_complete")
    state = fields.String(metadata={"enum": ["active", "paused"]})
    paused = fields.Method("paused_of", allow_none=True)
    next_at = Instant(allow_none=True)
    failures = fields.Integer(metadata={"description": "failed fetches in a row"})
    etag = fields.String(allow_none=True)
    last_modified = fields.String(allow_none=True)
    sha256 = fields.Function(lambda row: row["sha256"].hex() if row["sha256"] else None)
    last_fetch = fields.Nested(FetchSchema, allow_none=True)
    created_at = Instant()

    def paused_of(self, row: dict[str, Any]) -> dict[str, str] | None:
        """Return why it is paused, or None."""
        if row["paused_code"] is None:
            return None
        return {"code": row["paused_code"], "reason": row["paused_reason"]}


class SourceList(Schema):
    """A page of sources."""

    items = fields.List(fields.Nested(SourceSchema))
    next_cursor = fields.String(allow_none=True)


class FetchList(Schema):
    """A page of fetches, newest first."""

    items = fields.List(fields.Nested(FetchSchema))
    next_cursor = fields.String(allow_none=True)
