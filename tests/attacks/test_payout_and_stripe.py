"""Attacks on payouts and on what Stripe says (14, 19, 21 to 30), against the sandbox as a real server."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.core.errors import Conflict
from marketplace.core.mail import MailMessage
from marketplace.core.money import Money
from payouts.funding.models import Funding
from payouts.runs import execution
from payouts.runs import service as runs
from payouts.settlement import accounts, promises
from payouts.settlement.models import Break, StripeEvent
from payouts.settlement.payout_models import Payout
from payouts.settlement.states import MOVES
from payouts.settlement.stripe_gateway import StripeGateway
from tests.concurrency.test_runs_race import together
from tests.integration.payouts.sandbox.sandbox_process import SECRETS
from tests.integration.payouts.settlement.test_webhook_endpoints import event, sign, stored
from tests.integration.payouts.settling import KEY, World, shared_sandbox, world

__all__ = ["shared_sandbox", "world"]

ROOT = Path(__file__).resolve().parents[2]
RUNNER = """
import sys, time
from marketplace.core import clock, config, db
import wsgi
from payouts.runs import execution
from payouts.settlement.stripe_gateway import StripeGateway
settings = config.load()
db.init(settings.database_url, clock_moves=True)
gateway = StripeGateway(settings.stripe_api_key, settings.stripe_api_base, retries=0)
with db.transaction():
    pass
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 20
while time.monotonic() < end and execution.sweep(gateway, clock.now):
    pass
"""


def everything_holds(world: World) -> None:
    for check in (promises.payouts_equal_lines, promises.in_transit_equals_open, promises.one_live_transfer):
        assert world.read(check).holds, check.__name__


def test_attack_14_after_a_payout_and_a_return_nothing_is_paid_until_the_debt_is_met(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser(earned=4_000)
    world.work(world.start())
    assert world.transfers() == (1, 4_000)
    world.earn(adviser.id, 3_000)
    # Returns of what was paid already eat what is there first; the rest of the debt stands by itself.
    world.earn(adviser.id, -3_000)
    with pytest.raises(Conflict):
        world.approve(world.draft())
    assert world.balance("adviser:available", adviser.id) == 0
    world.earn(adviser.id, 2_000)
    with pytest.raises(Conflict):
        world.approve(world.draft())  # Below the minimum of EUR 25.
    world.earn(adviser.id, 500)
    world.work(world.start())
    assert world.transfers() == (2, 6_500)
    everything_holds(world)


def test_attack_19_an_account_that_stripe_does_not_pay_is_paid_nothing(world: World) -> None:
    world.budget(100_000)
    good, fake = world.adviser(earned=4_000), world.adviser(earned=4_000)
    unknown = world.adviser(earned=4_000, connected=False)
    account = world.account_of(fake.id)
    world.sandbox.act("account.disable", account=account.stripe_account_id)
    world.refresh(account.id, account.stripe_account_id or "")
    run = world.start()
    world.work(run)
    assert [payout.adviser_id for payout in world.payouts(run)] == [good.id]
    assert world.transfers() == (1, 4_000)
    assert world.balance("adviser:available", unknown.id) == 4_000


def test_attack_21_a_thief_of_a_password_can_not_redirect_money(world: World) -> None:
    world.budget(100_000)
    victim = world.adviser(earned=4_000)
    password_only = world.token(victim.actor.user_id)
    status, body = world.call("POST", "/payout-account", password_only)
    assert (status, body["code"]) == (403, "totp_needed_for_change")
    stale = world.token(victim.actor.user_id, minutes_ago=31)
    assert world.call("POST", "/payout-account", stale)[1]["code"] == "reauthentication_needed"
    # And whoever changes it at Stripe all the same: mail to the address we know, and 72 hours in which nothing is paid.
    row = world.account_of(victim.id)
    world.sandbox.act("account.swap_bank", account=row.stripe_account_id)
    row = world.refresh(row.id, row.stripe_account_id or "")
    with pytest.raises(Conflict):
        world.approve(world.draft())
    mails = world.read(lambda session: list(session.scalars(sa.select(MailMessage))))
    assert [mail.template for mail in mails] == ["payout_destination_changed"]
    world.advance(hours=71)
    assert accounts.blocked_reason(row, clock.now()) == "cooling_off"
    world.advance(hours=2)
    world.work(world.start())
    assert world.transfers() == (1, 4_000)


@pytest.mark.parametrize("action", ["account.swap_bank", "account.disable"])
def test_attack_22_a_destination_swapped_between_approval_and_transfer_stops_that_payout(
    world: World, action: str
) -> None:
    world.budget(100_000)
    victim, other = world.adviser(earned=4_000), world.adviser(earned=5_000)
    run = world.start()
    account = world.account_of(victim.id)
    world.sandbox.act(action, account=account.stripe_account_id)
    world.refresh(account.id, account.stripe_account_id or "")
    world.work(run)
    assert world.transfers() == (1, 5_000)
    states = {payout.adviser_id: payout.state for payout in world.payouts(run)}
    assert states[other.id] == "paid"
    assert states[victim.id] in ("rejected", "released", "approved")
    everything_holds(world)


def test_attack_23_a_run_started_by_eight_hands_at_once_pays_each_adviser_once(world: World) -> None:
    world.budget(100_000)
    advisers = [world.adviser(earned=3_000 + n) for n in range(4)]
    run = world.approve(world.draft())
    now = world.now()
    world.play("app")

    def click() -> Any:
        with db.transaction() as session:
            return runs.execute(session, world.maker.actor, run.id, now).state

    assert (
        "executing" in {str(one) for one in together(*[click] * 8)} or world.run(run.id).state != "approved"
    )
    world.play("worker")
    gateways = [StripeGateway(KEY, world.sandbox.base, retries=0) for _ in range(8)]
    together(*[lambda one=one: execution.work(one, run.id, clock.now) for one in gateways])
    for _ in range(3):
        world.advance(minutes=11)
        world.work(run)
    for gateway in gateways:
        gateway.close()
    assert world.transfers() == (4, sum(3_000 + n for n in range(4)))
    paid = world.read(lambda session: list(session.scalars(sa.select(Payout))))
    assert Counter(payout.adviser_id for payout in paid) == Counter(one.id for one in advisers)
    everything_holds(world)


@pytest.mark.slow
def test_attack_23_eight_processes_on_one_run_pay_each_adviser_once(world: World) -> None:
    world.budget(200_000)
    for n in range(12):
        world.adviser(earned=3_000 + n)
    run = world.start()
    environment = dict(
        os.environ,
        AANRADER_MODE="test",
        DATABASE_URL=world.database.url("worker"),
        STRIPE_API_KEY=KEY,
        STRIPE_API_BASE=world.sandbox.base,
    )
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER], env=environment, cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(8)
    ]  # fmt: skip
    for runner in runners:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "ready\n"
    for runner in runners:
        assert runner.stdin is not None
        runner.stdin.write("go\n")
        runner.stdin.close()
    for runner in runners:
        assert runner.wait(60) == 0
        assert runner.stdout is not None
        runner.stdout.close()
    for _ in range(4):
        world.advance(minutes=11)
        world.work(run)
    assert world.transfers() == (12, sum(3_000 + n for n in range(12)))
    assert [payout.state for payout in world.payouts(run)] == ["paid"] * 12
    everything_holds(world)


def test_attack_24_whoever_made_a_run_can_not_approve_it_by_any_way(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.draft()
    with pytest.raises(runs.SameApprover):
        world.approve_as(world.maker, run.id, run.content_hash or "", Money(4_000, "EUR"))
    key = {"Authorization": f"Bearer {world.maker.key}"}
    body = {"content_hash": run.content_hash, "total": {"amount": "40.00", "currency": "EUR"}}
    status, answer = world.call("POST", f"/runs/{run.id}/approve", key, **body, totp=world.maker.code())
    assert status == 409, answer
    direct = "UPDATE payout_run SET state = 'approved', approved_by = created_by, approved_at = now() WHERE id = :id"
    with pytest.raises(sa.exc.IntegrityError, match=r"second.person"), world.rows() as session:
        session.execute(sa.text(direct), {"id": run.id})
    # Nor is there a run that somebody of finance could be paid by: they hold no other role.
    make = (
        "INSERT INTO adviser (id, user_id, code, display_name, country, kind)"
        " VALUES (gen_random_uuid(), :user, 'me', 'Me', 'NL', 'expert')"
    )
    with pytest.raises(sa.exc.IntegrityError), world.rows() as session:
        session.execute(sa.text(make), {"user": world.maker.actor.user_id})
    assert world.run(run.id).state == "draft"


def test_attack_25_a_webhook_that_stripe_did_not_sign_is_400_and_no_row(world: World) -> None:
    now, secret, body = int(time.time()), SECRETS["connect"], event()
    reencoded = json.dumps(json.loads(body), separators=(",", ":")).encode()
    live = event(livemode=True)
    for sent, header in (
        (body, None),
        (body, ""),
        (body, sign("whsec_other", body)),
        (body, sign("", body)),
        (body, sign(SECRETS["account"], body)),
        (body, sign(secret, body, now - 301)),
        (body, sign(secret, body).replace("v1=", "v0=")),
        (body, sign(secret, body)[:-1]),
        (reencoded, sign(secret, body)),
        (body + b"\n", sign(secret, body)),
        (live, sign(secret, live)),
    ):
        assert world.post_webhook("/connect", sent, header) == 400, header
    assert stored(world) == []


def test_attack_25_an_event_of_somebody_elses_account_touches_nobodys(world: World) -> None:
    adviser = world.adviser()
    before = world.account_of(adviser.id)
    for account in ("acct_of_somebody_else", None):
        body = event(id=f"evt_{account}", type="account.updated", account=account)
        assert world.post_webhook("/connect", body, sign(SECRETS["connect"], body)) == 200
    world.handle()
    assert [row.outcome for row in stored(world)] == ["parked", "parked"]
    after = world.account_of(adviser.id)
    assert (after.state, after.destination_fingerprint) == (before.state, before.destination_fingerprint)


def test_attack_26_a_genuine_payment_of_another_amount_is_an_alarm_and_no_credit(world: World) -> None:
    """CVE-2026-9189: the message is genuine, what it says is not what was agreed."""
    headers = world.token(world.owner.user_id)
    status, made = world.call("POST", "/funding", headers, amount={"amount": "200.00", "currency": "EUR"})
    assert status == 201, made
    with world.rows() as session:
        [row] = session.scalars(sa.select(Funding)).all()
        row.amount_minor = 90_000
    world.sandbox.click(made["url"])
    world.deliver()
    # A forged body inside a genuine signature says nothing either: what it speaks of is fetched.
    world.handle()
    assert world.balance("shop:prepaid", world.shop_id) == 0
    [alarm] = world.read(lambda session: list(session.scalars(sa.select(Break))))
    assert (alarm.kind, alarm.state) == ("funding_mismatch", "open")


def paid_payout(world: World) -> Payout:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    return world.payouts(run)[0]


def test_attack_27_events_a_thousand_times_and_in_any_order_end_as_they_would_once(world: World) -> None:
    payout = paid_payout(world)
    world.advance(days=3)
    world.sandbox.ask("webhooks/flush", {})
    got, world.receiver.got = world.receiver.got, []
    orders = list(itertools.permutations(got, min(len(got), 3)))
    draw = random.Random(27)
    for _ in range(1000 // max(len(got), 1)):
        for path, signature, body in draw.choice(orders):
            assert world.post_webhook(path, body, signature) == 200
        if draw.random() < 0.02:
            world.handle()
    for path, signature, body in got:
        world.post_webhook(path, body, signature)
    world.handle()
    count = world.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(StripeEvent)))
    assert count == len({body for _, _, body in got})
    [now] = world.payouts(world.run(payout.run_id))
    assert now.state == "in_bank"
    assert world.balance("memo:connected_balance", payout.adviser_id) == 0
    assert world.transfers() == (1, 4_000)
    everything_holds(world)


def test_attack_28_a_bank_that_fails_after_it_paid_moves_one_way_and_never_pays_by_itself(
    world: World,
) -> None:
    payout = paid_payout(world)
    world.advance(days=3)
    world.deliver()
    world.handle()
    world.sandbox.act("payout.fail", account=payout.destination, code="no_account")
    world.advance(days=1)
    world.deliver()
    world.handle()
    [now] = world.payouts(world.run(payout.run_id))
    assert now.state in ("in_bank", "bank_failed")
    # No state behind the transfer leads back to one that sends.
    reached, todo = set(), ["paid"]
    while todo:
        state = todo.pop()
        reached.add(state)
        todo.extend(next_ for next_ in MOVES[state] if next_ not in reached)
    assert reached.isdisjoint({"approved", "sending", "unknown", "rejected", "released", "draft"})
    world.work(world.run(payout.run_id))
    assert world.transfers() == (1, 4_000)


def test_attack_28_a_transfer_reversed_by_hand_is_a_difference_for_a_person(world: World) -> None:
    payout = paid_payout(world)
    made = httpx.post(
        f"{world.sandbox.base}/v1/transfers/{payout.stripe_transfer_id}/reversals",
        data={"amount": "1000"},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    assert made.status_code == 200, made.text
    world.deliver()
    world.handle()
    [now] = world.payouts(world.run(payout.run_id))
    assert now.state == "paid"
    assert world.balance("adviser:available", payout.adviser_id) == 0
    assert world.transfers() == (1, 4_000)


def test_attack_29_a_refused_transfer_is_never_made_by_its_old_key(world: World) -> None:
    """The key belongs to an attempt: once its reserve is given back, nothing can spend it."""
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    account = world.account_of(adviser.id)
    world.sandbox.act("account.disable", account=account.stripe_account_id)
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.state in ("rejected", "released")
    keys = [attempt.idem_key for attempt in world.attempts(payout)]
    assert len(keys) == len(set(keys))
    for _ in range(5):
        world.advance(hours=7)
        world.work(run)
    assert world.transfers() == (0, 0)
    reserved = world.balance("adviser:in_transit", adviser.id)
    assert reserved + world.balance("adviser:available", adviser.id) == 4_000
    everything_holds(world)


BAD_AMOUNTS = (
    "-1.00", "0.00", "0", "NaN", "Infinity", "1e309", "1e2", "１２", "١٢", "9223372036854775808", "92233720368547758.08",
    "1.005", " 1.00", "1,00", "+1.00", "0x10", "", "1.", ".5", "1_000.00", 1, 1.0, 10**30, None, True, [], {}, "--1",
)  # fmt: skip


def test_attack_30_no_odd_amount_gets_into_any_money_field(world: World) -> None:
    owner = world.token(world.owner.user_id)
    for amount in BAD_AMOUNTS:
        money = {"amount": amount, "currency": "EUR"}
        status, answer = world.call("POST", "/funding", owner, amount=money)
        assert status == 422, (amount, answer)
    for money in (
        {"amount": "100.00"},
        {"amount": "100.00", "currency": "eur"},
        {"amount": "100.00", "currency": "ＥＵＲ"},
    ):
        assert world.call("POST", "/funding", owner, amount=money)[0] == 422
    count = sa.select(sa.func.count()).select_from(Funding)
    assert world.read(lambda session: session.scalar(count)) == 0
    # And the database takes none either.
    with pytest.raises(sa.exc.DBAPIError), world.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO funding (id, shop_id, currency, amount_minor, state, actor, planned_at)"
                " VALUES (gen_random_uuid(), :shop, 'EUR', -1, 'planned', 'x', now())"
            ),
            {"shop": world.shop_id},
        )
