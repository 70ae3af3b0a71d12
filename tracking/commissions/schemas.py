"""What the routes of orders and commissions take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.schemas import Instant, MoneyField, Page, Schema, Text, Uuid
from tracking.commissions.reading import STATES
from tracking.commissions.states import REASONS
from tracking.orders.models import MODES

ORDER_STATES = ("received", "partly_refunded", "refunded", "cancelled")


class PlaceQuery(Schema):
    """Which shop's order, and in which mode; a key says both by itself."""

    mode = Text(load_default=None, validate=[validate.OneOf(MODES)])
    shop_id = Uuid(load_default=None)


class OrdersQuery(Page):
    """Which orders to list, newest first."""

    mode = Text(load_default=None, validate=[validate.OneOf(MODES)])
    shop_id = Uuid(load_default=None)
    adviser_id = Uuid(load_default=None)
    state = Text(load_default=None, validate=[validate.OneOf(ORDER_STATES)])
    store_id = Uuid(load_default=None)
    store = Text(load_default=None, validate=[validate.OneOf(("matched", "unmatched"))])


class CommissionsQuery(Page):
    """Which commissions to list, newest first."""

    mode = Text(load_default=None, validate=[validate.OneOf(MODES)])
    shop_id = Uuid(load_default=None)
    adviser_id = Uuid(load_default=None)
    state = Text(load_default=None, validate=[validate.OneOf(STATES)])
    order_ref = Text(load_default=None, minimum=1, maximum=100)


class NoContent(Schema):
    """A body without fields."""


class DeclineReport(Schema):
    """Why nothing is paid; `other` needs a note."""

    reason = Text(required=True, validate=[validate.OneOf(REASONS)])
    note = Text(load_default=None, allow_none=True, maximum=500)

    @ma.validates_schema
    def check_note(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse `other` without a sentence that says what."""
        if data["reason"] == "other" and not data["note"]:
            raise ma.ValidationError("Say what the other reason is.", "note")


class WinnerView(Schema):
    """Who got the order, through which click or code, under which terms."""

    adviser_id = Uuid()
    link_id = Uuid(allow_none=True)
    click_id = Uuid(allow_none=True)
    by_code = fields.Boolean()
    terms_id = Uuid()
    terms_version = fields.Integer()
    own_shop = fields.Boolean()


class OtherView(Schema):
    """An adviser who took part and got nothing, and why."""

    adviser_id = Uuid()
    reason = fields.String()
    touches = fields.Integer()


class TokenView(Schema):
    """What became of one click token."""

    index = fields.Integer()
    result = fields.String(metadata={"enum": ["accepted", "token_invalid", "token_of_other_shop"]})


class AttributionView(Schema):
    """The decision that stands."""

    state = fields.String(metadata={"enum": ["provisional", "decided", "final"]})
    model = fields.String()
    policy = fields.Dict()
    decided_at = Instant()
    funnel = fields.String(metadata={"enum": ["kees", "stan"]})
    winner = fields.Nested(WinnerView, allow_none=True)
    others = fields.List(fields.Nested(OtherView))
    tokens = fields.List(fields.Nested(TokenView))
    code = fields.Dict(allow_none=True)
    touches = fields.List(fields.Dict())
    arrived_too_late = fields.List(fields.Dict())


class CommissionView(Schema):
    """What an adviser has from an order, with the arithmetic of each line and every move."""

    id = Uuid()
    order_ref = fields.String()
    shop_id = Uuid()
    adviser_id = Uuid()
    offer_id = Uuid()
    mode = fields.String()
    amount = MoneyField()
    state = fields.String(metadata={"enum": list(STATES)})
    reason = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    ordered_at = Instant()
    approves_at = Instant(allow_none=True)
    terms_id = Uuid()
    terms_version = fields.Integer()
    limit = fields.String(allow_none=True)
    lines = fields.List(fields.Dict())
    moves = fields.List(fields.Dict())


class CommissionPage(Schema):
    """A page of commissions."""

    items = fields.List(fields.Nested(CommissionView))
    next_cursor = fields.String(allow_none=True)


class WarningView(Schema):
    """What a shop should look at in an order that was taken in all the same."""

    code = fields.String(
        metadata={"enum": ["store_unknown", "store_closed", "code_wrong_check", "code_unknown"]}
    )
    field = fields.String()
    detail = fields.String()
    near_misses = fields.List(fields.Dict())


class OrderView(Schema):
    """An order with its attribution and commissions; an adviser gets only their own part, without the buyer."""

    order_ref = fields.String()
    shop_id = Uuid()
    mode = fields.String()
    state = fields.String(metadata={"enum": list(ORDER_STATES)})
    ordered_at = Instant()
    received_at = Instant()
    currency = fields.String()
    attribution = fields.Nested(AttributionView, allow_none=True)
    commissions = fields.List(fields.Nested(CommissionView))
    parent_ref = fields.String(allow_none=True)
    source = fields.String()
    channel = fields.String()
    store_ref = fields.String(allow_none=True)
    store_id = Uuid(allow_none=True)
    warnings = fields.List(fields.Nested(WarningView))
    flags = fields.List(fields.String())
    customer = fields.Dict(allow_none=True)
    lines = fields.List(fields.Dict())
    shipping = fields.Dict()
    refunds = fields.List(fields.Dict())


class OrderPage(Schema):
    """A page of orders."""

    items = fields.List(fields.Dict())
    next_cursor = fields.String(allow_none=True)


class RefundView(Schema):
    """A refund or cancellation: applied, waiting for its order, or parked with the reason why not."""

    order_ref = fields.String()
    kind = fields.String(metadata={"enum": ["refund", "cancel"]})
    refund_ref = fields.String(allow_none=True)
    refunded_at = Instant()
    state = fields.String(metadata={"enum": ["applied", "waiting", "parked"]})
    parked_because = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    order = fields.Nested(OrderView, allow_none=True)
