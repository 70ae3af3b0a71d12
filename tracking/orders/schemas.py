"""What shops may send about orders, and the limits that keep every sum inside BIGINT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.money import Money
from marketplace.core.schemas import Boolean, Currency, Instant, Integer, MoneyField, Schema, Text
from tracking.orders.models import CHANNELS, LARGEST_MINOR

MAX_TOKENS = 20
MAX_LINES = 1000
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_EMPTY_SEGMENT = re.compile(r"(^|/)(/|$|\.\.?(/|$))")


class Ref(Text):
    """A reference of the shop's own that can stand in a path: 1 to 100 characters, no empty or dotted segment."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minimum=1, maximum=100, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _EMPTY_SEGMENT.search(text):
            raise ma.ValidationError("A reference has no empty, '.' or '..' part between slashes.")
        return text


class Amount(MoneyField):
    """Money that isn't negative and at most a billion in a currency of two decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(non_negative=True, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Money:
        amount = super()._deserialize(value, attr, data, **kwargs)
        if amount.minor > LARGEST_MINOR:
            raise ma.ValidationError(f"The amount is above {Money(LARGEST_MINOR, amount.currency)}.")
        return amount


class Token(fields.Field[str]):
    """A click token as the shop collected it. Any text is taken: one that can't be read never fails an order."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if type(value) is not str:
            raise ma.ValidationError("Not a text.")
        if len(value) > 2000:
            raise ma.ValidationError("Longer than 2000 characters.")
        return value.encode("utf-8", "replace").decode("utf-8")


class Sha256(Text):
    """A SHA-256 as 64 hexadecimal digits, lower-cased."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _SHA256.fullmatch(text):
            raise ma.ValidationError("Not a SHA-256 of 64 hexadecimal digits.")
        return text.lower()


class CustomerReport(Schema):
    """Who bought, as the shop's own reference; kept as a keyed digest only."""

    ref = Text(required=True, minimum=1, maximum=200)
    is_new = Boolean(load_default=None, allow_none=True)
    email_sha256 = Sha256(load_default=None, allow_none=True)


class LineReport(Schema):
    """One line; `net` is the line's total after discount and without tax."""

    line_ref = Ref(required=True)
    sku = Text(required=True, minimum=1, maximum=100)
    title = Text(required=True, minimum=1, maximum=500)
    category = Text(load_default=None, allow_none=True, maximum=750)
    quantity = Integer(required=True, minimum=1, maximum=1_000_000)
    net = Amount(required=True)
    tax = Amount(required=True)
    discount = Amount(load_default=None, allow_none=True)
    gift_card = Boolean(load_default=False)


class ShippingReport(Schema):
    """What delivery cost the customer."""

    net = Amount(required=True)
    tax = Amount(required=True)


def _refuse_repeats(lines: list[dict[str, Any]]) -> None:
    refs = [line["line_ref"] for line in lines]
    if len(set(refs)) != len(refs):
        raise ma.ValidationError("A line_ref is given twice.", "lines")


class OrderReport(Schema):
    """A sale. `click_tokens` are the tokens that the cart collected, oldest first."""

    order_ref = Ref(required=True)
    parent_ref = Ref(load_default=None, allow_none=True)
    ordered_at = Instant(required=True)
    currency = Currency(required=True)
    click_tokens = fields.List(
        Token(), load_default=list, validate=validate.Length(max=MAX_TOKENS, error="At most 20 tokens.")
    )
    code = Text(load_default=None, allow_none=True, maximum=100)
    channel = Text(load_default="web", validate=[validate.OneOf(CHANNELS)])
    store_ref = Text(load_default=None, allow_none=True, minimum=1, maximum=100)
    customer = fields.Nested(CustomerReport, load_default=None, allow_none=True)
    lines = fields.List(
        fields.Nested(LineReport), required=True, validate=validate.Length(min=1, max=MAX_LINES)
    )
    shipping = fields.Nested(ShippingReport, load_default=None, allow_none=True)

    @ma.validates_schema
    def check_lines(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse the same line_ref twice."""
        _refuse_repeats(data["lines"])


class LinesReport(Schema):
    """Lines that came later to an order that is known."""

    lines = fields.List(
        fields.Nested(LineReport), required=True, validate=validate.Length(min=1, max=MAX_LINES)
    )

    @ma.validates_schema
    def check_lines(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse the same line_ref twice."""
        _refuse_repeats(data["lines"])


class RefundLineReport(Schema):
    """What came back of one line; no tax means: in proportion to net."""

    line_ref = Ref(required=True)
    quantity = Integer(required=True, minimum=0, maximum=1_000_000)
    net = Amount(required=True)
    tax = Amount(load_default=None, allow_none=True)


class RefundShippingReport(Schema):
    """Delivery cost that was paid back; no tax means: in proportion to net."""

    net = Amount(required=True)
    tax = Amount(load_default=None, allow_none=True)


class RefundReport(Schema):
    """A refund; it may come before its order."""

    refund_ref = Ref(required=True)
    refunded_at = Instant(required=True)
    lines = fields.List(
        fields.Nested(RefundLineReport), load_default=list, validate=validate.Length(max=MAX_LINES)
    )
    shipping = fields.Nested(RefundShippingReport, load_default=None, allow_none=True)
    reason = Text(required=True, minimum=1, maximum=300)

    @ma.validates_schema
    def check_content(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse the same line_ref twice, and a refund of nothing."""
        _refuse_repeats(data["lines"])
        shipping = data["shipping"]
        if not any(line["quantity"] or line["net"].minor for line in data["lines"]) and not (
            shipping and shipping["net"].minor
        ):
            raise ma.ValidationError("The refund gives nothing back: name a line or shipping.", "lines")


class CancelReport(Schema):
    """The end of a whole order; without `cancelled_at` it is now."""

    cancelled_at = Instant(load_default=None, allow_none=True)
    reason = Text(load_default="order_cancelled", minimum=1, maximum=300)
