"""From the connected account to the bank: in whatever order the news comes, the end is what Stripe says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketplace.core import clock, db
from payouts.settlement import bank_leg, promises
from payouts.settlement.payout_models import Payout
from tests.integration.payouts.settling import World, slowly

ROOT = Path(__file__).resolve().parents[4]


def paid(world: World) -> Payout:
    """Pay one adviser and return the payout; the webhooks so far are delivered and handled."""
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    world.deliver()
    world.handle()
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    return payout


def now_of(world: World, payout: Payout) -> Payout:
    """Return the payout as it is now."""
    return world.read(lambda session: session.get_one(Payout, payout.id))


def settle_webhooks(world: World) -> None:
    """Deliver and handle until nothing comes any more."""
    for _ in range(4):
        world.deliver()
        world.handle()


def poll(world: World) -> int:
    """Do what the sweep does when webhooks are lost."""
    world.play("worker")
    with db.transaction() as session:
        due = bank_leg.accounts_to_check(session, clock.now())
    return sum(bank_leg.check(world.gateway, account, clock.now) for account in due)


@pytest.mark.parametrize("fault", ["none", *slowly("duplicate", "reorder")])
def test_payout_paid_brings_the_money_to_the_bank_once(world: World, fault: str) -> None:
    payout = paid(world)
    if fault != "none":
        world.sandbox.ask("faults", {"match": {"type": "payout.*"}, "fault": fault, "times": 6})
    world.advance(days=3)
    settle_webhooks(world)
    after = now_of(world, payout)
    assert after.state == "in_bank"
    assert after.bank_payout_id is not None
    assert world.balance("memo:connected_balance", payout.adviser_id) == 0
    assert world.balance("memo:connected_owed", payout.adviser_id) == 0


def test_a_lost_webhook_costs_time_only(world: World) -> None:
    payout = paid(world)
    world.sandbox.ask("faults", {"match": {"type": "payout.*"}, "fault": "lose", "times": 100})
    world.advance(days=3)
    settle_webhooks(world)
    assert now_of(world, payout).state == "paid"
    assert poll(world) == 1
    assert now_of(world, payout).state == "in_bank"
    assert poll(world) == 0


def test_failed_before_paid_was_heard_of_ends_failed(world: World) -> None:
    payout = paid(world)
    world.sandbox.act("payout.fail", account=payout.destination, code="no_account")
    world.advance(days=3)
    settle_webhooks(world)
    after = now_of(world, payout)
    assert (after.state, after.reason, after.in_bank_at) == ("bank_failed", "no_account", None)
    assert world.balance("memo:connected_balance", payout.adviser_id) == 4_000
    told = world.read(lambda session: bank_leg.sent_back(session, payout.adviser_id))
    assert told is not None and (told.id, told.amount.minor) == (payout.id, 4_000)


def test_pages_give_each_reason_of_a_bank_the_words_of_its_mail() -> None:
    mails, page = (ROOT / "templates/mail/reasons.en.txt"), (ROOT / "templates/payouts/_state.html")
    [said] = re.findall(r"bank_reasons = \{(.*?)\}", mails.read_text(encoding="utf-8"), re.DOTALL)
    words = re.findall(r"'([a-z_]+)': '([^']+)'", said)
    assert words
    shown = re.findall(r'"([a-z_]+)": _\("([^"]+)"\)', page.read_text(encoding="utf-8"))
    assert shown == words


def test_news_about_a_transfer_that_is_not_recorded_yet_waits_for_it(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    world.advance(days=3)
    settle_webhooks(world)
    [payout] = world.payouts(run)
    assert payout.state == "unknown"
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    world.handle()
    assert now_of(world, payout).state == "in_bank"


def test_the_promises_hold_and_catch_a_breach(world: World) -> None:
    payout = paid(world)
    checks = (
        promises.payouts_equal_lines,
        promises.in_transit_equals_open,
        promises.connected_equals_paid,
        promises.one_live_transfer,
    )
    for check in checks:
        finding = world.read(check)
        assert finding.holds, check.__name__
        assert finding.rows_seen > 0
    world.earn(payout.adviser_id, 3_000)
    world.budget(1_000)
    run = world.approve(world.draft())
    assert world.read(promises.in_transit_equals_open).holds
    # As the superuser, with the triggers asleep, a payout changes behind the books' back.
    with world.superuser() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("ALTER TABLE payout DISABLE TRIGGER payout_moves")
        connection.exec_driver_sql(f"UPDATE payout SET amount_minor = 3001 WHERE run_id = '{run.id}'")
    assert world.read(promises.payouts_equal_lines).figure == 1
    assert world.read(promises.in_transit_equals_open).figure == 1
