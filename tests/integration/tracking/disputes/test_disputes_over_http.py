"""Disputes over the API: who may do what in which order, what each refusal is called, and what becomes of the money."""

import pytest

from marketplace.core import clock
from tests.integration.tracking.disputes.court import WORDS
from tests.integration.tracking.trade import line, money
from tracking.disputes import clockwork


def test_what_the_shop_accepts_stands_again_and_the_clock_approves_it(court):
    commission = court.decline()
    opened = court.dispute(commission)
    assert (opened["state"], opened["amount"], opened["declined"]["reason"]) == (
        "open", money("10.00"), "outside_terms",
    )  # fmt: skip
    assert [(one["who"], one["action"]) for one in opened["next"]] == [("shop", "answer"), ("adviser", "withdraw")]
    assert {one["until"] for one in opened["next"]} == {opened["answer_by"]}
    assert "Nothing is reserved" in opened["note"]
    answered = court.say("shop", opened, "answer", {"outcome": "accept", "statement": "Our mistake."})
    assert (answered["state"], answered["outcome"], answered["ended_by"]) == ("decided", "adviser", "shop")
    assert (answered["money"]["state"], answered["next"]) == ("due", [])
    court.sweep()
    told = court.look(opened)["money"]
    assert (told["state"], told["reinstated"]) == ("reinstated", money("10.00"))
    assert (court.stands(), court.kinds()) == (("10.00", "pending"), ["earned", "declined", "reinstated"])
    court.move_clock(days=31)
    court.work()
    assert (court.stands(), court.show()["attribution"]["state"]) == (("10.00", "approved"), "final")
    assert (court.broken_promises(), court.due(), court.sweep()) == ({}, 0, 0)


def test_a_hold_that_passed_while_it_was_disputed_is_not_begun_anew(court):
    opened = court.dispute(court.decline())
    court.move_clock(days=10)
    court.say("shop", opened, "answer", {"outcome": "reject", "reason": "outside_terms"})
    court.say("anne", opened, "escalate", {"statement": "No."})
    court.move_clock(days=40)
    decided = court.say("admin", opened, "decide", {"outcome": "adviser", "reason": "The terms say so."})
    assert decided["events"][-1]["reason"] == "The terms say so."
    court.work()
    assert court.stands() == ("10.00", "approved")


def test_what_was_reinstated_can_be_approved_early_and_never_declined_again(court):
    commission = court.decline()
    opened = court.dispute(commission)
    court.say("shop", opened, "answer", {"outcome": "accept"})
    court.work()
    again = court.call("POST", f"/commissions/{commission}/decline", {"reason": "duplicate"}, status=409)
    assert (again["code"], "reinstated after a dispute" in again["detail"]) == ("illegal_transition", True)
    court.call("POST", f"/commissions/{commission}/approve", {}, status=200)
    assert court.stands() == ("10.00", "approved")
    assert court.dispute(commission, statement="Again.", status=409)["code"] == "dispute_exists"


def test_a_refund_while_it_is_disputed_counts_and_one_after_it_is_taken_back(court):
    commission = court.decline(lines=[line("1"), line("2", "50.00")])
    opened = court.dispute(commission)
    court.refund("A-1", "R-1", {"line_ref": "2", "quantity": 1, "net": money("50.00")})
    court.say("shop", opened, "answer", {"outcome": "accept"})
    court.work()
    assert (court.look(opened)["money"]["reinstated"], court.stands()) == (money("10.00"), ("10.00", "pending"))
    court.refund("A-1", "R-2", {"line_ref": "1", "quantity": 0, "net": money("40.00")})
    assert court.stands() == ("6.00", "pending")
    court.move_clock(days=31)
    court.work()
    court.refund("A-1", "R-3", {"line_ref": "1", "quantity": 1, "net": money("60.00")})
    assert (court.stands(), court.broken_promises()) == (("0.00", "reversed"), {})


def test_when_nothing_remains_a_win_moves_nothing_and_says_so(court):
    opened = court.dispute(court.decline())
    court.call("POST", "/orders/A-1/cancel", {}, status=201)
    court.say("shop", opened, "answer", {"outcome": "accept"})
    court.work()
    told = court.look(opened)["money"]
    assert (told["state"], told["reinstated"], court.stands()) == (
        "nothing_remains", money("0.00"), ("0.00", "declined"),
    )  # fmt: skip
    assert (court.broken_promises(), court.due()) == ({}, 0)


def test_an_order_that_somebody_else_gets_meanwhile_can_not_stand_again_for_the_first(court):
    bert, token = court.join(), court.token(court.anne)
    visitor = b"v" * 16
    commission = court.report(court.order("A-1", court.token(court.anne, visitor=visitor)))["commissions"][0]["id"]
    court.edge_mark(ago=-court_minute())
    court.work()
    court.call("POST", f"/commissions/{commission}/decline", {"reason": "outside_terms"}, status=200)
    opened = court.dispute(commission)
    assert token
    # A later click of the same visitor turns up: Bert's advice came last.
    court.click(bert, ago=clock_now_minus(court), visitor=visitor)
    court.say("shop", opened, "answer", {"outcome": "accept"})
    court.work()
    told = court.look(opened)["money"]
    assert told["state"] == "attributed_to_somebody_else"
    assert court.stands() == ("0.00", "declined")


def court_minute():
    import datetime as dt

    return dt.timedelta(minutes=1)


def clock_now_minus(_court):
    import datetime as dt

    return dt.timedelta(seconds=30)
