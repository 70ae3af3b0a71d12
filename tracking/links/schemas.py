"""What links and codes look like in the API."""

from __future__ import annotations

import re

import marshmallow as ma
from marshmallow import validate

from marketplace.core.schemas import Instant, Integer, Page, Schema, Text, Uuid
from tracking.links import spoken


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
    """A code for an adviser and an offer; without `code` a spoken one is drawn: six characters, the last a check."""

    code = Text(load_default=None, allow_none=True, minimum=1, maximum=64)
    adviser_id = Uuid(required=True)
    offer_id = Uuid(required=True)
    shop_id = Uuid(load_default=None, allow_none=True)


class Code(Schema):
    """A discount code; in force from created_at until revoked_at. `spoken` is how a spoken one is read out."""

    id = Uuid(required=True)
    code = Text(required=True)
    spoken = ma.fields.Function(lambda code: spoken.shown(code.code), metadata={"type": ["string", "null"]})
    shop_id = Uuid(required=True)
    offer_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    created_at = Instant(required=True)
    revoked_at = Instant(required=True, allow_none=True)


class TypedCode(Schema):
    """A code as somebody typed it or heard it said."""

    code = Text(required=True, minimum=1, maximum=100)
    shop_id = Uuid(load_default=None, allow_none=True)


class CardQuery(Schema):
    """What the QR of a card says: the adviser's link to the offer, for a phone, or the code, for a till's scanner."""

    content = Text(load_default="link", validate=[validate.OneOf(("link", "code"))])


class NearCode(Schema):
    """A code in force that is one error away from what was typed, and whose it is."""

    code = Text(required=True)
    spoken = Text(required=True, allow_none=True)
    code_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    adviser_name = Text(required=True)
    offer_id = Uuid(required=True)


class ResolvedCode(Schema):
    """Whose a typed code is: in_force with its adviser, or wrong_check, unknown or revoked, with what was meant."""

    typed = Text(required=True)
    state = ma.fields.String(
        required=True, metadata={"enum": ["in_force", "wrong_check", "unknown", "revoked"]}
    )
    match = ma.fields.Nested(NearCode, required=True, allow_none=True)
    near_misses = ma.fields.List(ma.fields.Nested(NearCode), required=True)


class CodePage(Schema):
    """A page of codes."""

    items = ma.fields.List(ma.fields.Nested(Code), required=True)
    next_cursor = Text(required=True, allow_none=True)


class Joining(Schema):
    """The offer that an adviser joins at once, whose terms now in force they accept by it."""

    offer_id = Uuid(required=True)


class Accepted(Schema):
    """A partnership that has begun, with the link that stands for the whole offer."""

    id = Uuid(required=True)
    offer_id = Uuid(required=True)
    shop_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    state = Text(required=True)
    accepted_at = Instant(required=True, allow_none=True)
    link = ma.fields.Dict(required=True)
