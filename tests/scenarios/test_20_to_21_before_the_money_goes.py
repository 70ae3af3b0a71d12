"""Scenarios 20 and 21: what is looked at again between approval and sending, and what happens when money is short."""

from __future__ import annotations

import pytest

from marketplace.accounts.models import Adviser, AdviserState
from marketplace.core import clock
from payouts.runs import execution
from tests.integration.payouts.settling import World
from tests.integration.tracking.trade import money


@pytest.mark.parametrize("action", ["account.swap_bank", "account.disable"])
def test_a_changed_destination_stops_the_payout_and_needs_a_new_approval(world: World, action: str) -> None:
    """Scenario 20: account disabled or bank swapped between approval and send: it stops and needs re-approval."""
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
    world.advance(minutes=20)
    assert world.work(run) == 0
    again = world.draft()
    assert again.preview is not None
    reason = "cooling_off" if action == "account.swap_bank" else "account_not_ready"
    assert [one["reason"] for one in again.preview["excluded"]] == [reason]
    # Finance and the adviser read why.
    _, told = world.call("GET", f"/runs/{run.id}", {"Authorization": f"Bearer {world.maker.key}"})
    assert [(one["state"], one["reason"]) for one in told["payouts"]] == [("released", expected[action])]
    _, account = world.call("GET", "/payout-account", world.token(adviser.actor.user_id))
    assert account["blocked_by"] == reason
    if action == "account.swap_bank":
        world.advance(hours=72)
        again = world.start()
        world.work(again)
        assert [one.state for one in world.payouts(again)] == ["paid"]


def test_an_adviser_banned_after_approval_is_not_paid(world: World) -> None:
    """Scenario 20: the adviser too is looked at again: one who was banned since approval is not paid."""
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    world.advance(minutes=1)
    with world.rows() as session:
        session.get_one(Adviser, adviser.id).state = "banned"
        session.add(AdviserState(adviser_id=adviser.id, state="banned", from_at=clock.now()))
    world.advance(minutes=1)
    assert world.work(run) == 1
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("released", "banned")
    assert world.transfers() == (0, 0)
    assert world.balance("adviser:available", adviser.id) == 4_000


def test_money_that_stripe_still_holds_back_pays_nobody_yet(world: World) -> None:
    """Scenario 21: what a shop paid in counts from the day on which Stripe makes it available, not before."""
    settings = {"available_after_days": 7, "fee_basis_points": 0, "fee_fixed": 0}
    world.sandbox.ask("settings", settings)
    headers = world.token(world.owner.user_id)
    _, page = world.call("POST", "/funding", headers, amount=money("200.00"))
    world.sandbox.click(page["url"])
    world.deliver()
    world.handle()
    assert world.balance("stripe:platform_balance") == 20_000
    world.adviser(earned=4_000)
    run = world.start()
    assert world.work(run) == 0
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("approved", "insufficient_funds")
    world.worker()
    assert execution.resume_funded(world.gateway, clock.now) == 0
    world.advance(days=7)
    world.worker()
    world.work(run)
    assert [one.state for one in world.payouts(run)] == ["paid"]
    assert [one.n for one in world.attempts(payout)] == [1]
    assert world.transfers() == (1, 4_000)


def test_money_for_seven_of_ten_sends_seven_and_a_top_up_resumes_just_three(world: World) -> None:
    """Scenario 21: the balance covers 7 of 10: 7 sent, 3 stay reserved with a clear cause, top-up resumes just those."""
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
    assert [world.balance("adviser:in_transit", payout.adviser_id) for payout in payouts[7:]] == [4_000] * 3
    status, told = world.call("GET", f"/runs/{run.id}", {"Authorization": f"Bearer {world.maker.key}"})
    assert (status, told["state"]) == (200, "executing")
    assert told["progress"]["parts"] == [
        {"state": "approved", "reason": "insufficient_funds", "payouts": 3, "amount": money("120.00")},
        {"state": "paid", "reason": None, "payouts": 7, "amount": money("280.00")},
    ]
    world.advance(minutes=20)
    assert world.work(run) == 0
    world.sandbox.act("balance.topup", amount=11_000, currency="eur")
    world.worker()
    assert execution.resume_funded(world.gateway, clock.now) == 3
    assert world.work(run) == 3
    assert [payout.state for payout in world.payouts(run)] == ["paid"] * 10
    assert [len(world.attempts(payout)) for payout in payouts] == [1] * 10
    assert world.transfers() == (10, 40_000)
    assert world.run(run.id).state == "done"
