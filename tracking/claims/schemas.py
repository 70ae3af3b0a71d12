"""What the routes of claims take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.schemas import Day, Instant, MoneyField, Page, Schema, Text, Uuid
from tracking.claims.rules import REASONS, STATES

ANSWERS = ("found", "refuse")
WORDS = 2000


class ClaimsQuery(Page):
    """Which claims to list, newest first."""

    state = Text(load_default=None, validate=[validate.OneOf(STATES)])
    shop_id = Uuid(load_default=None)
    adviser_id = Uuid(load_default=None)


class ClaimReport(Schema):
    """What the adviser knows of a purchase that they miss; nothing about the buyer as a person."""

    shop_id = Uuid(required=True)
    bought_on = Day(required=True)
    amount = MoneyField(positive=True, load_default=None, allow_none=True)
    order_ref = Text(load_default=None, allow_none=True, minimum=1, maximum=100)
    statement = Text(required=True, minimum=1, maximum=WORDS, multiline=True)


class ClaimAnswer(Schema):
    """What the shop says: found, with the number of a reported order, or no, with a reason; `other` needs words."""

    answer = Text(required=True, validate=[validate.OneOf(ANSWERS)])
    order_ref = Text(load_default=None, allow_none=True, minimum=1, maximum=100)
    reason = Text(load_default=None, allow_none=True, validate=[validate.OneOf(REASONS)])
    statement = Text(load_default=None, allow_none=True, minimum=1, maximum=WORDS, multiline=True)

    @ma.validates_schema
    def check_answer(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse an order without its number, a no without a reason, and `other` without a sentence."""
        if (data["answer"] == "found") != (data["order_ref"] is not None):
            raise ma.ValidationError("What was found has a number, and a refusal has none.", "order_ref")
        if (data["answer"] == "refuse") != (data["reason"] is not None):
            raise ma.ValidationError("A refusal needs a reason, and what was found has none.", "reason")
        if data["reason"] == "other" and not data["statement"]:
            raise ma.ValidationError("Say what the other reason is.", "statement")


class ClaimWords(Schema):
    """What the platform says: to the shop when it asks again, to both sides when it closes."""

    statement = Text(required=True, minimum=1, maximum=WORDS, multiline=True)


class ClaimView(Schema):
    """A claim: where it stands, who may do what, what was said, and what the rules gave for the order."""

    id = Uuid()
    shop_id = Uuid()
    adviser_id = Uuid()
    bought_on = fields.Date()
    amount = MoneyField(allow_none=True)
    order_ref = fields.String(allow_none=True)
    state = fields.String(metadata={"enum": list(STATES)})
    claimed_at = Instant()
    answer_by = Instant()
    ended_by = fields.String(allow_none=True)
    ended_at = Instant(allow_none=True)
    order = fields.Dict(allow_none=True)
    next = fields.List(fields.Dict())
    events = fields.List(fields.Dict())
    note = fields.String()


class ClaimPage(Schema):
    """A page of claims."""

    items = fields.List(fields.Nested(ClaimView))
    next_cursor = fields.String(allow_none=True)
