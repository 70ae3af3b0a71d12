"""What the style guide shows its parts with: forms refused and filled, filters, amounts. Nothing here is data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, nodes
from marshmallow import fields, validate

from marketplace.core.errors import Conflict, InvalidInput
from marketplace.core.forms import Form, Query
from marketplace.core.money import Money
from marketplace.core.schemas import MoneyField, Schema, Text
from marketplace.core.wording import FOLDER


class _Sample(Schema):
    """Fields of one form, each of another kind."""

    name = Text()
    rate = Text()
    amount = MoneyField()
    text = Text()
    kind = Text()
    choice = Text()
    check = fields.Boolean()


class _Filter(Schema):
    """A filter as lists have it."""

    state = Text(validate=[validate.OneOf(["", "hold", "paid"])])
    days = Text(validate=[validate.OneOf(["30", "90"])])
    cursor = Text(maximum=20)


def samples() -> dict[str, Any]:
    """Return what /styleguide hands to its parts; call it in a request, because a filter reads the address."""
    filled = {
        "ok-name": "Kwartelpad",
        "ok-rate": "8",
        "ok-amount.amount": "12.50",
        "ok-text": "Twee regels\nen nog een",
        "ok-kind": "b",
        "ok-choice": "b",
    }
    query = Query(_Filter)
    unread = Query(_Filter)
    unread.ignored = ["after", "state"]
    later = Query(_Filter)
    later.values = {**later.values, "cursor": "second-page"}
    return {
        "filled": Form(_Sample, filled),
        "wrong": _wrong(),
        "clashed": _clashed(),
        "asked_wrong": _refused(InvalidInput({"body": ["Missing data for required field."]})),
        "query": query,
        "query_unread": unread,
        "query_later": later,
        "euro": Money(1032, "EUR"),
        "codes": codes(FOLDER / "_macros"),
    }


def codes(folder: Path) -> dict[str, list[str]]:
    """Return the codes that each macro has words for, by its name.

    They are the keys of what it sets as `words`, or what it compares its first argument, or what it sets of it, with.
    """
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.html")):
        tree = Environment(autoescape=True).parse(file.read_text(encoding="utf-8"))
        for macro in tree.find_all(nodes.Macro):
            for assign in macro.find_all(nodes.Assign):
                if isinstance(assign.target, nodes.Name) and assign.target.name == "words":
                    found[macro.name] = [
                        str(pair.key.value)
                        for pair in assign.node.find_all(nodes.Pair)
                        if isinstance(pair.key, nodes.Const)
                    ]
            if macro.name not in found and (compared := _compared(macro)):
                found[macro.name] = compared
    return found


def _compared(macro: nodes.Macro) -> list[str]:
    asked = {macro.args[0].name} if macro.args else set()
    for assign in macro.find_all(nodes.Assign):
        if isinstance(assign.target, nodes.Name) and any(
            name.name in asked for name in assign.node.find_all(nodes.Name)
        ):
            asked.add(assign.target.name)
    return [
        str(with_.expr.value)
        for one in macro.find_all(nodes.Compare)
        if isinstance(one.expr, nodes.Name) and one.expr.name in asked
        for with_ in one.ops
        if with_.op == "eq" and isinstance(with_.expr, nodes.Const)
    ]


def _wrong() -> Form:
    names = ("name", "rate", "amount.amount", "amount", "text", "kind", "choice", "check")
    errors = {f"bad-{name}": ["Missing data for required field."] for name in names}
    return _refused(InvalidInput(errors))


def _clashed() -> Form:
    return _refused(Conflict())


def _refused(error: InvalidInput | Conflict) -> Form:
    form = Form(_Sample)
    form.refusal, form.status = error, error.status
    if isinstance(error, InvalidInput):
        form.errors = {name: list(map(str, told)) for name, told in error.errors.items()}
    return form
