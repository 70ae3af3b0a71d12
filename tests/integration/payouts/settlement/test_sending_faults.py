"""One transfer per payout, whatever Stripe does: every fault that the sandbox knows, at the moment of paying."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.core.errors import GatewayUncertain
from marketplace.core.money import Money
from payouts.runs import execution
from payouts.settlement import attempts, claims, sending
from payouts.settlement.gateway import CalledInsideTransaction, TransferOrder
from payouts.settlement.sending import Carried, Purse
from tests.integration.payouts.settling import World, slowly

MONEY = Money(100, "EUR")


def test_answer_lost_after_stripe_committed_pays_once_and_posts_once(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("unknown", "uncertain")
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:in_transit", adviser.id) == 4_000
    world.advance(minutes=1)
    world.work(run)
    [payout] = world.payouts(run)
    [attempt] = world.attempts(payout)
    assert (payout.state, attempt.outcome, attempt.sends) == ("paid", "created", 2)
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:in_transit", adviser.id) == 0
    assert world.balance("stripe:platform_balance") == 46_000


def test_request_lost_before_stripe_saw_it_pays_once(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_before")
    world.work(run)
    assert world.transfers() == (0, 0)
    world.advance(minutes=1)
    world.work(run)
    assert [payout.state for payout in world.payouts(run)] == ["paid"]
    assert world.transfers() == (1, 4_000)


@pytest.mark.parametrize("lost", ["drop_after", "drop_before"])
def test_after_25_hours_the_group_is_looked_up_and_nothing_is_sent_blindly(world: World, lost: str) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault(lost)
    world.work(run)
    world.advance(hours=25)
    # A POST now would be a second transfer, because Stripe has forgotten the key; so any POST is made to fail loudly.
    world.sandbox.fault("500_stored", times=50)
    world.work(run)
    [payout] = world.payouts(run)
    if lost == "drop_after":
        [attempt] = world.attempts(payout)
        assert (payout.state, attempt.outcome, attempt.sends) == ("paid", "adopted", 1)
        assert world.transfers() == (1, 4_000)
        return
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
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    assert [one.outcome for one in world.attempts(payout)] == ["abandoned", "created"]
    assert [one.idem_key[-3:] for one in world.attempts(payout)] == ["-a1", "-a2"]
    assert world.transfers() == (1, 4_000)


@pytest.mark.parametrize("effect", [False, True])
def test_a_stored_500_is_looked_up_before_a_new_key(world: World, effect: bool) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
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


@pytest.mark.parametrize("fault", ["429_rate", *slowly("409", "429_lock")])
def test_a_busy_stripe_gets_the_same_key_again(world: World, fault: str) -> None:
    world.budget(50_000)
    for n in range(3):
        world.adviser(earned=4_000 + n)
    run = world.start()
    world.sandbox.fault(fault, times=2)
    assert world.work(run) == 3
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 3
    assert [len(world.attempts(payout)) for payout in payouts] == [1, 1, 1]
    # Complete, and in the order of approval.
    assert [payout.paid_at for payout in payouts] == sorted(payout.paid_at for payout in payouts)  # type: ignore[type-var]
    assert world.transfers() == (3, 12_003)


def test_a_long_429_ends_the_go_and_the_next_one_continues_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAUSES", 1)
    world.budget(50_000)
    for n in range(3):
        world.adviser(earned=4_000 + n)
    run = world.start()
    world.sandbox.fault("429_rate", times=2, nth=2)
    assert world.work(run) == 1
    assert [payout.state for payout in world.payouts(run)] == ["paid", "sending", "approved"]
    world.advance(minutes=1)
    assert world.work(run) == 2
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 3
    assert [len(world.attempts(payout)) for payout in payouts] == [1, 1, 1]
    assert world.transfers() == (3, 12_003)


def test_a_definitive_refusal_gives_the_money_back_and_the_old_key_is_dead(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.sandbox.ask("settings", {"transfer_minimum": 5_000})
    world.work(run)
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("released", "amount_too_small")
    assert world.balance("adviser:available", adviser.id) == 4_000
    assert world.balance("adviser:in_transit", adviser.id) == 0
    world.sandbox.ask("settings", {"transfer_minimum": 1})
    world.advance(hours=1)
    assert world.work(run) == 0
    # Somebody who would try to open another attempt is refused by the database.
    with pytest.raises(sa.exc.IntegrityError, match="no reserve to send"), world.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO payout_attempt (id, payout_id, n, idem_key, request_hash, first_sent_at)"
                " VALUES (gen_random_uuid(), :p, 2, 'k', '', now())"
            ),
            {"p": payout.id},
        )
    assert world.transfers() == (0, 0)
    # The next run pays it, by the lines of what came back.
    again = world.start()
    world.work(again)
    assert [one.state for one in world.payouts(again)] == ["paid"]
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:available", adviser.id) == 0


def test_a_payout_with_an_unknown_outcome_is_never_released(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    with world.rows() as session:
        session.execute(sa.text("UPDATE payout SET state = 'rejected'"))
    with pytest.raises(sa.exc.IntegrityError, match="outcome is unknown"), world.rows() as session:
        session.execute(sa.text("UPDATE payout SET state = 'released'"))


@pytest.mark.parametrize("action", ["account.swap_bank", "account.disable"])
def test_a_changed_destination_stops_the_payout_and_needs_a_new_approval(world: World, action: str) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.sandbox.act(action, account=payout.destination)
    assert world.work(run) == 1
    [payout] = world.payouts(run)
    expected = {"account.swap_bank": "destination_changed", "account.disable": "account_not_ready"}
    assert (payout.state, payout.reason) == ("released", expected[action])
    assert world.transfers() == (0, 0)
    assert world.balance("adviser:available", adviser.id) == 4_000
    again = world.draft()
    assert again.preview is not None
    reason = "cooling_off" if action == "account.swap_bank" else "account_not_ready"
    assert [one["reason"] for one in again.preview["excluded"]] == [reason]
    if action == "account.swap_bank":
        world.advance(hours=72)
        again = world.start()
        world.work(again)
        assert [one.state for one in world.payouts(again)] == ["paid"]


def test_money_for_seven_of_ten_sends_seven_and_a_top_up_resumes_just_three(world: World) -> None:
    world.budget(40_000)
    for _ in range(10):
        world.adviser(earned=4_000)
    # Somebody withdrew 100.00 by hand, so Stripe has less than the books.
    world.sandbox.act("balance.drain", amount=10_000, currency="eur")
    run = world.start()
    assert world.work(run) == 7
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 7 + ["approved"] * 3
    assert {payout.reason for payout in payouts[7:]} == {"insufficient_funds"}
    assert world.run(run.id).state == "executing"
    world.advance(minutes=20)
    assert world.work(run) == 0
    world.sandbox.act("balance.topup", amount=11_000, currency="eur")
    world.worker()
    assert execution.resume_funded(world.gateway, clock.now) == 3
    assert world.work(run) == 3
    assert [payout.state for payout in world.payouts(run)] == ["paid"] * 10
    assert world.transfers() == (10, 40_000)
    assert world.run(run.id).state == "done"


def test_stripes_own_balance_refusal_holds_the_money(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    purse = Purse(world.gateway)
    world.worker()
    assert purse.covers(world.payouts(run)[0].amount)
    world.sandbox.act("balance.drain", amount=48_000, currency="eur")
    assert sending.carry_out(world.gateway, world.payouts(run)[0].id, purse, clock.now) is Carried.WAITING
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("rejected", "balance_insufficient")
    assert world.balance("adviser:in_transit", adviser.id) == 4_000
    world.sandbox.act("balance.topup", amount=48_000, currency="eur")
    world.worker()
    assert execution.resume_funded(world.gateway, clock.now) == 1
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    assert [one.outcome for one in world.attempts(payout)] == ["rejected", "created"]
    assert world.transfers() == (1, 4_000)


def test_no_call_happens_inside_a_transaction(world: World) -> None:
    world.worker()
    order = TransferOrder(world.shop_id, 1, MONEY, "acct_x", "x")
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        world.gateway.create_transfer("k", order)
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        world.gateway.balances()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["after_call", *slowly("claim", "open_attempt", "before_call", "record")])
def test_a_process_killed_at_any_step_converges_to_one_transfer(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    send = world.gateway.create_transfer

    def die(*_: object, **__: object) -> object:
        raise Killed

    def die_after(key: str, order: TransferOrder) -> object:
        send(key, order)
        raise Killed

    with monkeypatch.context() as patch:
        if step == "claim":
            patch.setattr(sending, "_begin", die)
        if step == "open_attempt":
            patch.setattr(sending, "_send", die)
        if step == "before_call":
            patch.setattr(world.gateway, "create_transfer", die)
        if step == "after_call":
            patch.setattr(world.gateway, "create_transfer", die_after)
        if step == "record":
            patch.setattr(attempts, "paid", die)
        with pytest.raises(Killed):
            world.work(run)
    world.advance(minutes=3)
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    assert [one.n for one in world.attempts(payout)] == [1]
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:in_transit", adviser.id) == 0


def test_a_lease_keeps_others_away_until_it_ends(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is not None
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is None


def test_lost_answers_are_named_uncertain(world: World) -> None:
    adviser = world.adviser()
    account = world.account_of(adviser.id)
    world.sandbox.act("balance.topup", amount=1_000, currency="eur")
    world.sandbox.fault("drop_after")
    order = TransferOrder(adviser.id, 1, MONEY, account.stripe_account_id or "", "x")
    with pytest.raises(GatewayUncertain):
        world.gateway.create_transfer("k1", order)
    first = world.gateway.create_transfer("k1", order)
    assert world.gateway.transfers_in(order.group) == [first] or first.request_id is not None
    assert world.transfers() == (1, 100)
