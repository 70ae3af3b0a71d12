"""Lines that come later, refunds and cancellations: before and after their order, once each, never above it."""

import datetime as dt

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from tests.integration.tracking.trade import amounts, line, money
from tracking.commissions import intake
from tracking.orders.schemas import OrderReport

HALF = {"line_ref": "1", "quantity": 1, "net": money("50.00")}


@pytest.fixture
def sold(trade):
    """The shop with order A-1: two pieces for EUR 100 and delivery, won by Anne."""
    shipping = {"net": money("5.00"), "tax": money("1.05")}
    trade.report(trade.order("A-1", trade.token(trade.anne), lines=[line(quantity=2)], shipping=shipping))
    trade.work()
    return trade


def stands(trade, ref="A-1"):
    return amounts(trade.show(ref))[str(trade.anne.id)]


def test_more_lines_earn_more_until_the_commission_is_approved(sold):
    body = {"lines": [line("2", "40.00")]}
    answer = sold.call("POST", "/orders/A-1/lines", body, status=201)
    assert amounts(answer) == {str(sold.anne.id): ("14.00", "pending")}
    again = sold.send("POST", "/orders/A-1/lines", body)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, "true")
    assert stands(sold) == ("14.00", "pending")
    commission = answer["commissions"][0]["id"]
    sold.call("POST", f"/commissions/{commission}/approve", {}, status=200)
    problem = sold.call("POST", "/orders/A-1/lines", {"lines": [line("3")]}, status=409)
    assert problem["code"] == "order_approved"
    assert sold.send("POST", "/orders/A-1/lines", body).status_code == 201
    assert stands(sold) == ("14.00", "approved")


def test_a_line_that_is_there_with_other_content_is_refused_by_field(sold):
    problem = sold.call("POST", "/orders/A-1/lines", {"lines": [line(quantity=2, net="90.00")]}, status=409)
    assert set(problem["errors"]) == {"lines.0.net"}


def test_lines_of_an_unknown_order_are_not_found(trade):
    assert trade.call("POST", "/orders/A-9/lines", {"lines": [line()]}, status=404)["code"] == "not_found"


def test_a_refund_reverses_what_its_part_earned_and_a_repeat_changes_nothing(sold):
    at = clock.now().isoformat()
    first = sold.refund("A-1", "R-1", HALF, refunded_at=at)
    assert (first["state"], first["order"]["state"]) == ("applied", "partly_refunded")
    assert stands(sold) == ("5.00", "pending")
    assert sold.refund("A-1", "R-1", HALF, refunded_at=at) == first
    assert stands(sold) == ("5.00", "pending")
    other = {"line_ref": "1", "quantity": 1, "net": money("49.00")}
    problem = sold.refund("A-1", "R-1", other, refunded_at=at, status=409)
    assert set(problem["errors"]) == {"lines.0.net"}


def test_a_full_return_in_pieces_leaves_exactly_nothing(sold):
    sold.refund("A-1", "R-1", {"line_ref": "1", "quantity": 0, "net": money("33.33")})
    sold.refund("A-1", "R-2", {"line_ref": "1", "quantity": 1, "net": money("33.33")})
    sold.refund("A-1", "R-3", {"line_ref": "1", "quantity": 1, "net": money("33.34")})
    answer = sold.show()
    assert (answer["state"], amounts(answer)[str(sold.anne.id)]) == ("refunded", ("0.00", "reversed"))
    moves = answer["commissions"][0]["moves"]
    assert [move["kind"] for move in moves] == ["earned", "reversed", "reversed", "reversed"]
    assert [move["cause"] for move in moves] == ["order", "refund:R-1", "refund:R-2", "refund:R-3"]
    assert sold.broken_promises() == {}


@pytest.mark.parametrize(
    ("part", "more", "field"),
    [
        ({"line_ref": "1", "quantity": 3, "net": money("1.00")}, {}, "lines.0.quantity"),
        ({"line_ref": "1", "quantity": 1, "net": money("100.01")}, {}, "lines.0.net"),
        (HALF, {"shipping": {"net": money("5.01")}}, "shipping.net"),
    ],
)
def test_a_refund_above_the_order_is_refused_and_changes_nothing(sold, part, more, field):
    problem = sold.refund("A-1", "R-1", part, status=422, **more)
    assert problem["code"] == "refund_exceeds_order"
    assert set(problem["errors"]) == {field}
    assert sold.rows("SELECT * FROM refund") == []
    assert stands(sold) == ("10.00", "pending")
    assert sold.refund("A-1", "R-1", HALF)["state"] == "applied"


def test_a_refund_of_a_line_that_is_not_there_is_refused(sold):
    problem = sold.refund("A-1", "R-1", HALF | {"line_ref": "9"}, status=422)
    assert set(problem["errors"]) == {"lines.0.line_ref"}


def test_a_refund_in_another_currency_or_in_the_future_is_refused(sold):
    foreign = HALF | {"net": money("1.00", "USD")}
    assert sold.refund("A-1", "R-1", foreign, status=422)["code"] == "currency_not_offered"
    ahead = (clock.now() + dt.timedelta(minutes=6)).isoformat()
    assert "refunded_at" in sold.refund("A-1", "R-1", HALF, refunded_at=ahead, status=422)["errors"]


def test_a_cancelled_order_earns_nothing_and_cancelling_again_is_the_same(sold):
    first = sold.call("POST", "/orders/A-1/cancel", {}, status=201)
    assert first["order"]["state"] == "cancelled"
    assert stands(sold) == ("0.00", "reversed")
    again = sold.send("POST", "/orders/A-1/cancel", {})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert sold.call("POST", "/orders/A-1/cancel", {"reason": "other"}, status=409)
    assert sold.refund("A-1", "R-1", HALF, status=422)["code"] == "refund_exceeds_order"
    sold.move_clock(days=40)
    sold.work()
    assert stands(sold) == ("0.00", "reversed")


def test_an_owner_may_refund_and_cancel_but_staff_and_advisers_not(sold):
    sold.call("POST", "/orders/A-1/cancel", {}, status=403, bearer=sold.anne.bearer)
    sold.call("POST", "/orders/A-1/cancel", {}, status=201, bearer=sold.owner)


def test_what_comes_before_its_order_waits_and_is_applied_in_the_order_it_happened(trade):
    start = clock.now()

    def at(minutes):
        return (start - dt.timedelta(minutes=minutes)).isoformat()

    late = trade.refund("A-1", "R-2", HALF | {"net": money("60.00")}, status=202, refunded_at=at(1))
    assert (late["state"], late["order"]) == ("waiting", None)
    trade.refund("A-1", "R-1", HALF, status=202, refunded_at=at(2))
    trade.refund(
        "A-1", "R-3", {"line_ref": "7", "quantity": 1, "net": money("1.00")}, status=202, refunded_at=at(3)
    )
    answer = trade.report(
        trade.order("A-1", trade.token(trade.anne), lines=[line(quantity=2)], ordered_at=start.isoformat())
    )
    told = {one["refund_ref"]: (one["state"], one["parked_because"]) for one in answer["refunds"]}
    assert told["R-1"] == ("applied", None)
    assert told["R-2"] == ("parked", "refund_exceeds_order: lines.0.net, 50.00 was left")
    assert told["R-3"] == ("parked", "unknown_line: lines.0.line_ref, no such line was left")
    assert amounts(answer)[str(trade.anne.id)] == ("5.00", "pending")
    body = {"refund_ref": "R-1", "refunded_at": at(2), "lines": [HALF], "reason": "came back"}
    again = trade.send("POST", "/orders/A-1/refunds", body)
    assert (again.status_code, again.get_json()["state"]) == (201, "applied")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert trade.broken_promises() == {}


def test_a_waiting_refund_answers_the_same_while_it_waits(trade):
    at = clock.now().isoformat()
    first = trade.refund("A-1", "R-1", HALF, status=202, refunded_at=at)
    assert trade.refund("A-1", "R-1", HALF, status=202, refunded_at=at) == first


def test_a_cancellation_before_its_order_takes_all_of_it(trade):
    assert trade.call("POST", "/orders/A-1/cancel", {}, status=202)["state"] == "waiting"
    answer = trade.report(trade.order("A-1", trade.token(trade.anne)))
    assert answer["state"] == "cancelled"
    assert amounts(answer)[str(trade.anne.id)] == ("0.00", "reversed")


def test_a_refund_waits_sixty_days_and_is_then_parked(trade):
    trade.refund("A-1", "R-1", HALF, status=202)
    trade.move_clock(days=59)
    assert trade.work() == 0
    assert trade.lags()["refunds_waiting_due"] == 0
    trade.move_clock(days=1, minutes=1)
    assert trade.lags()["refunds_waiting_due"] == 1
    assert trade.work() == 1
    assert trade.lags()["refunds_waiting_due"] == 0
    answer = trade.report(trade.order("A-1", trade.token(trade.anne)))
    assert answer["refunds"][0]["parked_because"] == "order_never_came"
    assert amounts(answer)[str(trade.anne.id)] == ("10.00", "pending")


def test_the_sweep_applies_a_refund_whose_order_came_by_another_way(sold):
    sold.execute(
        "INSERT INTO refund (id, shop_id, mode, order_ref, kind, refund_ref, refunded_at, received_at, currency,"
        " shipping_net_minor) VALUES (gen_random_uuid(), :shop, 'live', 'A-1', 'cancel', '', now(), now(), 'EUR', 0)",
        shop=sold.world.shop_id,
    )
    assert sold.lags()["refunds_waiting_due"] == 1
    assert sold.work() == 1
    assert stands(sold) == ("0.00", "reversed")


def test_the_first_source_owns_an_order_and_a_second_one_is_logged(trade):
    body = trade.order("A-1", trade.token(trade.anne))
    first = trade.send("POST", "/orders", body)
    data = OrderReport().load(body | {"channel": "pos"})
    with db.transaction() as session:
        answer = intake.report_order(
            session, trade.world.shop_id, "live", data, clock.now(), source="webhook"
        )
    assert (answer.is_replay, answer.body.encode()) == (True, first.data)
    echo = trade.rows("SELECT source, differing FROM order_echo")
    assert echo == [{"source": "webhook", "differing": ["channel"]}]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shop_order SET received_at = now()",
        "UPDATE commission SET created_at = now()",
        "DELETE FROM order_line",
        "UPDATE attribution SET state = 'final'",
        "UPDATE commission_move SET delta_minor = 1",
        "UPDATE refund_outcome SET state = 'applied'",
    ],
)
def test_history_can_not_be_changed_by_the_web_role(sold, statement):
    with pytest.raises(sa.exc.ProgrammingError), db.transaction() as session:
        session.execute(sa.text(statement))
