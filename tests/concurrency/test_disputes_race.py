"""Two at one moment in a dispute: one of them is first, the other is told so, and money moves once."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from marketplace.core import db
from marketplace.core.errors import IllegalTransition
from tests.integration.tracking.disputes.court import WORDS, Court
from tracking.commissions import reinstatement
from tracking.disputes import clockwork, service
from tracking.disputes.rules import DisputeTermPassed
from tracking.disputes.service import Said

INSTANT = dt.timedelta(microseconds=1)


@pytest.fixture
def court(database):
    """A shop with one adviser, and an admin of the platform."""
    return Court(database)


def at_once(*calls):
    """Run all calls in threads that start together; return their answers."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def ends(court, opened):
    kinds = [event["kind"] for event in court.look(opened)["events"]]
    assert sum(kind in ("accepted", "decided", "withdrawn", "closed") for kind in kinds) == 1, kinds
    assert court.broken_promises() == {}
    return kinds


def test_one_decline_disputed_ten_times_at_once_is_one_dispute(court):
    commission = court.decline()
    body = {"commission_id": commission} | WORDS
    answers = at_once(*[lambda: court.send("POST", "/disputes", body, bearer=court.anne.bearer)] * 10)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len(court.rows("SELECT id FROM dispute_event")) == 1


def test_a_dispute_that_was_sent_just_before_the_decline_it_finds_is_opened_at_the_decline(court):
    commission, anne = UUID(court.decline()), court.anne.actor
    with court.as_worker():
        with db.session() as session:
            declined_at = reinstatement.decline_of(session, commission).at
        early, said = declined_at - INSTANT, Said(statement="Why?")
        opened_at = db.run_in_transaction(
            lambda session: service.open_dispute(session, anne, commission, said, early)[0].opened_at,
            point="test.open",
        )
    assert opened_at == declined_at
    assert court.broken_promises() == {}


def test_decide_and_withdraw_at_one_moment_leave_one_end(court):
    opened = court.escalated(court.decline())
    path = f"/disputes/{opened['id']}"
    decision = {"outcome": "adviser", "reason": "So."}
    answers = at_once(
        lambda: court.send("POST", f"{path}/decide", decision, bearer=court.admin),
        lambda: court.send("POST", f"{path}/withdraw", {}, bearer=court.anne.bearer),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    court.work()
    kinds = ends(court, opened)
    assert (court.stands()[0] == "10.00") == (kinds[-1] == "decided")


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.slow) for turn in (1, 2))])
def test_of_an_answer_in_the_last_instant_and_the_clock_one_is_first_and_the_other_hears_it(court, turn):
    opened = court.dispute(court.decline())
    one, end = UUID(opened["id"]), dt.datetime.fromisoformat(opened["answer_by"])
    owner, said = court.world.owner, Said("duplicate", None)

    def answer():
        work = lambda session: service.answer(session, owner, one, "reject", said, end - INSTANT)  # noqa: E731
        try:
            return db.run_in_transaction(work, point="test.answer")[0].state
        except (IllegalTransition, DisputeTermPassed):
            return "refused"

    def silence():
        return db.run_in_transaction(lambda session: clockwork.proceed(session, one, end), point="test.clock")

    with court.as_worker():
        calls = [silence, answer, silence]
        said_by = at_once(*calls[turn:], *calls[:turn])
    kinds = [event["kind"] for event in court.look(opened)["events"]]
    if "rejected" in said_by:
        assert kinds == ["opened", "rejected"]
        assert court.kinds() == ["earned", "declined"]
    else:
        assert kinds == ["opened", "decided"]
        assert court.kinds() == ["earned", "declined", "reinstated"]
    assert court.broken_promises() == {}


def test_two_workers_carry_out_a_win_once(court):
    opened = court.dispute(court.decline())
    court.say("shop", opened, "answer", {"outcome": "accept"})
    with court.as_worker():
        done = at_once(*[clockwork.go_on_due] * 4)
    # The mails of two events, one reinstatement; whoever comes second finds nothing to do.
    assert sum(done) == 3
    assert court.kinds() == ["earned", "declined", "reinstated"]
    assert ends(court, opened) == ["opened", "accepted"]
