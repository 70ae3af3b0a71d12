"""What links and codes look like in the API."""

from __future__ import annotations

import re

import marshmallow as ma
from marshmallow import validate

from marketplace.core.schemas import Instant, Integer, Page, Schema, Text, Uuid


class NewLink(Schema):
    """A product address, as copied from the shop's site."""

    url = Text(required=True, minimum=1, maximum=2000)
    offer_id = Uuid(load_default=None, allow_none=True)
    placement = Text(
        maximum=32,
        load_default=None,
        allow_none=True,
        validate=[validate.Regexp(re.compile(r"[0-9A-Za-z_-]{1,32}\Z", re.ASCII))],
    )


class ClickCounts(Schema):
    """Clicks so far: all, first ones per visitor and day, those that count, and the others by reason."""

    raw = Integer(required=True)
    unique = Integer(required=True)
    billable = Integer(required=True)
    unqualified = ma.fields.Dict(keys=Text(), values=Integer(), required=True)


class Link(Schema):
    """A tracked link; `standing` is what clicks meet now: live, paused, banned, left or disabled."""

    id = Uuid(required=True)
    kind = Text(required=True)
    code = Text(required=True)
    url = Text(required=True)
    target_url = Text(required=True)
    shop_id = Uuid(required=True)
    offer_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    product_id = Uuid(required=True, allow_none=True)
    placement = Text(required=True, allow_none=True)
    standing = Text(required=True)
    created_at = Instant(required=True)
    disabled_at = Instant(required=True, allow_none=True)
    clicks = ma.fields.Nested(ClickCounts, required=True)


class LinkPage(Schema):
    """A page of links."""

    items = ma.fields.List(ma.fields.Nested(Link), required=True)
    next_cursor = Text(required=True, allow_none=True)


class OfOffer(Page):
    """A page of a list, of one offer where named."""

    offer_id = Uuid(load_default=None, allow_none=True)


class NewCode(Schema):
    """A code for an adviser and an offer."""

    code = Text(required=True, minimum=1, maximum=64)
    adviser_id = Uuid(required=True)
    offer_id = Uuid(required=True)
    shop_id = Uuid(load_default=None, allow_none=True)


class Code(Schema):
    """A discount code; in force from created_at until revoked_at."""

    id = Uuid(required=True)
    code = Text(required=True)
    shop_id = Uuid(required=True)
    offer_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    created_at = Instant(required=True)
    revoked_at = Instant(required=True, allow_none=True)


class CodePage(Schema):
    """A page of codes."""

    items = ma.fields.List(ma.fields.Nested(Code), required=True)
    next_cursor = Text(required=True, allow_none=True)


class Accepted(Schema):
    """A partnership that has begun, with the link that stands for the whole offer."""

    id = Uuid(required=True)
    offer_id = Uuid(required=True)
    shop_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    state = Text(required=True)
    accepted_at = Instant(required=True, allow_none=True)
    link = ma.fields.Dict(required=True)
