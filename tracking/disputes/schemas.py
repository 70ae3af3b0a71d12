"""What the routes of disputes take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.schemas import Instant, MoneyField, Page, Schema, Text, Url, Uuid
from tracking.commissions.states import REASONS
from tracking.disputes.rules import OUTCOMES, STATES
from tracking.orders.models import MODES

MOST_LINKS = 10


class DisputesQuery(Page):
    """Which disputes to list, newest first."""

    state = Text(load_default=None, validate=[validate.OneOf(STATES)])
    mode = Text(load_default=None, validate=[validate.OneOf(MODES)])
    shop_id = Uuid(load_default=None)
    adviser_id = Uuid(load_default=None)
    commission_id = Uuid(load_default=None)


class OpenReport(Schema):
    """Which decline is disputed, why, and where the evidence lies; links are shown and never fetched."""

    commission_id = Uuid(required=True)
    statement = Text(required=True, minimum=1, maximum=4000, multiline=True)
    links = fields.List(Url(), load_default=list, validate=[validate.Length(max=MOST_LINKS)])


class AnswerReport(Schema):
    """What the shop says: accept, or reject with a reason; `other` needs words."""

    outcome = Text(required=True, validate=[validate.OneOf(("accept", "reject"))])
    reason = Text(load_default=None, allow_none=True, validate=[validate.OneOf(REASONS)])
    statement = Text(load_default=None, allow_none=True, minimum=1, maximum=4000, multiline=True)

    @ma.validates_schema
    def check_reason(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a rejection without a reason, a reason for accepting, and `other` without a sentence."""
        if (data["outcome"] == "reject") != (data["reason"] is not None):
            raise ma.ValidationError("Rejecting needs a reason, accepting takes none.", "reason")
        if data["reason"] == "other" and not data["statement"]:
            raise ma.ValidationError("Say what the other reason is.", "statement")


class EscalateReport(Schema):
    """What the adviser says to the shop's rejection."""

    statement = Text(required=True, minimum=1, maximum=4000, multiline=True)


class DecideReport(Schema):
    """For whom it is decided, with the reason that both sides read."""

    outcome = Text(required=True, validate=[validate.OneOf(OUTCOMES)])
    reason = Text(required=True, minimum=1, maximum=4000, multiline=True)


class DisputeView(Schema):
    """A dispute: where it stands, who may do what until when, what was said, and what became of the money."""

    id = Uuid()
    commission_id = Uuid()
    order_ref = fields.String()
    shop_id = Uuid()
    adviser_id = Uuid()
    mode = fields.String()
    state = fields.String(metadata={"enum": list(STATES)})
    outcome = fields.String(allow_none=True, metadata={"enum": [*OUTCOMES, None]})
    ended_by = fields.String(allow_none=True)
    amount = MoneyField()
    declined = fields.Dict()
    opened_at = Instant()
    answer_by = Instant()
    escalate_by = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    silence = fields.String(metadata={"enum": ["adviser", "platform"]})
    next = fields.List(fields.Dict())
    money = fields.Dict()
    events = fields.List(fields.Dict())
    note = fields.String()


class DisputePage(Schema):
    """A page of disputes."""

    items = fields.List(fields.Nested(DisputeView))
    next_cursor = fields.String(allow_none=True)
