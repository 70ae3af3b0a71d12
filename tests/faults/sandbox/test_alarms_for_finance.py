"""What must never happen at Stripe is an alarm that a person sees, and never a second payment or a wrong word."""

from __future__ import annotations

import dataclasses
import uuid

import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.core.money import Money
from payouts.runs import execution
from payouts.settlement import attempts, claims
from payouts.settlement.breaks import ALARMS
from payouts.settlement.gateway import Transfer, TransferOrder, transfer_key
from payouts.settlement.models import Break
from payouts.settlement.payout_models import Payout, PayoutRun
from tests.integration.payouts.settling import World


def started(world: World, cents: int = 4_000) -> tuple[PayoutRun, Payout]:
    """Start a run of one payout and return both."""
    world.budget(50_000)
    world.adviser(earned=cents)
    run = world.start()
    [payout] = world.payouts(run)
    return run, payout


def alarms(world: World) -> list[Break]:
    """Return what finance is alarmed of."""
    return world.read(lambda session: list(session.scalars(sa.select(Break).order_by(Break.first_seen_at))))


def by_hand(world: World, payout: Payout, cents: int, key: str = "by-hand", group: str = "") -> Transfer:
    """Let somebody make a transfer to the adviser, in the payout's group unless another payout is named."""
    order = TransferOrder(
        uuid.UUID(group) if group else payout.id, 9, Money(cents, "EUR"), payout.destination, "by hand"
    )
    world.worker()
    return world.gateway.create_transfer(key, order)


def test_a_transfer_of_another_amount_is_an_alarm_and_settles_nothing(world: World) -> None:
    run, payout = started(world)
    world.sandbox.fault("drop_before")
    world.work(run)
    made = by_hand(world, payout, 3_999)
    world.advance(hours=25)
    assert world.work(run) == 0
    [payout] = world.payouts(run)
    assert payout.state in ("sending", "unknown")
    assert world.balance("adviser:in_transit", payout.adviser_id) == 4_000
    [alarm] = alarms(world)
    assert (alarm.kind, alarm.ref, alarm.amount_minor, alarm.state) == (
        "transfer_mismatch",
        made.transfer_id,
        3_999,
        "open",
    )
    assert alarm.kind in ALARMS
    # However often it is looked at: the same alarm, and no transfer of ours beside it.
    for _ in range(3):
        world.advance(minutes=20)
        world.work(run)
    assert [one.id for one in alarms(world)] == [alarm.id]
    assert world.transfers() == (1, 3_999)
    assert [one.n for one in world.attempts(payout)] == [1]


def test_a_second_transfer_that_a_look_up_finds_is_an_alarm_and_the_first_one_counts(world: World) -> None:
    run, payout = started(world)
    world.sandbox.fault("drop_after")
    world.work(run)
    world.advance(minutes=1)
    by_hand(world, payout, 4_000)
    world.advance(hours=25)
    assert world.work(run) == 1
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    [alarm] = alarms(world)
    assert (alarm.kind, alarm.amount_minor, alarm.state) == ("duplicate", 4_000, "open")
    assert alarm.ref != payout.stripe_transfer_id
    assert world.balance("stripe:platform_balance") == 46_000
    assert world.transfers() == (2, 8_000)


def test_a_key_that_stripe_knows_with_other_content_is_an_alarm_and_pays_once(world: World) -> None:
    run, payout = started(world)
    by_hand(world, payout, 777, key=transfer_key(payout.id, 1), group=str(uuid.uuid4()))
    assert world.work(run) == 0
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("unknown", "stored_failure")
    [alarm] = alarms(world)
    assert (alarm.kind, alarm.ref, alarm.state) == ("key_reused", transfer_key(payout.id, 1), "open")
    for _ in range(4):
        world.work(run)
        world.advance(minutes=6)
    assert [one.outcome for one in world.attempts(payout)] == ["abandoned", "created"]
    assert world.transfers() == (2, 4_777)


def test_an_answer_for_money_that_was_given_back_is_an_alarm_and_changes_no_books(world: World) -> None:
    run, payout = started(world)
    world.worker()
    with db.transaction() as session:
        slow = claims.claim(session, payout.id, clock.now())
    assert slow is not None
    world.advance(minutes=6)
    world.sandbox.ask("settings", {"transfer_minimum": 5_000})
    world.work(run)
    assert [one.state for one in world.payouts(run)] == ["released"]
    world.sandbox.ask("settings", {"transfer_minimum": 1})
    made = by_hand(world, payout, 4_000)
    late = dataclasses.replace(slow)
    recorded = db.run_in_transaction(
        lambda session: attempts.paid(session, late, made, "created", clock.now()), point="test.paid"
    )
    assert recorded is False
    assert [one.state for one in world.payouts(run)] == ["released"]
    assert world.balance("adviser:available", payout.adviser_id) == 4_000
    assert world.balance("stripe:platform_balance") == 50_000
    [alarm] = alarms(world)
    assert (alarm.kind, alarm.ref) == ("transfer_mismatch", made.transfer_id)
    assert alarm.cause == "A transfer exists for money that was given back."


def test_an_approved_run_that_nobody_started_sends_nothing(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.approve(world.draft())
    [payout] = world.payouts(run)
    assert world.work(run) == 0
    world.worker()
    assert execution.sweep(world.gateway, clock.now) == 0
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is None
    assert world.transfers() == (0, 0)
