"""The document of commission terms: checked against every rule, brought to one form, and hashed.

The form is promised: {"default", "rules", "base", "minimum", "maximum", "window_days", "hold_days",
"own_shop"}, all present, keys sorted, amounts as decimal strings of the offer's currency, categories as "A >
B > C".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.catalogue.taxonomy import categories
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core.errors import InvalidInput
from marketplace.core.money import Money
from marketplace.core.schemas import Boolean, Integer, MoneyField, Schema, Text, flatten

MOST_RULES = 1000


class Amount(fields.Field[Any]):
    """A decimal string in the offer's currency, or money as an object in that same currency."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if type(value) is str:
            return value
        return MoneyField().deserialize(value, attr, data)


class RateSchema(Schema):
    """A percentage in basis points, or a flat amount per order or item."""

    percent_bp = Integer(minimum=0, maximum=10_000)
    flat = Amount()
    per = Text(maximum=5, validate=[validate.OneOf(["order", "item"])])

    @ma.validates_schema
    def one_kind(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse a rate that is both, or neither, or that says `per` of a percentage."""
        if ("percent_bp" in data) == ("flat" in data):
            raise ma.ValidationError("Give either percent_bp or flat.")
        if "per" in data and "flat" not in data:
            raise ma.ValidationError("Only a flat amount is per order or per item.", "per")


class RuleSchema(Schema):
    """A rate or an exclusion for one product or one category."""

    sku = Text(minimum=1, maximum=200)
    category = Text(minimum=1, maximum=750)
    rate = fields.Nested(RateSchema)
    excluded = Boolean(data_key="exclude")

    @ma.validates_schema
    def one_subject_one_outcome(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse a rule about two things or none, and one with two outcomes or none."""
        if ("sku" in data) == ("category" in data):
            raise ma.ValidationError("Give either sku or category.")
        if ("rate" in data) == ("excluded" in data) or data.get("excluded") is False:
            raise ma.ValidationError('Give either a rate or "exclude": true.')


class BaseSchema(Schema):
    """What counts besides the lines' net amounts."""

    tax = Boolean(load_default=False)
    shipping = Boolean(load_default=False)
    gift_cards = Boolean(load_default=False)


class DocumentSchema(Schema):
    """The terms as somebody writes them; what is left out gets its default."""

    default = fields.Nested(RateSchema, required=True)
    rules = fields.List(
        fields.Nested(RuleSchema), load_default=list, validate=validate.Length(max=MOST_RULES)
    )
    base = fields.Nested(BaseSchema, load_default=lambda: BaseSchema().load({}))
    minimum = Amount(load_default=None, allow_none=True)
    maximum = Amount(load_default=None, allow_none=True)
    window_days = Integer(minimum=1, maximum=365, load_default=30)
    hold_days = Integer(minimum=0, maximum=180, load_default=30)
    own_shop = Boolean(load_default=False)


def read_document(raw: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return terms in their one form, for an offer in `currency`.

    Raises InvalidInput that names each wrong field by its path ("rules.2.rate.flat"): unknown fields, rates
    outside 0 to 10,000 basis points, amounts that are not above zero or not exact in the currency or in
    another one, minimum above maximum, a window outside 1 to 365 or a hold outside 0 to 180 days, two rules
    about one subject.
    """
    try:
        data = DocumentSchema().load(dict(raw))
    except ma.ValidationError as error:
        raise InvalidInput(flatten(error.messages_dict)) from error
    reader = _Reader(currency)
    document = {
        "default": reader.rate("default", data["default"]),
        "rules": reader.rules(data["rules"]),
        "base": dict(data["base"]),
        "minimum": reader.optional("minimum", data["minimum"], zero=True),
        "maximum": reader.optional("maximum", data["maximum"]),
        "window_days": data["window_days"],
        "hold_days": data["hold_days"],
        "own_shop": data["own_shop"],
    }
    reader.check_order(document["minimum"], document["maximum"])
    if reader.errors:
        raise InvalidInput(reader.errors)
    return document


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the document as canonical JSON: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(document: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(document)).digest()


class _Reader:
    """Brings amounts and subjects to their one form and collects what is wrong with them."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.errors: dict[str, list[str]] = {}

    def _wrong(self, path: str, sentence: str) -> None:
        self.errors.setdefault(path, []).append(sentence)

    def amount(self, path: str, value: str | Money, *, zero: bool = False) -> str:
        try:
            money = value if isinstance(value, Money) else Money.parse(value, self.currency)
        except ValueError:
            self._wrong(path, f"Not a decimal string exact in {self.currency}, such as 5.00.")
            return "0"
        if money.currency != self.currency:
            self._wrong(path, f"The offer is in {self.currency}, not in {money.currency}.")
        elif money.minor < 0 or (money.is_zero and not zero):
            self._wrong(path, "The amount must be above zero.")
        return str(money)

    def optional(self, path: str, value: str | Money | None, *, zero: bool = False) -> str | None:
        return None if value is None else self.amount(path, value, zero=zero)

    def check_order(self, minimum: str | None, maximum: str | None) -> None:
        if minimum is None or maximum is None or self.errors:
            return
        if Money.parse(minimum, self.currency) > Money.parse(maximum, self.currency):
            self._wrong("minimum", "The minimum is above the maximum.")

    def rate(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        if "percent_bp" in data:
            return {"percent_bp": data["percent_bp"]}
        return {"flat": self.amount(f"{path}.flat", data["flat"]), "per": data.get("per", "order")}

    def rules(self, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        seen: dict[object, int] = {}
        result = []
        for index, rule in enumerate(rules):
            path = f"rules.{index}"
            read: dict[str, Any] = {"exclude": True} if "excluded" in rule else {}
            if "rate" in rule:
                read["rate"] = self.rate(f"{path}.rate", rule["rate"])
            if "sku" in rule:
                read["sku"], subject = rule["sku"], ("sku", rule["sku"])
            else:
                read["category"] = categories.normalise(rule["category"])
                subject = ("category", taxonomy.comparable(rule["category"]))
                if not read["category"]:
                    self._wrong(f"{path}.category", "The category names nothing.")
            if subject in seen:
                self._wrong(path, f"Rule {seen[subject]} is already about this {subject[0]}.")
            seen.setdefault(subject, index)
            result.append(read)
        return result
