"""What the pages of a shop take in their addresses and forms."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.schemas import Boolean, Day, Page, QueryInteger, Schema, Text, Uuid
from payouts.shopkeeping.sales import STATES
from tracking.commissions.states import REASONS

PERIODS = (7, 30, 90)
MOST_AT_ONCE = 100


class PeriodQuery(Schema):
    """How many days an overview looks back; paid, cancelled: the payment that somebody comes back from."""

    shop_id = Uuid(load_default=None)
    days = QueryInteger(load_default=30, validate=[validate.OneOf(PERIODS)])


class OrdersFilter(Page):
    """Which orders; days are those of Amsterdam, both counted. No status: those that wait for the shop."""

    shop_id = Uuid(load_default=None)
    status = Text(load_default="pending", validate=[validate.OneOf((*STATES, "all"))])
    adviser_id = Uuid(load_default=None)
    ref = Text(load_default=None, maximum=100)
    since = Day(load_default=None)
    until = Day(load_default=None)
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


class Verdict(Schema):
    """What is decided about one or more commissions; a decline needs a reason, `other` a note."""

    verdict = Text(required=True, validate=[validate.OneOf(("approve", "decline"))])
    commission = fields.List(
        Uuid(),
        required=True,
        validate=[validate.Length(min=1, max=MOST_AT_ONCE)],
        error_messages={"required": "Choose at least one order."},
    )
    reason = Text(load_default=None, validate=[validate.OneOf(REASONS)])
    note = Text(load_default=None, maximum=500)
    shop_id = Uuid(load_default=None)

    @ma.validates_schema
    def check_reason(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a decline without a reason, and `other` without a sentence."""
        if data["verdict"] != "decline":
            return
        if data["reason"] is None:
            raise ma.ValidationError("A decline needs a reason; the adviser reads it.", "reason")
        if data["reason"] == "other" and not data["note"]:
            raise ma.ValidationError("Say what the other reason is.", "note")


class WithShop(Schema):
    """A form without fields of its own."""

    shop_id = Uuid(load_default=None)


class OfferMove(WithShop):
    """What an offer becomes."""

    state = Text(required=True, validate=[validate.OneOf(("open", "paused", "closed"))])


class Upload(WithShop):
    """A feed as a file; complete: products that it lacks are retired."""

    complete = Boolean(load_default=False)


class SourceAct(WithShop):
    """What is done to a source of feeds."""

    do = Text(required=True, validate=[validate.OneOf(("fetch", "pause", "resume"))])


class FeedFilter(Page):
    """Which rows of a feed's report."""

    outcome = Text(
        load_default="refused",
        validate=[validate.OneOf(("refused", "added", "changed", "unchanged", "all"))],
    )
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


class ProductsFilter(Page):
    """Which products."""

    shop_id = Uuid(load_default=None)
    q = Text(load_default=None, maximum=200)


class BudgetQuery(WithShop):
    """Which payment somebody comes back from."""

    paid = Uuid(load_default=None)
    begun = Uuid(load_default=None)
    cancelled = Uuid(load_default=None)


class Welcome(WithShop):
    """Whether an adviser is taken on."""

    answer = Text(required=True, validate=[validate.OneOf(("approve", "decline"))])


class AdvisersFilter(Schema):
    """Which partnerships."""

    shop_id = Uuid(load_default=None)
    status = Text(
        load_default=None,
        validate=[validate.OneOf(("applied", "approved", "accepted", "declined", "left"))],
    )
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


class NewKeyForm(WithShop):
    """A key for a program, by what it is for."""

    name = Text(required=True, minimum=1, maximum=80)
    mode = Text(load_default="live", validate=[validate.OneOf(("live", "test"))])
    use = Text(load_default="orders", validate=[validate.OneOf(("orders", "products", "all"))])


class MentionsFilter(Page):
    """Which pages of advice."""

    shop_id = Uuid(load_default=None)
