"""Attacks on who earns what: forged and replayed clicks and orders, returns, backdated terms, roundings, currencies.

8 to 11 and 14 to 18 of the catalogue. Tokens don't expire (windows decide), so of 8 and 10 the expiry and the old
stamp are void; a repeated report answers as D13 says.
"""

from __future__ import annotations

import datetime as dt
import random
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.core import clock, config, ids
from marketplace.core.errors import CurrencyMismatch, UnbalancedEntry
from marketplace.core.money import Money, allocate
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, credit, debit
from tests.integration.bad_input.conftest import siege
from tests.integration.bad_input.conftest import siege_of_its_own as standing_siege
from tests.integration.bad_input.siege import Siege, assert_refused, describe, line, money
from tests.integration.tracking.world import TERMS
from tracking.touches import tokens

# Terms and the clock are moved here.
__all__ = ["siege", "standing_siege"]

DIGITS = "0123456789abcdef"


def mutate(draw: random.Random, token: str) -> str:
    """Return a token altered as a forger would: digits changed, cut, moved, doubled, or other fields put in."""
    places = list(token)
    kind = draw.randrange(6)
    if kind == 0:
        place = draw.randrange(len(places))
        places[place] = draw.choice(DIGITS.replace(places[place], ""))
    elif kind == 1:
        for _ in range(draw.randrange(2, 12)):
            places[draw.randrange(len(places))] = draw.choice(DIGITS)
    elif kind == 2:
        del places[draw.randrange(len(places)) :]
    elif kind == 3:
        places.insert(draw.randrange(len(places)), draw.choice(DIGITS + "gZ-_.% \n"))
    elif kind == 4:
        one, two = draw.randrange(len(places)), draw.randrange(len(places))
        places[one], places[two] = places[two], places[one]
    else:
        start = draw.choice((3, 35, 67))
        places[start : start + 12] = draw.choices(DIGITS, k=12)
    return "".join(places)


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_attack_08_no_mutation_of_a_click_is_believed(count: int) -> None:
    keys, draw = ((1, secrets.token_bytes(32)), (2, secrets.token_bytes(32))), random.Random(8)
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    good = [
        tokens.sign(keys, ids.new_id(), ids.new_id(), now, visitor)
        for visitor in (None, secrets.token_bytes(16), None, secrets.token_bytes(16))
    ]
    believed, altered = 0, 0
    for _ in range(count):
        forged = mutate(draw, draw.choice(good))
        if forged in good:
            continue
        altered += 1
        try:
            tokens.read(keys, forged)
            believed += 1
        except tokens.TokenInvalid:
            continue
    assert believed == 0
    assert altered > count * 0.9


def test_attack_08_a_forged_foreign_or_twice_used_click_takes_part_in_nothing(siege: Siege) -> None:
    good = siege.mine.token(siege.mine.anne)
    unknown_key = "1ff" + good[3:]
    others = siege.theirs.token(siege.theirs.anne)
    draw = random.Random(9)
    for number, forged in enumerate(
        [unknown_key, others, good[:-1], *(mutate(draw, good) for _ in range(10))]
    ):
        if forged.strip() == good:
            continue
        body = siege.mine.order(f"A8-{number}") | {"click_tokens": [forged]}
        answer = siege.ask("POST", "/orders", siege.people["shop_key"], json=body)
        if answer.status_code == 422:
            continue  # A token that is no text of a token's length is no token at all.
        order = answer.get_json()
        assert order["commissions"] == [], forged
        assert order["attribution"]["tokens"][0]["result"] in ("token_invalid", "token_of_other_shop")
    # The same valid click named twenty times in one order earns once.
    body = siege.mine.order("A8-twice", *[good] * 20)
    order = siege.ask("POST", "/orders", siege.people["shop_key"], json=body).get_json()
    assert len(order["commissions"]) == 1


def test_attack_09_one_click_on_a_hundred_orders_earns_at_most_once_each_and_is_one_touch(
    siege: Siege,
) -> None:
    token, key, gate = siege.mine.token(siege.mine.anne), siege.people["shop_key"], threading.Barrier(10)

    def report(worker: int) -> list[int]:
        gate.wait()
        found = []
        for number in range(10):
            ref = f"A9-{worker * 10 + number}"
            answer = siege.ask("POST", "/orders", key, json=siege.mine.order(ref, token))
            assert answer.status_code == 201, describe(answer)
            found.append(len(answer.get_json()["commissions"]))
        return found

    with ThreadPoolExecutor(10) as pool:
        earned = [count for part in pool.map(report, range(10)) for count in part]
    assert earned == [1] * 100
    [rows] = siege.mine.rows(
        "SELECT count(*) AS commissions, count(DISTINCT order_id) AS orders FROM commission"
        " WHERE order_id IN (SELECT id FROM shop_order WHERE order_ref LIKE 'A9-%')"
    )
    assert (rows["commissions"], rows["orders"]) == (100, 100)
    click = tokens.read(config.current().token_keys, token).click_id
    assert len(siege.mine.rows("SELECT 1 FROM touch WHERE id = :i", i=click)) == 1
    assert siege.mine.broken_promises() == {}


def test_attack_10_a_report_of_an_order_without_the_shops_own_key_is_401_and_no_row(siege: Siege) -> None:
    order, before = siege.mine.order("A10"), siege.fingerprint()
    key = siege.people["shop_key"].bearer
    for header in (
        None, "", "Bearer", f"Bearer {key[:-1]}", f"Bearer {key}0", f"Bearer {key.upper()}", f"bearer{key}", f"Basic {key}",
        "Bearer aan_live_" + "0" * 43, "Bearer null", f"Bearer {key.replace('live', 'test')}",
    ):  # fmt: skip
        headers = {} if header is None else {"Authorization": header}
        assert_refused(siege.ask("POST", "/orders", json=order, headers=headers), 401)
    assert siege.fingerprint() == before
    # Another shop's key writes into its own shop, never here.
    theirs = siege.ask("POST", "/orders", json=order, headers={"Authorization": f"Bearer {siege.theirs.key}"})
    assert theirs.status_code == 201
    assert_refused(siege.ask("GET", "/orders/A10", siege.people["shop_key"]), 404)


def test_attack_11_a_report_sent_again_is_the_same_answer_and_with_other_content_409(siege: Siege) -> None:
    key, token = siege.people["shop_key"], siege.mine.token(siege.mine.anne)
    body = siege.mine.order("A11", token)
    first = siege.ask("POST", "/orders", key, json=body)
    variants = [
        body,
        body | {"lines": [line(net="9000.00")]},
        body | {"currency": "USD"},
        body | {"channel": "app"},
    ]
    gate = threading.Barrier(20)

    def send(number: int) -> Any:
        gate.wait()
        return siege.ask("POST", "/orders", key, json=variants[number % 4])

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    for number, answer in enumerate(answers):
        if number % 4 == 0:
            assert (answer.status_code, answer.data) == (201, first.data)
            assert answer.headers["Idempotent-Replayed"] == "true"
        else:
            assert_refused(answer, 409, 422)
    rows = siege.mine.rows(
        "SELECT m.delta_minor FROM commission_move m JOIN commission c ON c.id = m.commission_id"
        " JOIN shop_order o ON o.id = c.order_id WHERE o.order_ref = 'A11'"
    )
    assert len(rows) == 1
    assert siege.mine.broken_promises() == {}


def standing(siege: Siege, ref: str) -> list[str]:
    return [one["amount"]["amount"] for one in siege.mine.show(ref)["commissions"]]


def give_back(siege: Siege, ref: str, name: str, quantity: int, net: str) -> int:
    part = {"line_ref": "1", "quantity": quantity, "net": money(net)}
    body = {
        "refund_ref": name,
        "refunded_at": clock.now().isoformat(),
        "reason": "came back",
        "lines": [part],
    }
    return siege.ask("POST", f"/orders/{ref}/refunds", siege.people["shop_key"], json=body).status_code


def test_attack_15_returns_in_parts_doubled_or_above_the_sale_never_leave_less_than_nothing(
    siege: Siege,
) -> None:
    siege.mine.publish(default={"percent_bp": 1500})
    token = siege.mine.token(siege.mine.anne)
    siege.mine.report(siege.mine.order("A15", token, lines=[line(net="90.00", quantity=3)]))
    whole = Fraction(standing(siege, "A15")[0])
    assert whole > 0
    assert give_back(siege, "A15", "r1", 1, "30.00") == 201
    assert Fraction(standing(siege, "A15")[0]) == whole * 2 / 3
    # The same return again, in twenty hands at once, is the same return.
    with ThreadPoolExecutor(20) as pool:
        again = Counter(pool.map(lambda _: give_back(siege, "A15", "r1", 1, "30.00"), range(20)))
    assert again.keys() <= {201, 409}
    assert Fraction(standing(siege, "A15")[0]) == whole * 2 / 3
    assert give_back(siege, "A15", "r2", 3, "90.00") == 422
    assert give_back(siege, "A15", "r3", 2, "61.00") == 422
    assert give_back(siege, "A15", "r4", 2, "60.00") == 201
    assert give_back(siege, "A15", "r5", 1, "0.01") == 422
    cancel = siege.ask("POST", "/orders/A15/cancel", siege.people["shop_key"], json={})
    assert cancel.status_code in (201, 409, 422)
    assert standing(siege, "A15") == ["0.00"]
    assert siege.mine.broken_promises() == {}


def test_attack_16_a_shop_that_lowers_its_rate_after_the_click_still_owes_the_old_one(siege: Siege) -> None:
    siege.mine.publish(default={"percent_bp": 1600})
    before = siege.mine.token(siege.mine.anne)
    siege.mine.report(siege.mine.order("A16-early", siege.mine.token(siege.mine.anne)))
    old = standing(siege, "A16-early")
    terms = [
        {"effective_from": (clock.now() - dt.timedelta(days=1)).isoformat()},
        {"effective_from": clock.now().isoformat()},
    ]
    owner, path = siege.people["owner"], f"/offers/{siege.things['offer_id']}/terms"
    body = TERMS | {"default": {"percent_bp": 1}}
    for backdated in terms:
        assert 400 <= siege.ask("POST", path, owner, json=body | backdated).status_code < 500
    # A lower rate published in the right way binds clicks after it, not those before.
    siege.mine.publish(default={"percent_bp": 1})
    siege.mine.report(siege.mine.order("A16-late", before))
    assert standing(siege, "A16-late") == old


@pytest.mark.parametrize("sales", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_attack_17_many_tiny_sales_round_to_what_one_rule_says_and_parts_sum_to_the_whole(sales: int) -> None:
    draw = random.Random(17)
    farmed = 0
    for _ in range(sales):
        earned = Money(1, "EUR").share_bp(50)
        assert earned.minor == 0  # Half a cent and more goes up; 0.5 % of a cent is far below.
        farmed += earned.minor
    assert farmed == 0
    for _ in range(sales // 10):
        whole, weights = draw.randrange(10_000), [draw.randrange(1000) for _ in range(draw.randrange(1, 9))]
        weights[0] += 1
        parts = allocate(Money(whole, "EUR"), weights)
        assert sum(part.minor for part in parts) == whole
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part.minor - Fraction(whole * weight, sum(weights))) < 1


@given(st.integers(0, 10**12), st.integers(0, 10_000))
@settings(max_examples=300)
def test_attack_17_no_sale_earns_more_than_half_a_cent_above_its_exact_share(minor: int, points: int) -> None:
    exact = Fraction(minor * points, 10_000)
    assert abs(Money(minor, "EUR").share_bp(points).minor - exact) <= Fraction(1, 2)


def test_attack_18_currencies_never_mix_in_a_sum_an_entry_or_an_order(siege: Siege) -> None:
    with pytest.raises(CurrencyMismatch):
        Money(100, "EUR") + Money(100, "JPY")
    for amount, currency in (("1.5", "JPY"), ("1.00", "JPY"), ("1.005", "EUR")):
        with pytest.raises(ValueError):
            Money.parse(amount, currency)
    assert Money.parse("100", "JPY").minor == 100
    key = siege.people["shop_key"]
    for body in (
        siege.mine.order("A18") | {"currency": "JPY"},
        siege.mine.order("A18") | {"lines": [line(), line("2") | {"net": money("1.00", "USD")}]},
        siege.mine.order("A18") | {"lines": [line() | {"tax": money("1.00", "USD")}]},
    ):
        assert_refused(siege.ask("POST", "/orders", key, json=body), 422)
    shop = siege.mine.world.shop_id
    lines = (
        debit(Account("shop:prepaid", shop, "EUR"), Money(100, "EUR"), shop),
        credit(Account("stripe:platform_balance", None, "USD"), Money(100, "USD")),
    )
    # PostgreSQL refuses the same from anybody who goes around this class: scenario 3.
    with pytest.raises(UnbalancedEntry):
        Entry("mixed:18", "adjust", clock.now(), lines)
    assert siege.mine.rows("SELECT 1 FROM entry WHERE idem = 'mixed:18'") == []
