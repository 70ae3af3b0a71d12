"""Schemas at the edge: they refuse unknown fields, control characters, floats as money and numbers without end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.core import config
from marketplace.core.money import Money, exponent

FIRST_YEAR, LAST_YEAR = 2000, 2200
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_CURRENCIES = re.compile(r"[A-Z]{3}", re.ASCII)
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}\.[^@\s\x00-\x1f.]{2,63}")


class Schema(ma.Schema):
    """The base of every schema: unknown fields are refused, the order of fields is kept."""

    class Meta:
        """Refuse what nobody declared."""

        unknown = ma.RAISE


class Text(fields.String):
    """Text without NUL, other control characters or lone surrogates, stripped of outer white space."""

    def __init__(
        self, *, minimum: int = 0, maximum: int = 500, multiline: bool = False, **kwargs: Any
    ) -> None:
        checks = list(kwargs.pop("validate", []) or [])
        super().__init__(validate=[validate.Length(min=minimum, max=maximum), *checks], **kwargs)
        self.multiline = multiline

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        allowed = "\n\r\t" if self.multiline else ""
        if any((ord(char) < 32 and char not in allowed) or 0xD800 <= ord(char) <= 0xDFFF for char in text):
            raise ma.ValidationError("Control characters and broken Unicode are not taken.")
        return text.strip()


class Integer(fields.Integer):
    """A whole JSON number; no strings, no booleans, no 3.0, and at most BIGINT."""

    def __init__(self, *, minimum: int = -(2**63), maximum: int = 2**63 - 1, **kwargs: Any) -> None:
        checks = list(kwargs.pop("validate", []) or [])
        super().__init__(strict=True, validate=[validate.Range(minimum, maximum), *checks], **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if type(value) is not int:
            raise ma.ValidationError("Not a whole number.")
        return super()._deserialize(value, attr, data, **kwargs)


class QueryInteger(Integer):
    """A whole number in a query string: plain ASCII digits."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Boolean(fields.Boolean):
    """true or false, nothing that merely looks like it."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if type(value) is not bool:
            raise ma.ValidationError("Not true or false.")
        return value


class QueryBoolean(fields.Boolean):
    """true or false in a query string, in exactly these words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **kwargs)


class Uuid(fields.UUID):
    """A UUID in its canonical form; Python's own reader also takes braces, spaces and digits of other scripts."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kwargs)


class Currency(Text):
    """An ISO 4217 code of three capitals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minimum=3, maximum=3, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        code = super()._deserialize(value, attr, data, **kwargs)
        if not _CURRENCIES.fullmatch(code):
            raise ma.ValidationError("Not a currency code such as EUR.")
        return code


class Country(Text):
    """An ISO 3166 code of two capitals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minimum=2, maximum=2, validate=[validate.Regexp(r"[A-Z]{2}\Z")], **kwargs)


class Email(Text):
    """An e-mail address; the domain is lower-cased, the rest is kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minimum=3, maximum=254, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        if not _EMAIL.fullmatch(address):
            raise ma.ValidationError("Not an e-mail address.")
        local, _, domain = address.rpartition("@")
        return f"{local}@{domain.lower()}"


class Instant(fields.Field[dt.datetime]):
    """An instant as RFC 3339 with an offset; loaded as aware UTC, dumped with Z."""

    def _serialize(self, value: dt.datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else dump_instant(value)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dt.datetime:
        if not isinstance(value, str) or len(value) > 40 or not value.isascii() or "T" not in value.upper():
            raise ma.ValidationError("Not an instant such as 2026-11-22T12:00:00Z.")
        try:
            instant = dt.datetime.fromisoformat(value)
            instant = instant.astimezone(dt.UTC) if instant.tzinfo else instant
        except (ValueError, OverflowError) as error:
            raise ma.ValidationError("Not an instant such as 2026-11-22T12:00:00Z.") from error
        if instant.tzinfo is None:
            raise ma.ValidationError("The offset is missing: end with Z or +01:00.")
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise ma.ValidationError("The year must lie between 2000 and 2200.")
        return instant


class Day(fields.Date):
    """A day as 2026-11-22, in years that the calendar can count on from, as instants are."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dt.date:
        day = super()._deserialize(value, attr, data, **kwargs)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ma.ValidationError("The year must lie between 2000 and 2200.")
        return day


def dump_instant(value: dt.datetime) -> str:
    """Return an instant as RFC 3339 in UTC, with Z."""
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class MoneyField(fields.Field[Money]):
    """Money as {"amount": "129.00", "currency": "EUR"}; the amount is a decimal string exact to the currency."""

    def __init__(self, *, positive: bool = False, non_negative: bool = False, **kwargs: Any) -> None:
        example = 'for example {"amount": "129.00", "currency": "EUR"}'
        kwargs["metadata"] = {"description": example} | dict(kwargs.pop("metadata", {}))
        super().__init__(**kwargs)
        self.positive, self.non_negative = positive, non_negative

    def _serialize(self, value: Money | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else dump_money(value)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Money:
        if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
            raise ma.ValidationError("Not money: give exactly amount and currency.")
        currency = value["currency"]
        if not isinstance(currency, str) or not _CURRENCIES.fullmatch(currency):
            raise ma.ValidationError("Not a currency code such as EUR.")
        try:
            amount = Money.parse(value["amount"], currency)
        except ValueError as error:
            places = exponent(currency)
            raise ma.ValidationError(
                f"The amount must be a decimal string with at most {places} decimals, such as 129.00."
            ) from error
        if (self.positive and amount.minor <= 0) or (self.non_negative and amount.minor < 0):
            raise ma.ValidationError(
                "The amount must be above zero." if self.positive else "Must not be negative."
            )
        return amount


def dump_money(value: Money) -> dict[str, str]:
    """Return money as its JSON form."""
    return {"amount": str(value), "currency": value.currency}


class Url(Text):
    """An absolute https address with a host, no user info; http only where the settings allow it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minimum=8, maximum=2000, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        address = super()._deserialize(value, attr, data, **kwargs)
        # Signs that nobody sees turn what a reader sees around, and the others stand in no address.
        if not address.isprintable() or any(sign in '<>"' for sign in address):
            raise ma.ValidationError("An address with hidden signs, angle brackets or quotes is not taken.")
        schemes = ("https", "http") if config.current().http_targets_allowed else ("https",)
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise ma.ValidationError("Not an address.") from error
        if parts.scheme not in schemes or not parts.hostname or "\\" in address or " " in address:
            raise ma.ValidationError(f"Not an absolute {' or '.join(schemes)} address.")
        if parts.username is not None or parts.password is not None or port == 0:
            raise ma.ValidationError("An address with user name, password or port 0 is not taken.")
        return address


def flatten(messages: Mapping[Any, Any], path: str = "") -> dict[str, list[str]]:
    """Return nested messages as {"rules.2.rate": ["..."]}; those about a whole object under its path."""
    found: dict[str, list[str]] = {}
    for key, value in messages.items():
        here = path or "_body" if key == "_schema" else f"{path}.{key}".lstrip(".")
        if isinstance(value, Mapping):
            for name, sentences in flatten(value, here).items():
                found.setdefault(name, []).extend(sentences)
        else:
            found.setdefault(here, []).extend([value] if isinstance(value, str) else map(str, value))
    return found


class Page(Schema):
    """The query of a list: how many, and after which item."""

    limit = QueryInteger(minimum=1, maximum=100, load_default=50)
    cursor = Text(maximum=400, load_default=None, allow_none=True)


class ShopPage(Page):
    """The query of a list that may be held to one shop."""

    shop_id = Uuid(load_default=None)
