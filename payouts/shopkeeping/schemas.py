"""What the pages of a shop take in their addresses and forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.accounts.schemas_shops import NewDomain, NewShop
from marketplace.core.schemas import Boolean, Day, Page, QueryInteger, Schema, Text, Uuid
from marketplace.offers.models import JOININGS, PARTING_REASONS
from marketplace.stores.schemas import DAYS, OpeningHours
from payouts.shopkeeping.reports import KINDS, OUTCOMES
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


class Site(NewDomain):
    """A site of the shop, also where its whole address was pasted."""

    @ma.pre_load
    def take_host(self, data: Any, **_kwargs: Any) -> Any:
        """Keep only the name of an address such as https://www.example.nl/shop?x."""
        host = data.get("host")
        if not isinstance(host, str):
            return data
        bare = host.strip().removeprefix("https://").removeprefix("http://")
        return {**data, "host": re.split(r"[/?#]", bare, maxsplit=1)[0]}


class BeginShop(NewShop):
    """A new shop, with the texts that its owner ticked, each by the hash of what was read."""

    agree_terms = Text(load_default=None, maximum=64)
    agree_data_processing = Text(load_default=None, maximum=64)


class WithShop(Schema):
    """A form without fields of its own."""

    shop_id = Uuid(load_default=None)


class OfferMove(WithShop):
    """What an offer becomes."""

    state = Text(required=True, validate=[validate.OneOf(("open", "paused", "closed"))])


class OfferJoining(WithShop):
    """How advisers join an offer from now on."""

    joining = Text(required=True, validate=[validate.OneOf(JOININGS)])


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
    """Which payment somebody goes to or comes back from."""

    begun = Uuid(load_default=None)
    paid = Uuid(load_default=None)
    cancelled = Uuid(load_default=None)


class Welcome(WithShop):
    """Whether an adviser is taken on; to refuse or end it takes a reason, and `other` a note."""

    answer = Text(required=True, validate=[validate.OneOf(("approve", "decline"))])
    reason = Text(load_default=None, validate=[validate.OneOf(PARTING_REASONS)])
    note = Text(load_default=None, maximum=500)

    @ma.validates_schema
    def check_reason(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a refusal without a reason, and `other` without a sentence."""
        if data["answer"] != "decline":
            return
        if data["reason"] is None:
            raise ma.ValidationError("A decline needs a reason; the adviser reads it.", "reason")
        if data["reason"] == "other" and not data["note"]:
            raise ma.ValidationError("Say what the other reason is.", "note")


class AdvisersFilter(Schema):
    """Which partnerships."""

    shop_id = Uuid(load_default=None)
    status = Text(
        load_default=None,
        validate=[validate.OneOf(("applied", "approved", "accepted", "declined", "left"))],
    )
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


_SPAN = re.compile(r"([0-2]?[0-9][:.][0-5][0-9])\s*(?:-|–|tot|to)\s*([0-2]?[0-9][:.][0-5][0-9])", re.ASCII)


class Spans(Text):
    """The hours of a day as people write them, such as "09:00-12:30, 13:00-17:30"; nothing: closed."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        found = [_SPAN.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
        if None in found:
            raise ma.ValidationError("Write hours as 09:00-17:30; with a break as 09:00-12:30, 13:00-17:30.")
        return [
            {"from": one[1].replace(".", ":").rjust(5, "0"), "to": one[2].replace(".", ":").rjust(5, "0")}
            for one in found
            if one is not None
        ]


class HoursLines(WithShop):
    """When a store is open; a form has a line for each day of the API's own hours, which judge and keep them."""

    @ma.validates_schema
    def check_hours(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse, by day, hours that the API would refuse."""
        wrong = OpeningHours().validate({day: data[day] for day in DAYS})
        if wrong:
            told = ["Each part of a day ends after it begins, and they follow each other."]
            raise ma.ValidationError(dict.fromkeys(wrong, told))

    @ma.post_load
    def as_kept(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Return the hours as the API would have read them."""
        hours = OpeningHours().load({day: data.pop(day) for day in DAYS})
        return data | {"opening_hours": hours}


HoursForm = HoursLines.from_dict(
    {day: Spans(load_default=list, maximum=100) for day in OpeningHours().fields}, name="HoursForm"
)


class Colleague(WithShop):
    """Who works in a store."""

    adviser_id = Uuid(required=True, error_messages={"required": "Choose somebody."})


class NewKeyForm(WithShop):
    """A key for a program, by what it is for."""

    name = Text(required=True, minimum=1, maximum=80)
    mode = Text(load_default="live", validate=[validate.OneOf(("live", "test"))])
    use = Text(load_default="orders", validate=[validate.OneOf(("orders", "products", "all"))])


class ReceivedFilter(Page):
    """Which reports of the shop's program."""

    shop_id = Uuid(load_default=None)
    outcome = Text(load_default=None, validate=[validate.OneOf(OUTCOMES)])
    kind = Text(load_default=None, validate=[validate.OneOf(KINDS)])
    mode = Text(load_default=None, validate=[validate.OneOf(("live", "test"))])
    ref = Text(load_default=None, maximum=100)
    format = Text(load_default=None, validate=[validate.OneOf(("csv",))])


class MentionsFilter(Page):
    """Which pages of advice."""

    shop_id = Uuid(load_default=None)
