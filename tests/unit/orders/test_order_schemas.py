"""What a report of an order may hold."""

import marshmallow as ma
import pytest

from tracking.orders.schemas import CancelReport, LinesReport, OrderReport, RefundReport

MONEY = {"amount": "10.00", "currency": "EUR"}
LINE = {"line_ref": "1", "sku": "S", "title": "T", "quantity": 1, "net": MONEY, "tax": MONEY}
ORDER = {
    "order_ref": "A-1",
    "ordered_at": "2026-03-01T12:00:00Z",
    "currency": "EUR",
    "channel": "web",
    "lines": [LINE],
}
REFUND = {
    "refund_ref": "R-1",
    "refunded_at": "2026-03-01T12:00:00Z",
    "reason": "came back",
    "lines": [{"line_ref": "1", "quantity": 1, "net": MONEY}],
}


def fields_of(schema, data):
    with pytest.raises(ma.ValidationError) as refused:
        schema().load(data)
    return refused.value.messages


def test_the_smallest_order_is_taken_with_its_defaults():
    loaded = OrderReport().load(ORDER)
    assert loaded["click_tokens"] == []
    assert loaded["customer"] is loaded["shipping"] is loaded["code"] is None
    assert loaded["lines"][0]["gift_card"] is False


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, 1.0, "1", True, None])
def test_a_quantity_is_a_whole_number_from_one_to_a_million(quantity):
    assert (
        "quantity" in fields_of(OrderReport, ORDER | {"lines": [LINE | {"quantity": quantity}]})["lines"][0]
    )


@pytest.mark.parametrize("amount", ["-0.01", "1000000000.01", "1e3", "1.001", 10, "１０", ""])
def test_an_amount_is_a_plain_decimal_of_at_most_a_billion(amount):
    line = LINE | {"net": {"amount": amount, "currency": "EUR"}}
    assert "net" in fields_of(OrderReport, ORDER | {"lines": [line]})["lines"][0]


def test_twenty_tokens_and_not_one_more():
    assert len(OrderReport().load(ORDER | {"click_tokens": ["x"] * 20})["click_tokens"]) == 20
    assert "click_tokens" in fields_of(OrderReport, ORDER | {"click_tokens": ["x"] * 21})


def test_a_token_may_be_any_text_because_it_never_fails_an_order():
    loaded = OrderReport().load(ORDER | {"click_tokens": ["", "\x00\ud800", "<>" * 900]})
    assert loaded["click_tokens"][1] == "\x00?"
    assert "click_tokens" in fields_of(OrderReport, ORDER | {"click_tokens": [7]})


@pytest.mark.parametrize("ref", ["2026/0001", "A B", "#7", "é", "a.b", "x" * 100])
def test_references_of_real_shops_are_taken(ref):
    assert OrderReport().load(ORDER | {"order_ref": ref})["order_ref"] == ref


@pytest.mark.parametrize("ref", ["", " ", "x" * 101, "a//b", "/a", "a/", "..", "a/../b", "./a", "a\x00b"])
def test_references_that_no_address_can_carry_are_refused(ref):
    assert "order_ref" in fields_of(OrderReport, ORDER | {"order_ref": ref})


def test_lines_are_there_and_named_once():
    assert "lines" in fields_of(OrderReport, ORDER | {"lines": []})
    assert "lines" in fields_of(OrderReport, ORDER | {"lines": [LINE, LINE]})
    assert "lines" in fields_of(LinesReport, {"lines": [LINE, LINE]})


def test_unknown_fields_are_refused_everywhere():
    assert "paid" in fields_of(OrderReport, ORDER | {"paid": True})
    assert "price" in fields_of(OrderReport, ORDER | {"lines": [LINE | {"price": "1"}]})["lines"][0]
    assert "name" in fields_of(OrderReport, ORDER | {"customer": {"ref": "c", "name": "Jan"}})["customer"]


def test_an_email_comes_as_a_digest_only():
    assert (
        "email_sha256"
        in fields_of(OrderReport, ORDER | {"customer": {"ref": "c", "email_sha256": "jan@example.org"}})[
            "customer"
        ]
    )


def test_a_refund_gives_something_back_and_says_why():
    assert RefundReport().load(REFUND)["lines"][0]["tax"] is None
    nothing = {"line_ref": "1", "quantity": 0, "net": {"amount": "0.00", "currency": "EUR"}}
    assert "lines" in fields_of(RefundReport, REFUND | {"lines": [nothing]})
    assert "lines" in fields_of(RefundReport, REFUND | {"lines": []})
    assert "reason" in fields_of(RefundReport, {key: REFUND[key] for key in REFUND if key != "reason"})
    assert RefundReport().load(REFUND | {"lines": [], "shipping": {"net": MONEY}})["shipping"]["tax"] is None


def test_a_cancellation_needs_no_words():
    assert CancelReport().load({}) == {"cancelled_at": None, "reason": "order_cancelled"}
