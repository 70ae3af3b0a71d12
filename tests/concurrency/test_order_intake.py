"""The same thing at the same moment: one order, one refund, one verdict, and equal answers to everybody."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.core import clock
from tests.integration.tracking.trade import Trade, amounts, line, money

CALLERS = 20


@pytest.fixture
def trade(database):
    """A shop with one adviser, its API keys and the routes of orders."""
    return Trade(database)


def at_once(calls):
    """Run all calls in threads that start together; return their answers."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_order_twenty_times_in_parallel_is_one_row_and_twenty_equal_answers(trade):
    body = trade.order("A-1", trade.token(trade.anne))
    answers = at_once([lambda: trade.send("POST", "/orders", body)] * CALLERS)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    for table in ("shop_order", "order_line", "touch", "attribution", "commission", "commission_move"):
        assert len(trade.rows(f"SELECT 1 FROM {table}")) == 1, table


def test_of_two_contents_for_one_reference_exactly_one_is_taken(trade):
    bodies = [trade.order("A-1", lines=[line(net=f"{price}.00")]) for price in (10, 20)]
    answers = at_once([lambda body=body: trade.send("POST", "/orders", body) for body in bodies * 5])
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 5


def test_orders_with_the_same_tokens_in_opposite_order_never_wait_in_a_ring(trade):
    bert = trade.join()
    pair = [trade.token(trade.anne), trade.token(bert)]
    bodies = [trade.order(f"A-{n}", *(pair if n % 2 else pair[::-1])) for n in range(10)]
    answers = at_once([lambda body=body: trade.send("POST", "/orders", body) for body in bodies])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["attribution"]["winner"]["adviser_id"] for answer in answers}) == 1


def test_refunds_in_parallel_never_take_more_than_the_order(trade):
    trade.report(trade.order("A-1", trade.token(trade.anne), lines=[line(quantity=10)]))
    part = {"line_ref": "1", "quantity": 1, "net": money("10.00")}
    when = clock.now().isoformat()

    def refund(number):
        body = {"refund_ref": f"R-{number}", "refunded_at": when, "lines": [part], "reason": "back"}
        return trade.send("POST", "/orders/A-1/refunds", body)

    answers = at_once([lambda number=number: refund(number) for number in range(15)])
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [422] * 5
    assert amounts(trade.show()) == {str(trade.anne.id): ("0.00", "reversed")}
    assert trade.broken_promises() == {}


def test_the_same_refund_twenty_times_is_one(trade):
    trade.report(trade.order("A-1", trade.token(trade.anne), lines=[line(quantity=10)]))
    part = {"line_ref": "1", "quantity": 1, "net": money("10.00")}
    body = {"refund_ref": "R", "refunded_at": clock.now().isoformat(), "lines": [part], "reason": "back"}
    answers = at_once([lambda: trade.send("POST", "/orders/A-1/refunds", body)] * CALLERS)
    assert {(answer.status_code, answer.data) for answer in answers} == {(201, answers[0].data)}
    assert amounts(trade.show()) == {str(trade.anne.id): ("9.00", "pending")}


def test_a_refund_and_its_order_at_one_moment_always_meet(trade):
    part = {"line_ref": "1", "quantity": 1, "net": money("100.00")}
    when = (clock.now() - dt.timedelta(seconds=1)).isoformat()
    calls = []
    for number in range(6):
        body = {"refund_ref": "R", "refunded_at": when, "lines": [part], "reason": "back"}
        order = trade.order(f"A-{number}", trade.token(trade.anne))
        calls += [
            lambda order=order: trade.send("POST", "/orders", order),
            lambda n=number, body=body: trade.send("POST", f"/orders/A-{n}/refunds", body),
        ]
    assert {answer.status_code for answer in at_once(calls)} <= {201, 202}
    for number in range(6):
        assert trade.show(f"A-{number}")["state"] == "refunded"
    assert trade.lags()["refunds_waiting_due"] == 0


def test_approve_decline_and_cancel_at_one_moment_leave_one_verdict(trade):
    answer = trade.report(trade.order("A-1", trade.token(trade.anne)))
    trade.work()
    path = f"/commissions/{answer['commissions'][0]['id']}"
    calls = [
        lambda: trade.send("POST", f"{path}/approve", {}),
        lambda: trade.send("POST", f"{path}/decline", {"reason": "duplicate"}),
        lambda: trade.send("POST", "/orders/A-1/cancel", {}),
    ] * 3
    assert {answer.status_code for answer in at_once(calls)} <= {200, 201, 409}
    verdicts = trade.rows("SELECT kind FROM commission_move WHERE kind IN ('approved', 'declined')")
    assert len(verdicts) <= 1
    assert amounts(trade.show())[str(trade.anne.id)][0] == "0.00"
    assert trade.broken_promises() == {}
