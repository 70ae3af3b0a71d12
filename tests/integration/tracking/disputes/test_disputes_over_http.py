"""Disputes over the API: who may do what in which order, and what becomes of the money."""

import datetime as dt

import pytest

from tests.integration.tracking.trade import line, money

ACCEPT = {"outcome": "accept"}
REJECT = {"outcome": "reject", "reason": "outside_terms", "statement": "See our terms."}
VISITOR = b"v" * 16


def seconds(number):
    return dt.timedelta(seconds=number)


def turns(dispute):
    return [(one["who"], one["action"]) for one in dispute["next"]]


def test_what_the_shop_accepts_stands_again_and_the_clock_approves_it(court):
    commission = court.decline()
    opened = court.dispute(commission)
    assert (opened["state"], opened["amount"], opened["declined"]["reason"]) == (
        "open", money("10.00"), "outside_terms",
    )  # fmt: skip
    assert turns(opened) == [("shop", "answer"), ("adviser", "withdraw")]
    assert {one["until"] for one in opened["next"]} == {opened["answer_by"]}
    assert "Nothing is reserved" in opened["note"]
    answered = court.say("shop", opened, "answer", ACCEPT | {"statement": "Our mistake."})
    assert (answered["state"], answered["outcome"], answered["ended_by"]) == ("decided", "adviser", "shop")
    assert (answered["money"]["state"], answered["next"]) == ("due", [])
    assert court.due() == 1
    court.sweep()
    told = court.look(opened)["money"]
    assert (told["state"], told["reinstated"]) == ("reinstated", money("10.00"))
    assert (court.stands(), court.kinds()) == (("10.00", "pending"), ["earned", "declined", "reinstated"])
    court.move_clock(days=31)
    court.work()
    assert (court.stands(), court.show()["attribution"]["state"]) == (("10.00", "approved"), "final")
    assert (court.broken_promises(), court.due(), court.sweep()) == ({}, 0, 0)


@pytest.mark.slow
def test_a_hold_that_passed_while_it_was_disputed_is_not_begun_anew(court):
    opened = court.escalated(court.decline())
    court.move_clock(days=40)
    decided = court.say("admin", opened, "decide", {"outcome": "adviser", "reason": "The terms say so."})
    assert (decided["ended_by"], decided["events"][-1]["reason"]) == ("platform", "The terms say so.")
    court.work()
    assert court.stands() == ("10.00", "approved")


@pytest.mark.slow
def test_what_was_reinstated_can_be_approved_early_and_never_declined_again(court):
    commission = court.decline()
    opened = court.dispute(commission)
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    listed = court.call("GET", "/commissions?state=pending", status=200)["items"]
    assert [one["id"] for one in listed] == [commission]
    again = court.call("POST", f"/commissions/{commission}/decline", {"reason": "duplicate"}, status=409)
    assert (again["code"], "reinstated after a dispute" in again["detail"]) == ("illegal_transition", True)
    court.call("POST", f"/commissions/{commission}/approve", {}, status=200)
    assert court.stands() == ("10.00", "approved")
    assert court.dispute(commission, statement="Again.", status=409)["code"] == "dispute_exists"


def test_a_refund_while_it_is_disputed_counts_and_one_after_it_is_taken_back(court):
    opened = court.dispute(court.decline(lines=[line("1"), line("2", "50.00")]))
    court.refund("A-1", "R-1", {"line_ref": "2", "quantity": 1, "net": money("50.00")})
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    assert (court.look(opened)["money"]["reinstated"], court.stands()) == (
        money("10.00"),
        ("10.00", "pending"),
    )
    court.refund("A-1", "R-2", {"line_ref": "1", "quantity": 0, "net": money("40.00")})
    assert court.stands() == ("6.00", "pending")
    court.move_clock(days=31)
    court.work()
    court.refund("A-1", "R-3", {"line_ref": "1", "quantity": 1, "net": money("60.00")})
    assert (court.stands(), court.broken_promises()) == (("0.00", "reversed"), {})


def test_a_win_pays_by_the_terms_that_the_order_is_bound_to_and_not_by_todays(court):
    opened = court.dispute(court.decline())
    court.publish(default={"percent_bp": 2500})
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    assert court.stands() == ("10.00", "pending")


def test_when_nothing_remains_a_win_moves_nothing_and_says_so(court):
    opened = court.dispute(court.decline())
    court.call("POST", "/orders/A-1/cancel", {}, status=201)
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    told = court.look(opened)["money"]
    assert (told["state"], told["reinstated"]) == ("nothing_remains", money("0.00"))
    assert (court.stands(), court.broken_promises(), court.due()) == (("0.00", "declined"), {}, 0)


def test_an_order_that_somebody_else_gets_meanwhile_does_not_stand_again_for_the_first(court):
    bert = court.join()
    commission = court.decline(tokens=[court.token(court.anne, seconds(90), VISITOR)])
    opened = court.dispute(commission)
    # A click of the same visitor on Bert's link turns up: his advice was the last before the order.
    court.click(bert, seconds(30), visitor=VISITOR)
    court.say("shop", opened, "answer", ACCEPT)
    court.work()
    told = court.look(opened)["money"]
    assert (told["state"], told["reinstated"]) == ("attributed_to_somebody_else", money("0.00"))
    stands = {
        one["adviser_id"]: (one["amount"]["amount"], one["state"]) for one in court.show()["commissions"]
    }
    assert stands == {str(court.anne.id): ("0.00", "declined"), str(bert.id): ("10.00", "pending")}
    assert (court.broken_promises(), court.due()) == ({}, 0)


@pytest.mark.slow
def test_nobody_disputes_a_decline_about_an_order_that_somebody_else_gets_now(court):
    bert = court.join()
    commission = court.decline(tokens=[court.token(court.anne, seconds(90), VISITOR)])
    court.click(bert, seconds(30), visitor=VISITOR)
    court.redecide()
    assert court.dispute(commission, status=409)["code"] == "attributed_to_somebody_else"


@pytest.mark.slow
def test_what_is_reinstated_goes_to_another_when_a_late_click_says_so(court):
    bert = court.join()
    commission = court.decline(tokens=[court.token(court.anne, seconds(90), VISITOR)])
    court.say("shop", court.dispute(commission), "answer", ACCEPT)
    court.work()
    court.click(bert, seconds(30), visitor=VISITOR)
    court.redecide()
    assert (court.stands(), court.kinds()[-1]) == (("0.00", "reversed"), "reversed")
    assert court.broken_promises() == {}


def test_a_win_waits_while_clicks_from_before_the_order_may_still_arrive(court):
    court.edge_mark(ago=dt.timedelta(minutes=1))
    commission = court.decline()
    opened = court.dispute(commission)
    court.say("shop", opened, "answer", ACCEPT)
    court.sweep()
    assert (court.look(opened)["money"]["state"], court.stands(), court.due()) == (
        "due",
        ("0.00", "declined"),
        0,
    )
    court.edge_mark(ago=-seconds(1))
    court.work()
    assert court.stands() == ("10.00", "pending")


def test_silence_of_the_shop_gives_the_adviser_what_is_within_the_limit(court):
    opened = court.dispute(court.decline())
    assert opened["silence"] == "adviser"
    court.move_clock(days=14)
    late = court.say("shop", opened, "answer", REJECT, status=409)
    assert (late["code"], court.look(opened)["next"]) == ("dispute_term_passed", [])
    assert court.due() == 1
    court.work()
    ended = court.look(opened)
    assert (ended["outcome"], ended["ended_by"], ended["money"]["state"]) == (
        "adviser",
        "silence",
        "reinstated",
    )
    assert (court.stands(), court.sweep(), court.broken_promises()) == (("10.00", "pending"), 0, {})


def test_silence_of_the_shop_about_more_than_the_limit_brings_it_to_the_platform(court):
    opened = court.dispute(court.decline(lines=[line(net="2500.10")]))
    assert (opened["amount"], opened["silence"]) == (money("250.01"), "platform")
    court.move_clock(days=14)
    court.work()
    raised = court.look(opened)
    assert (raised["state"], raised["events"][-1]["by"], court.stands()) == (
        "escalated", "clock", ("0.00", "declined"),
    )  # fmt: skip
    assert turns(raised) == [("platform", "decide"), ("adviser", "withdraw")]
    court.move_clock(days=300)
    assert (court.work(), court.due()) == (0, 0)


@pytest.mark.slow
def test_lines_that_came_after_the_decline_do_not_let_silence_give_more_than_its_limit(court):
    opened = court.dispute(court.decline())
    court.call("POST", "/orders/A-1/lines", {"lines": [line("2", "3000.00")]}, status=201)
    court.move_clock(days=14)
    court.work()
    assert court.look(opened)["state"] == "escalated"


def test_an_adviser_who_does_not_escalate_in_time_leaves_it_as_the_shop_said(court):
    opened = court.dispute(court.decline())
    rejected = court.say("shop", opened, "answer", REJECT)
    assert (rejected["state"], turns(rejected)[0]) == ("rejected", ("adviser", "escalate"))
    court.move_clock(days=7)
    assert (
        court.say("anne", opened, "escalate", {"statement": "No."}, status=409)["code"]
        == "dispute_term_passed"
    )
    court.work()
    closed = court.look(opened)
    assert (closed["state"], closed["outcome"], closed["ended_by"]) == ("closed", "shop", "silence")
    assert (closed["money"]["state"], court.stands(), court.broken_promises()) == (
        "lost",
        ("0.00", "declined"),
        {},
    )


@pytest.mark.slow
def test_the_platform_decides_for_the_shop_and_the_commission_stays_declined(court):
    opened = court.escalated(court.decline())
    decided = court.say(
        "admin", opened, "decide", {"outcome": "shop", "reason": "Brand bidding is excluded."}
    )
    assert (decided["outcome"], decided["money"]["state"]) == ("shop", "lost")
    court.move_clock(days=60)
    court.work()
    assert (court.stands(), court.broken_promises()) == (("0.00", "declined"), {})


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_the_adviser_withdraws_at_any_time_before_the_end(court, steps):
    opened = court.dispute(court.decline())
    if steps:
        court.say("shop", opened, "answer", REJECT)
    if steps == 2:
        court.say("anne", opened, "escalate", {"statement": "No."})
    withdrawn = court.say("anne", opened, "withdraw")
    assert (withdrawn["state"], withdrawn["outcome"], withdrawn["ended_by"]) == (
        "withdrawn",
        "shop",
        "adviser",
    )
    court.work()
    assert court.stands() == ("0.00", "declined")


@pytest.mark.slow
def test_test_orders_are_disputed_too_by_keys_of_their_own_mode_and_move_no_money(court):
    answer = court.report(court.order("T-1", court.token(court.anne)), bearer=court.test_key)
    court.work()
    commission = answer["commissions"][0]["id"]
    path = f"/commissions/{commission}/decline"
    court.call("POST", path, {"reason": "duplicate"}, status=200, bearer=court.test_key)
    opened = court.dispute(commission)
    path = f"/disputes/{opened['id']}/answer"
    assert court.call("POST", path, ACCEPT, status=404, bearer=court.key)["code"] == "not_found"
    assert court.call("POST", path, ACCEPT, status=200, bearer=court.test_key)["outcome"] == "adviser"
    court.work()
    assert court.look(opened)["money"]["state"] == "reinstated"
    assert (
        court.rows(
            "SELECT * FROM accrual_due d JOIN commission c ON c.id = d.commission_id WHERE c.mode = 'test'"
        )
        == []
    )
    assert court.rows("SELECT * FROM mail_message WHERE template = 'dispute'") == []
