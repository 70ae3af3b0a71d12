"""What the API of feeds takes and gives."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from marketplace.core.schemas import Instant, Page, QueryBoolean, Schema, Text, Uuid


class UploadQuery(Schema):
    """Which shop the feed is of, and whether it is the whole catalogue."""

    shop_id = Uuid(load_default=None)
    complete = QueryBoolean(
        load_default=True,
        metadata={"description": "the feed is the whole catalogue: products that it lacks are retired"},
    )


class ReportQuery(Page):
    """Which rows of a report to list."""

    outcome = Text(load_default=None, validate=[validate.OneOf(["added", "changed", "unchanged", "refused"])])


class FailureSchema(Schema):
    """Why a feed could not be read at all."""

    code = fields.String()
    reason = fields.String()
    fix = fields.String()
    line = fields.Integer(allow_none=True, metadata={"description": "where the text broke off, from 1"})
    column = fields.Integer(allow_none=True)


class FeedNoteSchema(Schema):
    """A remark about a feed as a whole."""

    code = fields.String()
    reason = fields.String()
    fix = fields.String()


class ReadAsSchema(Schema):
    """How a feed was read."""

    format = fields.String(metadata={"enum": ["rss", "atom", "csv", "tsv", ""]})
    encoding = fields.String()
    delimiter = fields.String(allow_none=True)
    ignored = fields.List(
        fields.String(), metadata={"description": "columns or elements that mean nothing here"}
    )
    notes = fields.List(fields.Nested(FeedNoteSchema))


class FeedSchema(Schema):
    """A feed and how far it is; the counts can be read while it runs and hold once it is done."""

    id = fields.UUID()
    shop_id = fields.UUID()
    state = fields.String(metadata={"enum": ["queued", "running", "done", "failed"]})
    complete = fields.Boolean(attribute="is_complete")
    bytes = fields.Integer(attribute="size")
    bytes_read = fields.Integer()
    rows_read = fields.Integer()
    rows_total = fields.Integer(allow_none=True)
    added = fields.Integer()
    changed = fields.Integer()
    unchanged = fields.Integer()
    refused = fields.Integer()
    retired = fields.Integer()
    read_as = fields.Nested(ReadAsSchema, allow_none=True)
    failure = fields.Method("failure_of", allow_none=True)
    queued_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)

    def failure_of(self, job: object) -> dict[str, Any] | None:
        """Return why the feed failed, or None."""
        if getattr(job, "failure_code", None) is None:
            return None
        return {name: getattr(job, f"failure_{name}") for name in ("code", "reason", "fix", "line", "column")}


class NoteSchema(Schema):
    """A remark about a field of a row; `refuses` says that the row was not kept because of it."""

    field = fields.String()
    code = fields.String()
    reason = fields.String()
    fix = fields.String()
    refuses = fields.Boolean()


class RowSchema(Schema):
    """What became of a row, or would have when its feed failed; field, code, reason and fix are of its first note."""

    row = fields.Integer(attribute="row_number")
    sku = fields.String(allow_none=True)
    outcome = fields.String()
    field = fields.Function(lambda row: _first(row.notes, "field"))
    code = fields.Function(lambda row: _first(row.notes, "code"))
    reason = fields.Function(lambda row: _first(row.notes, "reason"))
    fix = fields.Function(lambda row: _first(row.notes, "fix"))
    notes = fields.List(fields.Nested(NoteSchema))


def _first(notes: list[dict[str, str]], name: str) -> str | None:
    return notes[0][name] if notes else None


class FeedPage(Schema):
    """A page of feeds, newest first."""

    items = fields.List(fields.Nested(FeedSchema))
    next_cursor = fields.String(allow_none=True)


class RowPage(Schema):
    """A page of a report, in the order of the feed."""

    items = fields.List(fields.Nested(RowSchema))
    next_cursor = fields.String(allow_none=True)
