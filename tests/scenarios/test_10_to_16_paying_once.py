"""Scenarios 10 to 16: one Stripe transfer per payout, whoever else pays, dies, is slow or does not answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.core.errors import AppError
from marketplace.core.money import Money
from payouts.runs import execution
from payouts.runs import service as runs
from payouts.settlement import attempts, claims, promises, sending
from payouts.settlement.pace import Pace
from payouts.settlement.payout_models import Payout, PayoutRun
from tests.integration.payouts.sandbox.sandbox_process import ROOT
from tests.integration.payouts.settling import KEY, World, slowly
from tests.scenarios.dying_worker import STEPS


def started(world: World, *earned: int) -> PayoutRun:
    """Let advisers have earned so much, and start a run that pays them."""
    world.budget(2 * sum(earned))
    for cents in earned:
        world.adviser(earned=cents)
    return world.start()


def test_two_runs_at_once_pay_each_adviser_once(world: World) -> None:
    """Scenario 10: two payout runs started at once give each adviser one payout and one Stripe transfer."""
    world.budget(100_000)
    advisers = [world.adviser(earned=3_000 + n) for n in range(4)]
    drafts, people = [world.draft(), world.draft()], [world._finance(), world._finance()]
    world.play("app")
    now, wall, start = world.now(), clock.wall(), Barrier(2)
    outcomes: list[Any] = [None, None]

    def approve(place: int) -> None:
        run, who = drafts[place], people[place]
        total = Money(run.total_minor or 0, "EUR")
        facts = {"content_hash": run.content_hash or "", "total": total, "code": who.code(), "now": now}
        start.wait()
        try:
            with db.use_scope(who.scope), db.transaction() as session:
                outcomes[place] = runs.approve(session, who.actor, run.id, wall=wall, **facts).state  # type: ignore[arg-type]
        except AppError as error:
            outcomes[place] = error

    threads = [Thread(target=approve, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in outcomes) == ["RunStale", "str"], outcomes
    [run] = [run for run, outcome in zip(drafts, outcomes, strict=True) if outcome == "approved"]
    world.web(lambda session: runs.execute(session, world.maker.actor, run.id, now))
    world.work(run)
    assert world.transfers() == (4, sum(3_000 + n for n in range(4)))
    payouts = world.read(lambda session: list(session.scalars(sa.select(Payout))))
    assert Counter(payout.adviser_id for payout in payouts) == Counter(one.id for one in advisers)


def test_response_lost_after_commit_retries_same_key_and_pays_once(world: World) -> None:
    """Scenario 11: Stripe commits and the response is lost: the same key is sent, one transfer, posted once."""
    run = started(world, 4_000)
    [payout] = world.payouts(run)
    world.sandbox.fault("drop_after")
    world.work(run)
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("unknown", "uncertain")
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:in_transit", payout.adviser_id) == 4_000
    world.advance(minutes=1)
    world.work(run)
    [payout] = world.payouts(run)
    [attempt] = world.attempts(payout)
    assert (payout.state, attempt.outcome, attempt.sends) == ("paid", "created", 2)
    assert attempt.idem_key == f"payout-{payout.id}-a1"
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:in_transit", payout.adviser_id) == 0
    assert world.balance("stripe:platform_balance") == 4_000
    posted = sa.text("SELECT count(*) FROM entry WHERE kind = 'sent'")
    assert world.read(lambda session: session.execute(posted).scalar_one()) == 1


@pytest.mark.parametrize("lost", ["drop_after", "drop_before"])
def test_after_25_hours_the_transfer_is_looked_up_and_adopted_without_a_post(world: World, lost: str) -> None:
    """Scenario 12: after 25 hours the worker looks up the transfer group, adopts the transfer, and sends no POST."""
    run = started(world, 4_000)
    world.sandbox.fault(lost)
    world.work(run)
    world.advance(hours=25)
    # A POST now would be a second transfer, because Stripe has forgotten the key; so any POST is made to fail loudly.
    world.sandbox.fault("500_stored", times=50)
    world.work(run)
    [trap] = world.sandbox.ask("faults")["data"]
    assert trap["fired"] == 0
    [payout] = world.payouts(run)
    if lost == "drop_after":
        [attempt] = world.attempts(payout)
        assert (payout.state, attempt.outcome, attempt.sends) == ("paid", "adopted", 1)
        assert world.transfers() == (1, 4_000)
        return
    # Nothing was found: only a second empty look-up, five minutes later, allows a new attempt with a new key.
    assert (payout.state, payout.reason) == ("unknown", "looking_up")
    world.advance(minutes=4)
    world.work(run)
    assert [one.look_ups for one in world.attempts(payout)] == [1]
    world.advance(minutes=2)
    world.work(run)
    assert [one.look_ups for one in world.attempts(payout)] == [2]
    world.sandbox.ask("faults", method="DELETE")
    world.advance(minutes=6)
    world.work(run)
    assert [one.state for one in world.payouts(run)] == ["paid"]
    assert [one.outcome for one in world.attempts(payout)] == ["abandoned", "created"]
    assert [one.idem_key[-3:] for one in world.attempts(payout)] == ["-a1", "-a2"]
    assert world.transfers() == (1, 4_000)


def test_killed_at_each_step_between_reserve_and_record_converges_to_one_transfer(world: World) -> None:
    """Scenario 13: SIGKILL at each step between reserve and record; a restart converges to one transfer, each tried."""
    run = started(world, *(4_000 + n for n in range(len(STEPS))))
    environment = dict(
        os.environ,
        AANRADER_MODE="test",
        DATABASE_URL=world.database.url("worker"),
        STRIPE_API_KEY=KEY,
        STRIPE_API_BASE=world.sandbox.base,
    )
    program = [sys.executable, "-m", "tests.scenarios.dying_worker", str(run.id)]
    sent_by_the_dead = []
    with subprocess.Popen(
        program, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        for step in STEPS:
            worker.stdin.write(f"{step}\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == "9\n", step
            sent_by_the_dead.append(world.transfers()[0])
        worker.stdin.close()
    # Whether a dead worker's payout is taken over at once or left alone for a while: only the last three asked Stripe.
    assert sent_by_the_dead[:4] == [0, 0, 0, 0]
    assert sent_by_the_dead[4] == 1
    assert sent_by_the_dead[6] <= 3
    assert "paid" in {payout.state for payout in world.payouts(run)}
    world.advance(minutes=3)
    world.work(run)
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * len(STEPS)
    assert [[one.n for one in world.attempts(payout)] for payout in payouts] == [[1]] * len(STEPS)
    assert world.transfers() == (len(STEPS), sum(4_000 + n for n in range(len(STEPS))))
    assert world.run(run.id).state == "done"
    for check in (promises.payouts_equal_lines, promises.in_transit_equals_open, promises.one_live_transfer):
        assert world.read(check).holds


@pytest.mark.parametrize("effect", [False, True])
def test_a_stored_500_is_looked_up_before_a_new_key_and_pays_once(world: World, effect: bool) -> None:
    """Scenario 14: a stored 500 gets no blind new key: look-up first, then attempt 2, and one transfer in total."""
    run = started(world, 4_000)
    world.sandbox.fault("500_stored", effect=effect)
    world.work(run)
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("unknown", "stored_failure")
    world.work(run)
    [payout] = world.payouts(run)
    if effect:
        assert [one.outcome for one in world.attempts(payout)] == ["adopted"]
    else:
        assert [(one.look_ups, one.sends) for one in world.attempts(payout)] == [(1, 1)]
        world.work(run)
        assert [one.look_ups for one in world.attempts(payout)] == [1]
        for _ in range(2):
            world.advance(minutes=6)
            world.work(run)
        [payout] = world.payouts(run)
        assert [one.outcome for one in world.attempts(payout)] == ["abandoned", "created"]
    assert payout.state == "paid"
    assert world.transfers() == (1, 4_000)


def test_after_a_refusal_gave_the_money_back_the_old_request_pays_nothing(world: World) -> None:
    """Scenario 15: after a definitive rejection and release of funds the old request pays nothing (#11022)."""
    run = started(world, 4_000)
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        slow = claims.claim(session, payout.id, clock.now())
    assert slow is not None
    world.advance(minutes=3)
    world.sandbox.ask("settings", {"transfer_minimum": 5_000})
    world.work(run)
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("released", "amount_too_small")
    assert world.balance("adviser:available", payout.adviser_id) == 4_000
    assert world.balance("adviser:in_transit", payout.adviser_id) == 0
    # From here Stripe would take the same request, with the same key.
    world.sandbox.ask("settings", {"transfer_minimum": 1})
    world.advance(hours=1)
    assert world.work(run) == 0
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is None
    # Who had it in hand all the time may not open an attempt, and what the old request answers counts for nothing.
    assert db.run_in_transaction(lambda session: attempts.open_attempt(session, slow, clock.now())) is False
    with pytest.raises(sa.exc.IntegrityError, match="no reserve to send"), world.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO payout_attempt (id, payout_id, n, idem_key, request_hash, first_sent_at)"
                " VALUES (gen_random_uuid(), :p, 2, 'k', '', now())"
            ),
            {"p": payout.id},
        )
    assert world.transfers() == (0, 0)
    # The next run pays it once, by the lines of what came back.
    again = world.start()
    world.work(again)
    assert [one.state for one in world.payouts(again)] == ["paid"]
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:available", payout.adviser_id) == 0


@pytest.mark.parametrize("fault", ["429_rate", *slowly("409", "429_lock")])
def test_bursts_of_429_are_waited_out_with_the_same_key_in_order_of_approval(
    world: World, fault: str
) -> None:
    """Scenario 16: 429 bursts are backed off, the batch ends complete and in order of approval."""
    run = started(world, 4_000, 4_001, 4_002)
    world.sandbox.fault(fault, times=2)
    assert world.work(run) == 3
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 3
    assert [len(world.attempts(payout)) for payout in payouts] == [1, 1, 1]
    assert [payout.paid_at for payout in payouts] == sorted(payout.paid_at for payout in payouts)  # type: ignore[type-var]
    assert world.transfers() == (3, 12_003)


def test_a_long_429_ends_the_go_and_the_next_one_continues_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 16: a burst that outlasts the back-off ends the go, and the next one goes on where it stopped."""
    monkeypatch.setattr(sending, "PAUSES", 1)
    run = started(world, 4_000, 4_001, 4_002)
    world.sandbox.fault("429_rate", times=2, nth=2)
    assert world.work(run) == 1
    assert [payout.state for payout in world.payouts(run)] == ["paid", "sending", "approved"]
    world.advance(minutes=1)
    assert world.work(run) == 2
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 3
    assert [len(world.attempts(payout)) for payout in payouts] == [1, 1, 1]
    assert world.transfers() == (3, 12_003)


def test_calls_stay_below_the_rate_also_while_429_are_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 16: the rate of calls stays at or below the limit, repeats and other workers of the process included."""
    # Slow enough to tell calls that were held back from calls that are slow by themselves.
    monkeypatch.setattr(world.gateway, "_pace", Pace(5))
    monkeypatch.setattr(sending, "_FIRST_PAUSE_MS", 1)
    called: list[int] = []
    write = world.gateway._write

    def noting(*arguments: Any, **named: Any) -> Any:
        called.append(time.monotonic_ns())
        return write(*arguments, **named)

    monkeypatch.setattr(world.gateway, "_write", noting)
    run = started(world, 4_000, 4_001, 4_002)
    called.clear()
    world.sandbox.fault("429_rate", times=2)
    world.worker()
    together = [Thread(target=execution.work, args=(world.gateway, run.id, clock.now)) for _ in range(2)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert [payout.state for payout in world.payouts(run)] == ["paid"] * 3
    assert len(called) == 5
    assert (called[-1] - called[0]) / 1e9 >= 4 / 5 - 0.05
    assert world.transfers() == (3, 12_003)
