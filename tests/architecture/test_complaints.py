"""What a field complains about is said to people in both languages, whoever wrote the sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import marshmallow as ma
import pytest
from marshmallow import fields, validate

from marketplace.core import complaints, wording

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "tracking", "payouts")
# Calls that carry a sentence about a field.
CALLS = {
    "ValidationError",
    "InvalidInput",
    "TargetRefused",
    "AddressUnreadable",
    "_wrong",
    "Length",
    "Range",
    "OneOf",
    "Regexp",
}
_SENTENCE = re.compile(r"[A-Z{].* .*\.", re.DOTALL)
FIELDS = (fields.String, fields.Integer, fields.Boolean, fields.Date, fields.List, fields.Nested, fields.UUID)
VALIDATORS = (validate.Length, validate.Range, validate.OneOf, validate.Regexp, validate.ContainsOnly)


def _said(node: ast.AST) -> Iterator[str]:
    """Yield the sentences of an expression, with 7 for what they carry."""
    for part in ast.walk(node):
        if isinstance(part, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in part.values)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        given: list[ast.AST] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in CALLS:
                given = [*node.args, *(one.value for one in node.keywords if one.arg in (None, "error"))]
            given += [one.value for one in node.keywords if one.arg == "error_messages"]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            given = [node.value] if isinstance(node.value, ast.List) and len(node.value.elts) == 1 else []
        for one in given:
            # A sentence that the page says through wording is translated already.
            inner = [part for part in ast.walk(one) if isinstance(part, ast.Call)]
            if any(getattr(call.func, "id", "") == "_" for call in inner):
                continue
            for said in _said(one):
                if _SENTENCE.fullmatch(said):
                    yield getattr(node, "lineno", 0), said


def test_every_sentence_about_a_field_has_its_dutch_and_none_speaks_to_programs() -> None:
    wrong, count = [], 0
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            if {"sandbox", "devtools"} & set(file.parts) or file.name == "samples.py":
                continue
            text = file.read_text(encoding="utf-8")
            if not any(name in text for name in CALLS):
                continue
            for line, said in _sentences(ast.parse(text)):
                count += 1
                with wording.use("nl_NL"):
                    dutch = complaints.told(said)
                if dutch == said:
                    wrong.append(f"{file.relative_to(ROOT)}:{line}: no Dutch for {said!r}")
    assert count > 120
    assert not wrong, "\n".join(wrong)


def test_the_sentences_of_marshmallow_have_their_dutch() -> None:
    said = set(ma.Schema._default_error_messages.values())
    for field in (*FIELDS, fields.Field):
        said |= {
            text for key, text in field.default_error_messages.items() if key not in ("format", "too_large")
        }
    for validator in VALIDATORS:
        said |= {
            value
            for key, value in vars(validator).items()
            if key in ("message_min", "message_max", "message_all", "message_equal", "default_message")
        }
    places = {
        "min_op": "greater than or equal to",
        "max_op": "less than or equal to",
        **dict.fromkeys(("min", "max", "equal", "choices", "input", "values_text"), "7"),
    }
    for text in said:
        filled = text.replace("{{", "{").replace("}}", "}").format(**places)
        with wording.use("nl_NL"):
            assert complaints.told(filled.format(**places)) != filled, filled


@pytest.mark.parametrize(
    ("sentence", "dutch", "english"),
    [
        ("Missing data for required field.", "Vul dit in.", "Fill this in."),
        (
            "Length must be between 1 and 60.",
            "Schrijf tussen 1 en 60 tekens.",
            "Write between 1 and 60 characters.",
        ),
        (
            "Must be greater than or equal to 1 and less than or equal to 9.",
            "Tussen 1 en 9.",
            "Between 1 and 9.",
        ),
        (
            "Degrees lie between -90 and 90.",
            "Graden liggen tussen -90 en 90.",
            "Degrees lie between -90 and 90.",
        ),
        (
            "<b>{max}</b> sentence of a page",
            "<b>{max}</b> sentence of a page",
            "<b>{max}</b> sentence of a page",
        ),
    ],
)
def test_a_complaint_keeps_its_numbers_in_both_languages(sentence: str, dutch: str, english: str) -> None:
    with wording.use("nl_NL"):
        assert complaints.told(sentence) == dutch
    with wording.use("en_NL"):
        assert complaints.told(sentence) == english
