"""What stores look like in the API."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core.schemas import Country, Instant, Page, Schema, Text, Uuid
from marketplace.stores.models import STATES

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_SPANS = 4
_CODE = re.compile(r"[A-Za-z0-9]{2,12}", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,6})?", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{4,30}", re.ASCII)


class StoreCode(Text):
    """What a till calls its store: 2 to 12 letters and digits, kept in capitals."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _CODE.fullmatch(text):
            raise ma.ValidationError("A store's code has 2 to 12 letters A to Z and digits, such as UTR1.")
        return text.upper()


class Degrees(fields.Field[Decimal]):
    """Degrees as a decimal string with at most six decimals, which is a hand's breadth; exact, never a float."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        kwargs["metadata"] = {"type": "string", "description": f"Degrees such as 52.090737, up to {most}."}
        super().__init__(**kwargs)
        self.most = most

    def _serialize(self, value: Decimal | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:.6f}"

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Decimal:
        if not isinstance(value, str) or not _DEGREES.fullmatch(value):
            raise ma.ValidationError("Not degrees as a decimal string such as 52.090737.")
        try:
            degrees = Decimal(value)
        except InvalidOperation as error:
            raise ma.ValidationError("Not degrees as a decimal string such as 52.090737.") from error
        if abs(degrees) > self.most:
            raise ma.ValidationError(f"Degrees lie between -{self.most} and {self.most}.")
        return degrees


def _time(text: str) -> None:
    if not _TIME.fullmatch(text):
        raise ma.ValidationError("Not a time of day such as 09:00.")


class Span(Schema):
    """From when to when a store is open on a day; `to` may be 24:00."""

    opens = Text(required=True, data_key="from", validate=[_time])
    closes = Text(required=True, data_key="to", validate=[_time])

    @ma.validates_schema
    def check_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a span that ends before it begins."""
        if data["closes"] <= data["opens"]:
            raise ma.ValidationError("Must lie after from.", "to")


def _day() -> fields.List[Any]:
    return fields.List(
        fields.Nested(Span),
        load_default=list,
        validate=validate.Length(max=MOST_SPANS, error=f"At most {MOST_SPANS} spans a day."),
    )


class OpeningHours(Schema):
    """The spans of each weekday, in the store's own time; a day without spans is closed."""

    monday = _day()
    tuesday = _day()
    wednesday = _day()
    thursday = _day()
    friday = _day()
    saturday = _day()
    sunday = _day()

    @ma.validates_schema
    def check_spans(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse spans of a day that overlap or don't follow each other."""
        for day, spans in data.items():
            if any(later["opens"] < earlier["closes"] for earlier, later in itertools.pairwise(spans)):
                raise ma.ValidationError("Spans of a day follow each other and don't overlap.", day)

    @ma.post_load
    def as_kept(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Return the hours as they are kept and shown."""
        return {day: [{"from": span["opens"], "to": span["closes"]} for span in data[day]] for day in DAYS}


def _together(data: Mapping[str, Any]) -> None:
    if (data.get("latitude") is None) != (data.get("longitude") is None):
        raise ma.ValidationError("Give latitude and longitude together.", "longitude")


class NewStore(Schema):
    """A store; `opened_at` is now unless told."""

    shop_id = Uuid(load_default=None, allow_none=True)
    code = StoreCode(required=True)
    name = Text(required=True, minimum=1, maximum=100)
    street = Text(required=True, minimum=1, maximum=200)
    postcode = Text(required=True, minimum=2, maximum=12)
    city = Text(required=True, minimum=1, maximum=100)
    country = Country(required=True)
    latitude = Degrees(90, load_default=None, allow_none=True)
    longitude = Degrees(180, load_default=None, allow_none=True)
    phone = Text(
        load_default=None, allow_none=True, validate=[validate.Regexp(re.compile(_PHONE.pattern + r"\Z"))]
    )
    opening_hours = fields.Nested(OpeningHours, load_default=lambda: {day: [] for day in DAYS})
    opened_at = Instant(load_default=None, allow_none=True)

    @ma.validates_schema
    def check_place(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse half a place."""
        _together(data)


class StoreChange(Schema):
    """What changes of a store; its code stays, because tills know it."""

    name = Text(minimum=1, maximum=100)
    street = Text(minimum=1, maximum=200)
    postcode = Text(minimum=2, maximum=12)
    city = Text(minimum=1, maximum=100)
    country = Country()
    latitude = Degrees(90, allow_none=True)
    longitude = Degrees(180, allow_none=True)
    phone = Text(allow_none=True, validate=[validate.Regexp(re.compile(_PHONE.pattern + r"\Z"))])
    opening_hours = fields.Nested(OpeningHours)

    @ma.validates_schema
    def check_place(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse half a place."""
        if ("latitude" in data) != ("longitude" in data):
            raise ma.ValidationError("Give latitude and longitude together.", "longitude")
        _together(data)


class StoresQuery(Page):
    """Which stores to list."""

    shop_id = Uuid(load_default=None, allow_none=True)
    state = Text(load_default=None, allow_none=True, validate=[validate.OneOf(STATES)])


class StoreView(Schema):
    """A store."""

    id = Uuid(required=True)
    shop_id = Uuid(required=True)
    code = Text(required=True)
    name = Text(required=True)
    street = Text(required=True)
    postcode = Text(required=True)
    city = Text(required=True)
    country = Text(required=True)
    latitude = Degrees(90, required=True, allow_none=True)
    longitude = Degrees(180, required=True, allow_none=True)
    phone = Text(required=True, allow_none=True)
    opening_hours = fields.Dict(required=True)
    state = Text(required=True)
    opened_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)


class StorePage(Schema):
    """A page of stores."""

    items = fields.List(fields.Nested(StoreView), required=True)
    next_cursor = Text(required=True, allow_none=True)


class NewStoreAdviser(Schema):
    """Who works in the store from now on."""

    adviser_id = Uuid(required=True)


class StoreAdviserView(Schema):
    """An adviser who works in a store, from when until when."""

    id = Uuid(required=True)
    store_id = Uuid(required=True)
    adviser_id = Uuid(required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True, allow_none=True)


class StoreAdvisers(Schema):
    """Everybody who works or worked in a store, newest first."""

    items = fields.List(fields.Nested(StoreAdviserView), required=True)
