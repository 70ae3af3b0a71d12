"""Amounts, dates and references that can't be right: orders, refunds, terms, payments and runs refuse them by field."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from typing import Any

import pytest

from marketplace.core import clock
from tests.integration.bad_input.siege import Siege, assert_refused, describe, line, money

# What is not money, wherever money stands.
NO_MONEY: tuple[Any, ...] = (
    129, 129.0, "129.00", None, [], True, {"amount": "1.00"}, {"currency": "EUR"},
    {"amount": 1.5, "currency": "EUR"}, {"amount": 1, "currency": "EUR"}, {"amount": None, "currency": "EUR"},
    {"amount": "1e3", "currency": "EUR"}, {"amount": "1E400", "currency": "EUR"}, {"amount": "NaN", "currency": "EUR"},
    {"amount": "Infinity", "currency": "EUR"}, {"amount": "+1.00", "currency": "EUR"}, {"amount": "1,00", "currency": "EUR"},
    {"amount": " 1.00", "currency": "EUR"}, {"amount": "1.00\n", "currency": "EUR"}, {"amount": "1.001", "currency": "EUR"},
    {"amount": ".5", "currency": "EUR"}, {"amount": "1.", "currency": "EUR"}, {"amount": "", "currency": "EUR"},
    {"amount": "\uff11.00", "currency": "EUR"}, {"amount": "\u0661", "currency": "EUR"}, {"amount": "1_000", "currency": "EUR"},
    {"amount": "0x10", "currency": "EUR"}, {"amount": "-1.00", "currency": "EUR"}, {"amount": "9" * 16, "currency": "EUR"},
    {"amount": "9" * 5000, "currency": "EUR"}, {"amount": "1.00", "currency": "eur"}, {"amount": "1.00", "currency": "EURO"},
    {"amount": "1.00", "currency": "\uff25\uff35\uff32"}, {"amount": "1.00", "currency": 978},
    {"amount": "1.00", "currency": "EUR", "minor": 100}, {"amount": "1.00", "currency": "USD"},
    {"amount": "999999999999999", "currency": "EUR"},
)  # fmt: skip
INSTANTS: tuple[Any, ...] = (
    "2026-11-22", "2026-11-22T12:00:00", "yesterday", 1764000000, None, "", "2026-13-01T00:00:00Z", "0000-00-00T00:00:00Z",
    "1999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "2026-11-22T12:00:00+99:00", "\uff12\uff10\uff12\uff16-11-22T12:00:00Z",
    "2026-11-22T12:00:00Z" + "0" * 100, "2026-11-22T25:00:00Z", "-2026-11-22T12:00:00Z", "NaN",
)  # fmt: skip


def fresh() -> str:
    return f"M-{secrets.token_hex(4)}"


def report(siege: Siege, **changes: Any) -> Any:
    return siege.ask("POST", "/orders", siege.people["shop_key"], json=siege.mine.order(fresh(), **changes))


def sold(siege: Siege, **changes: Any) -> str:
    """Report an order that earned a commission; return its reference."""
    ref = fresh()
    siege.mine.report(siege.mine.order(ref, siege.mine.token(siege.mine.anne), **changes))
    return ref


def refund(siege: Siege, ref: str, **changes: Any) -> Any:
    body = {
        "refund_ref": fresh(),
        "refunded_at": clock.now().isoformat(),
        "reason": "came back",
        "lines": [{"line_ref": "1", "quantity": 1, "net": money("1.00")}],
    } | changes
    return siege.ask("POST", f"/orders/{ref}/refunds", siege.people["shop_key"], json=body)


@pytest.mark.parametrize("field", ["net", "tax", "discount"])
def test_what_is_no_money_is_refused_on_an_order_line(unmoved: Siege, field: str) -> None:
    for value in NO_MONEY:
        if value is None and field == "discount":
            continue
        problem = assert_refused(report(unmoved, lines=[line("1") | {field: value}]), 422)
        # A currency of another kind is refused with its own word.
        assert problem["code"] == "currency_not_offered" or list(problem["errors"]) == [f"lines.0.{field}"]


def test_what_is_no_money_is_refused_as_shipping_refund_and_payment(unmoved: Siege) -> None:
    ref, owner = unmoved.things["order_ref"], unmoved.people["owner"]
    for value in NO_MONEY:
        assert_refused(report(unmoved, shipping={"net": value, "tax": money("0.00")}), 422)
        assert_refused(refund(unmoved, ref, lines=[{"line_ref": "1", "quantity": 1, "net": value}]), 422)
        assert_refused(refund(unmoved, ref, lines=[], shipping={"net": value}), 422)
        assert_refused(unmoved.ask("POST", "/funding", owner, json={"amount": value}), 422)
    for amount in ("0.00", "-0.01", "0", "-0"):
        assert_refused(unmoved.ask("POST", "/funding", owner, json={"amount": money(amount)}), 422)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 1.0, "1", True, None, 2**31, 10**18, "\uff11"])
def test_a_quantity_that_is_no_count_is_refused(unmoved: Siege, quantity: Any) -> None:
    assert_refused(report(unmoved, lines=[line("1", quantity=quantity)]), 422)


def test_an_instant_without_offset_or_sense_is_refused(unmoved: Siege) -> None:
    for instant in INSTANTS:
        assert_refused(report(unmoved, ordered_at=instant), 422)
        assert_refused(refund(unmoved, unmoved.things["order_ref"], refunded_at=instant), 422)


def test_a_currency_that_the_shop_does_not_have_is_refused_by_name(unmoved: Siege) -> None:
    for currency in ("USD", "JPY", "KWD", "XXX", "ZZZ"):
        answer = report(
            unmoved,
            currency=currency,
            lines=[line("1") | {"net": money("1", currency), "tax": money("0", currency)}],
        )
        assert_refused(answer, 422, code="currency_not_offered")
    assert_refused(report(unmoved, lines=[line("1"), line("2", tax=money("1", "JPY"))]), 422)
    answer = unmoved.ask("POST", "/funding", unmoved.people["owner"], json={"amount": money("10.00", "USD")})
    assert_refused(answer, 422)


def test_the_largest_order_that_is_taken_is_booked_without_overflow(siege: Siege) -> None:
    lines = [line(str(n), "1000000000.00", quantity=1_000_000) for n in range(1000)]
    answer = report(siege, lines=lines, click_tokens=[siege.mine.token(siege.mine.anne)])
    assert answer.status_code in (201, 422), describe(answer)
    if answer.status_code == 422:
        assert_refused(answer)
    one = report(siege, lines=lines[:1], click_tokens=[siege.mine.token(siege.mine.anne)])
    assert one.status_code == 201, describe(one)
    assert one.get_json()["commissions"][0]["amount"] == money("100000000.00")


def test_a_flat_amount_per_item_never_overflows(siege: Siege) -> None:
    document = {"default": {"flat": "999999999999999", "per": "item"}, "notice": 0}
    # An offer of its own, because other tests count on the terms of the first.
    offer_id, _, link = siege.mine.world.another_offer()
    path = f"/offers/{offer_id}/terms"
    assert_refused(siege.ask("POST", path, siege.people["owner"], json=document), 422)
    for flat in (
        "999999999999999",
        "9999999999999.99",
        "1000000000.00",
        "0.00",
        "-1.00",
        5,
        5.0,
        "1e9",
        "\uff15",
    ):
        answer = siege.ask(
            "POST", path, siege.people["owner"], json={"default": {"flat": flat, "per": "item"}}
        )
        assert answer.status_code in (201, 422), describe(answer)
    siege.mine.move_clock(days=8)
    for quantity, statuses in ((1_000_000, (201, 422)), (1, (201,))):
        token = siege.mine.token(dataclasses.replace(siege.mine.anne, link=link))
        body = siege.mine.order(fresh(), token, lines=[line("1", quantity=quantity)])
        answer = siege.ask("POST", "/orders", siege.people["shop_key"], json=body)
        assert answer.status_code in statuses, describe(answer)
    assert siege.mine.broken_promises() == {}


def test_an_unknown_product_is_taken_with_the_orders_own_words(siege: Siege) -> None:
    ref = sold(
        siege, lines=[line("1", sku="no such sku"), line("2", sku="\u202e\U0001f350", category="Nowhere > 1")]
    )
    assert len(siege.mine.show(ref)["commissions"]) == 1


def test_an_order_from_before_its_click_earns_nobody_anything(siege: Siege) -> None:
    token = siege.mine.token(siege.mine.anne, ago=dt.timedelta(minutes=1))
    answer = report(siege, ordered_at=(clock.now() - dt.timedelta(hours=1)).isoformat(), click_tokens=[token])
    assert answer.status_code == 201, describe(answer)
    assert answer.get_json()["commissions"] == []
    assert answer.get_json()["attribution"]["winner"] is None


def test_a_refund_above_what_is_left_is_refused_and_leaves_the_commission(siege: Siege) -> None:
    ref = sold(siege, lines=[line("1", quantity=2), line("2")])
    before = siege.fingerprint()
    for lines in (
        [{"line_ref": "1", "quantity": 3, "net": money("1.00")}],
        [{"line_ref": "1", "quantity": 1, "net": money("100.01")}],
        [{"line_ref": "1", "quantity": 1, "net": money("1.00"), "tax": money("21.01")}],
        [{"line_ref": "9", "quantity": 1, "net": money("1.00")}],
    ):
        assert_refused(refund(siege, ref, lines=lines), 422)
    assert_refused(refund(siege, ref, lines=[], shipping={"net": money("0.01")}), 422)
    twice = [{"line_ref": "1", "quantity": 1, "net": money("1.00")}] * 2
    assert_refused(refund(siege, ref, lines=twice), 422)
    assert siege.fingerprint() == before
    assert (
        refund(siege, ref, lines=[{"line_ref": "1", "quantity": 2, "net": money("100.00")}]).status_code
        == 201
    )
    before = siege.fingerprint()
    assert_refused(refund(siege, ref, lines=[{"line_ref": "1", "quantity": 0, "net": money("0.01")}]), 422)
    assert siege.fingerprint() == before


def test_too_much_of_everything_is_refused(unmoved: Siege) -> None:
    many = [line(str(number)) for number in range(1001)]
    assert_refused(report(unmoved, lines=many), 422)
    assert_refused(report(unmoved, click_tokens=["x"] * 21), 422)
    assert_refused(report(unmoved, click_tokens=["x" * 2001]), 422)
    assert_refused(report(unmoved, lines=[]), 422)
    assert_refused(report(unmoved, lines=[line("1"), line("1")]), 422)
    for ref in ("", " ", ".", "..", "a/../b", "/a", "a//b", "a\x00", "x" * 101, 5, None, "\ud800"):
        body = unmoved.mine.order() | {"order_ref": ref}
        assert_refused(unmoved.ask("POST", "/orders", unmoved.people["shop_key"], json=body), 422)


def test_a_run_is_approved_on_nothing_but_what_was_previewed(siege: Siege) -> None:
    checker, maker = siege.people["checker"], siege.people["finance"]
    path = f"/runs/{siege.things['run_id']}"
    before = siege.fingerprint()
    good = {"content_hash": "0" * 64, "total": money("1.00"), "totp": siege.code(checker)}
    for change in (
        {"content_hash": "0" * 63}, {"content_hash": "g" * 64}, {"content_hash": None}, {"total": money("1.00", "USD")},
        {"total": 1.0}, {"total": money("-1.00")}, {"total": money("9" * 15)}, {"totp": 123456}, {"totp": "000000"},
        {"totp": "\uff11" * 6}, {"totp": ""}, {"state": "approved"}, {"approved_by": siege.things["user_id"]},
    ):  # fmt: skip
        assert_refused(siege.ask("POST", f"{path}/approve", checker, json=good | change), 403, 409, 422)
    assert_refused(siege.ask("POST", f"{path}/approve", maker, json=good), 403, 409)
    assert_refused(siege.ask("POST", f"{path}/execute", maker), 409)
    assert siege.fingerprint() == before
