"""What pictures look like in the API."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.core.schemas import Instant, Page, Schema, Text, Uuid

MOST_ALT = 300
SENT = ("page", "portrait")


class UploadQuery(Schema):
    """What a picture is for, and what it shows in words; a form says both beside the file."""

    kind = Text(load_default=None, allow_none=True, validate=[validate.OneOf(SENT)])
    alt = Text(load_default=None, allow_none=True, maximum=MOST_ALT)


class PicturesQuery(Page):
    """Which pictures to list."""

    kind = Text(load_default=None, allow_none=True, validate=[validate.OneOf(SENT)])


class UrlsView(Schema):
    """Where a picture is, by width."""

    url_160 = Text(required=True, data_key="160")
    url_480 = Text(required=True, data_key="480")
    url_960 = Text(required=True, data_key="960")


class PictureView(Schema):
    """A picture that an adviser sent; its size is that of the file that came."""

    id = Uuid(required=True)
    kind = Text(required=True)
    alt = Text(required=True, allow_none=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    urls = fields.Nested(UrlsView, required=True)
    created_at = Instant(required=True)
    removed_at = Instant(required=True, allow_none=True)


class PicturePage(Schema):
    """A page of pictures, newest first."""

    items = fields.List(fields.Nested(PictureView), required=True)
    next_cursor = Text(required=True, allow_none=True)
