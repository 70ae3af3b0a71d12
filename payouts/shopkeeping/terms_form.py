"""Terms as a form of flat fields, and back: a person types rates as people write them, the service judges them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate
from werkzeug.datastructures import MultiDict

from marketplace.core import formats
from marketplace.core.errors import InvalidInput
from marketplace.core.formats import ZONE
from marketplace.core.schemas import Boolean, Day, Integer, Schema, Text, Uuid
from marketplace.offers.models import JOININGS, ON_APPROVAL
from marketplace.offers.rates import Excluded, Flat, Percent, Rate
from marketplace.offers.terms import Terms

KINDS = ("percent", "order", "item")
EMPTY_ROWS, MOST_ROWS = 3, 200
EXAMPLE = "129.00"
_DECIMAL = re.compile(r"[0-9]{1,12}([.,][0-9]{1,4})?", re.ASCII)


class RuleRow(Schema):
    """One exception: for a product or a category, another rate or nothing."""

    subject = Text(load_default="category", validate=[validate.OneOf(("category", "sku"))])
    name = Text(load_default=None, maximum=750)
    kind = Text(load_default="percent", validate=[validate.OneOf((*KINDS, "exclude"))])
    value = Text(load_default=None, maximum=20)


class TermsForm(Schema):
    """The terms without the exceptions, which stand in fields rule_0, rule_1 and so on."""

    shop_id = Uuid(load_default=None)
    name = Text(load_default=None, minimum=1, maximum=200)
    joining = Text(load_default=None, validate=[validate.OneOf(JOININGS)])
    kind = Text(load_default="percent", validate=[validate.OneOf(KINDS)])
    value = Text(required=True, maximum=20, error_messages={"required": "Say what advisers earn."})
    tax = Boolean(load_default=False)
    shipping = Boolean(load_default=False)
    gift_cards = Boolean(load_default=False)
    minimum = Text(load_default=None, maximum=20)
    maximum = Text(load_default=None, maximum=20)
    window_days = Integer(minimum=1, maximum=365, load_default=30)
    hold_days = Integer(minimum=0, maximum=180, load_default=30)
    own_shop = Boolean(load_default=False)
    effective_from = Day(load_default=None)
    example = Text(load_default=EXAMPLE, maximum=20)


def schema(sent: MultiDict[str, str] | None = None) -> ma.Schema:
    """Return the form with as many rows of exceptions as were sent."""
    named = {int(found[1]) for name in (sent or ()) if (found := re.match(r"rule_([0-9]{1,3})\.", name))}
    rows = min(max(named, default=-1) + 1, MOST_ROWS)
    more: dict[str, Any] = {
        f"rule_{n}": fields.Nested(RuleRow, load_default=lambda: RuleRow().load({})) for n in range(rows)
    }
    return TermsForm.from_dict(more)()


def initial(terms: Terms | None) -> dict[str, Any]:
    """Return the fields as they stand for a version of terms, or for an offer that has none."""
    if terms is None:
        start: dict[str, Any] = {"kind": "percent", "value": "8", "window_days": 30, "hold_days": 30}
        start["example"] = formats.typed(EXAMPLE)
        return start | {"joining": ON_APPROVAL}
    found: dict[str, Any] = {
        **_rate(terms.default),
        "tax": "true" if terms.base.tax else None,
        "shipping": "true" if terms.base.shipping else None,
        "gift_cards": "true" if terms.base.gift_cards else None,
        "minimum": formats.typed(str(terms.minimum)) if terms.minimum else None,
        "maximum": formats.typed(str(terms.maximum)) if terms.maximum else None,
        "window_days": terms.window.days,
        "hold_days": terms.hold.days,
        "own_shop": "true" if terms.own_shop else None,
        "example": formats.typed(EXAMPLE),
    }
    for n, rule in enumerate(terms.rules[:MOST_ROWS]):
        row = {"subject": "sku" if rule.sku else "category", "name": rule.sku or rule.category}
        row |= {"kind": "exclude"} if isinstance(rule.outcome, Excluded) else _rate(rule.outcome)
        found |= {f"rule_{n}.{name}": value for name, value in row.items()}
    return found


def rows(values: Mapping[str, Any]) -> range:
    """Return the numbers of the rows of exceptions to show: those that are filled and a few empty ones."""
    filled = [
        int(found[1])
        for name, value in values.items()
        if value and (found := re.match(r"rule_([0-9]{1,3})\.name", name))
    ]
    return range(min(max(filled, default=-1) + 1 + EMPTY_ROWS, MOST_ROWS))


def document(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of a form as the service takes them. Raises InvalidInput by the names of the form's fields."""
    errors: dict[str, list[str]] = {}
    rules = []
    for name in sorted((one for one in data if one.startswith("rule_")), key=lambda one: int(one[5:])):
        row = data[name]
        if not row["name"]:
            continue
        rule: dict[str, Any] = {row["subject"]: row["name"]}
        if row["kind"] == "exclude":
            rule["exclude"] = True
        else:
            rule["rate"] = _read(row["kind"], row["value"], f"{name}.value", errors)
        rules.append(rule)
    made = {
        "default": _read(data["kind"], data["value"], "value", errors),
        "rules": rules,
        "base": {name: data[name] for name in ("tax", "shipping", "gift_cards")},
        "minimum": _amount(data["minimum"], "minimum", errors),
        "maximum": _amount(data["maximum"], "maximum", errors),
        "window_days": data["window_days"],
        "hold_days": data["hold_days"],
        "own_shop": data["own_shop"],
    }
    if errors:
        raise InvalidInput(errors)
    return made


def begins(data: Mapping[str, Any]) -> dt.datetime | None:
    """Return from which instant the terms hold: the beginning of the chosen day in Amsterdam, or None for at once."""
    day = data["effective_from"]
    return None if day is None else dt.datetime.combine(day, dt.time(), ZONE)


def as_form_errors(error: InvalidInput, data: Mapping[str, Any]) -> InvalidInput:
    """Return what the service said of a document under the names of the form's fields."""
    named = [
        name
        for name in sorted((one for one in data if one.startswith("rule_")), key=lambda one: int(one[5:]))
        if data[name]["name"]
    ]
    found: dict[str, list[str]] = {}
    for path, told in error.errors.items():
        parts = path.split(".")
        if parts[0] == "default":
            place = "value"
        elif parts[0] == "rules" and len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(named):
            last = "value" if "rate" in parts else "name"
            place = f"{named[int(parts[1])]}.{last}"
        else:
            place = path
        found.setdefault(place, []).extend(map(str, told))
    return InvalidInput(found)


def _rate(rate: Rate) -> dict[str, str]:
    if isinstance(rate, Percent):
        whole, rest = divmod(rate.bp, 100)
        return {"kind": "percent", "value": formats.typed(f"{whole}.{rest:02d}".rstrip("0").rstrip("."))}
    assert isinstance(rate, Flat)  # noqa: S101 - a rate is one of the two.
    return {"kind": rate.per, "value": formats.typed(str(rate.amount))}


def _read(kind: str, text: str | None, place: str, errors: dict[str, list[str]]) -> dict[str, Any]:
    if kind != "percent":
        return {"flat": _amount(text, place, errors) or "0", "per": kind}
    words = (text or "").replace("%", "").strip()
    if not _DECIMAL.fullmatch(words):
        errors[place] = ["Write a percentage such as 8 or 7,5."]
        return {"percent_bp": 0}
    whole, _, part = words.replace(",", ".").partition(".")
    if len(part.rstrip("0")) > 2 or int(whole) > 100:
        errors[place] = ["A percentage lies between 0 and 100 and has at most two decimals."]
        return {"percent_bp": 0}
    return {"percent_bp": int(whole) * 100 + int(part[:2].ljust(2, "0") or 0)}


def _amount(text: str | None, place: str, errors: dict[str, list[str]]) -> str | None:
    if text is None:
        return None
    words = text.strip()
    if not _DECIMAL.fullmatch(words):
        errors[place] = ["Write an amount such as 5,00."]
        return None
    return words.replace(",", ".")
