"""Documents of terms: one form for the same promise, and every wrong field named by its path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.errors import InvalidInput
from marketplace.offers.documents import canonical, fingerprint, read_document

TEN = {"default": {"percent_bp": 1000}}


def errors_of(document: dict[str, Any], currency: str = "EUR") -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as refusal:
        read_document(document, currency)
    assert all(isinstance(sentence, str) for one in refusal.value.errors.values() for sentence in one)
    return refusal.value.errors


def test_what_is_left_out_gets_its_default() -> None:
    assert read_document(TEN, "EUR") == {
        "default": {"percent_bp": 1000},
        "rules": [],
        "base": {"tax": False, "shipping": False, "gift_cards": False},
        "minimum": None,
        "maximum": None,
        "window_days": 30,
        "hold_days": 30,
        "own_shop": False,
    }


def test_one_promise_has_one_form_and_one_hash() -> None:
    written = {
        "hold_days": 30,
        "default": {"flat": {"amount": "5", "currency": "EUR"}},
        "rules": [{"category": "Home>Pans ", "exclude": True}],
        "maximum": "10",
    }
    other = {
        "rules": [{"exclude": True, "category": "Home > Pans"}],
        "default": {"per": "order", "flat": "5.00"},
        "maximum": {"amount": "10.00", "currency": "EUR"},
    }
    first, second = read_document(written, "EUR"), read_document(other, "EUR")
    assert first == second and fingerprint(first) == fingerprint(second)
    assert first["default"] == {"flat": "5.00", "per": "order"} and first["maximum"] == "10.00"
    assert read_document(first, "EUR") == first, "the stored form reads back as itself"
    assert json.loads(canonical(first)) == first
    assert canonical(first).startswith(b'{"base":{"gift_cards":false,')


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"default": None}, "default"),
        ({"default": {}}, "default"),
        ({"default": {"percent_bp": 10, "flat": "5.00"}}, "default"),
        ({"default": {"percent_bp": -1}}, "default.percent_bp"),
        ({"default": {"percent_bp": 10_001}}, "default.percent_bp"),
        ({"default": {"percent_bp": "10"}}, "default.percent_bp"),
        ({"default": {"percent_bp": 10.5}}, "default.percent_bp"),
        ({"default": {"percent_bp": True}}, "default.percent_bp"),
        ({"default": {"percent_bp": 10, "per": "item"}}, "default.per"),
        ({"default": {"flat": "0.00"}}, "default.flat"),
        ({"default": {"flat": "-5.00"}}, "default.flat"),
        ({"default": {"flat": "5.005"}}, "default.flat"),
        ({"default": {"flat": 5}}, "default.flat"),
        ({"default": {"flat": "1e3"}}, "default.flat"),
        ({"default": {"flat": {"amount": "5.00", "currency": "USD"}}}, "default.flat"),
        ({"default": {"flat": "5.00", "per": "month"}}, "default.per"),
        ({"default": {"flat": "5.00", "cap": 1}}, "default.cap"),
        ({"rules": [{"rate": {"percent_bp": 1}}]}, "rules.0"),
        ({"rules": [{"sku": "a", "category": "b", "exclude": True}]}, "rules.0"),
        ({"rules": [{"sku": "a"}]}, "rules.0"),
        ({"rules": [{"sku": "a", "exclude": False}]}, "rules.0"),
        ({"rules": [{"sku": "a", "exclude": True, "rate": {"percent_bp": 1}}]}, "rules.0"),
        ({"rules": [{"sku": "a", "rate": {"flat": "0"}}]}, "rules.0.rate.flat"),
        ({"rules": [{"category": " > ", "exclude": True}]}, "rules.0.category"),
        ({"rules": [{"sku": "a", "exclude": True}, {"sku": "a", "rate": {"percent_bp": 1}}]}, "rules.1"),
        (
            {
                "rules": [
                    {"category": "A>B", "exclude": True},
                    {"category": "a > b", "rate": {"percent_bp": 1}},
                ]
            },
            "rules.1",
        ),
        ({"rules": [{"sku": str(n), "exclude": True} for n in range(1001)]}, "rules"),
        ({"rules": {"sku": "a"}}, "rules"),
        ({"base": {"tips": True}}, "base.tips"),
        ({"base": {"tax": "yes"}}, "base.tax"),
        ({"minimum": "5.00", "maximum": "4.99"}, "minimum"),
        ({"minimum": "-1.00"}, "minimum"),
        ({"maximum": "0.00"}, "maximum"),
        ({"window_days": 0}, "window_days"),
        ({"window_days": 366}, "window_days"),
        ({"hold_days": -1}, "hold_days"),
        ({"hold_days": 181}, "hold_days"),
        ({"own_shop": 1}, "own_shop"),
        ({"bonus": {}}, "bonus"),
    ],
)
def test_wrong_fields_are_named_by_their_path(change: dict[str, Any], path: str) -> None:
    assert path in errors_of(TEN | change)


def test_several_wrong_amounts_are_named_at_once() -> None:
    wrong = {"default": {"flat": "x"}, "rules": [{"sku": "a", "rate": {"flat": "-1"}}], "maximum": "0"}
    assert set(errors_of(wrong)) == {"default.flat", "rules.0.rate.flat", "maximum"}


def test_amounts_follow_the_currency_of_the_offer() -> None:
    assert read_document({"default": {"flat": "500"}}, "JPY")["default"]["flat"] == "500"
    assert "default.flat" in errors_of({"default": {"flat": "5.00"}}, "JPY")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["percent_bp", "flat", "per", "sku", "rate", "exclude", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
names = st.sampled_from(
    ["default", "rules", "base", "minimum", "maximum", "window_days", "hold_days", "own_shop", "x"]
)


@given(st.dictionaries(names, anything))
def test_no_document_raises_anything_but_the_refusal(document: dict[str, Any]) -> None:
    try:
        read = read_document(document, "EUR")
    except InvalidInput:
        return
    assert read_document(read, "EUR") == read
