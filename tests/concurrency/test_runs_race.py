"""Payout runs under many hands: one transfer per adviser, whoever approves, sends or dies."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import clock, config, db
from marketplace.core.errors import AppError
from marketplace.core.money import Money
from payouts.runs import execution
from payouts.runs import service as runs
from payouts.settlement import events, promises
from payouts.settlement.models import StripeEvent
from payouts.settlement.stripe_gateway import StripeGateway
from tests.integration.payouts.settling import KEY, World, shared_sandbox, world

__all__ = ["shared_sandbox", "world"]

WORKER = """
import sys, time
from marketplace.core import clock, config, db
import wsgi
from payouts.runs import execution
from payouts.settlement.stripe_gateway import StripeGateway
settings = config.load()
db.init(settings.database_url, clock_moves=True)
gateway = StripeGateway(settings.stripe_api_key, settings.stripe_api_base, retries=0)
print("ready", flush=True)
while True:
    with db.transaction():
        pass
    execution.sweep(gateway, clock.now)
    time.sleep(0.05)
"""


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run works in threads that start at one moment; return results, an exception as the result of its work."""
    barrier, results = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[place] = work()
        except (AppError, sa.exc.DBAPIError) as error:
            results[place] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_one_run_approved_by_two_people_at_once_is_reserved_once(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser(earned=3_000)
    run = world.draft()
    people = [world._finance() for _ in range(4)]
    world.play("app")
    now = world.now()

    def approve(who: Any) -> Any:
        with db.use_scope(who.scope), db.transaction() as session:
            facts = {"content_hash": run.content_hash or "", "total": Money(3_000, "EUR")}
            return runs.approve(
                session,
                who.actor,
                run.id,
                code=who.code(),
                now=now,
                wall=clock.wall(),
                **facts,  # type: ignore[arg-type]
            ).state

    outcomes = together(*[lambda who=who: approve(who) for who in people])
    assert Counter(type(one).__name__ for one in outcomes) == {"str": 1, "IllegalTransition": 3}
    assert world.balance("adviser:in_transit", adviser.id) == 3_000


def test_many_workers_on_one_run_make_one_transfer_each(world: World) -> None:
    world.budget(100_000)
    for n in range(8):
        world.adviser(earned=3_000 + n)
    run = world.start()
    world.sandbox.ask("faults", {"seed": 7, "count": 6, "path": "/v1/transfers"})
    world.play("worker")
    gateways = [StripeGateway(KEY, world.sandbox.base, retries=0) for _ in range(4)]
    together(*[lambda one=one: execution.work(one, run.id, clock.now) for one in gateways])
    for _ in range(6):
        world.advance(minutes=11)
        world.work(run)
    for gateway in gateways:
        gateway.close()
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 8
    assert world.transfers() == (8, sum(3_000 + n for n in range(8)))
    assert len({payout.stripe_transfer_id for payout in payouts}) == 8
    assert world.run(run.id).state == "done"


def test_the_same_webhook_twenty_times_at_once_is_one_event_and_one_effect(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    world.deliver()
    world.handle()
    world.advance(days=3)
    world.sandbox.ask("webhooks/flush", {})
    paid = [one for one in world.receiver.got if b'"payout.paid"' in one[2]]
    path, signature, body = paid[0]
    client = world.client
    world.play("app")
    sent = {"data": body, "headers": {"Stripe-Signature": signature}}
    application = client.application
    statuses = together(
        *[
            lambda: application.test_client().post(f"/webhooks/stripe{path}", **sent).status_code
            for _ in range(20)
        ]
    )
    assert statuses == [200] * 20
    count = sa.select(sa.func.count()).select_from(StripeEvent).where(StripeEvent.type == "payout.paid")
    assert world.read(lambda session: session.scalar(count)) == 1
    world.play("worker")
    together(*[lambda: events.handle_due(world.gateway, clock.now) for _ in range(4)])
    [payout] = world.payouts(run)
    assert payout.state == "in_bank"
    assert world.balance("memo:connected_balance", adviser.id) == 0


@pytest.mark.slow
def test_workers_killed_at_random_converge_to_one_transfer_each(world: World) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    world.budget(200_000)
    for n in range(12):
        world.adviser(earned=3_000 + n)
    run = world.start()
    world.sandbox.ask("faults", {"seed": seed % 1000, "count": 8, "path": "/v1/transfers"})
    settings = dataclasses.replace(config.current(), database_url=world.database.url("worker"))
    environment = dict(
        os.environ,
        AANRADER_MODE="test",
        DATABASE_URL=settings.database_url,
        STRIPE_API_KEY=KEY,
        STRIPE_API_BASE=world.sandbox.base,
    )

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER], env=environment, stdout=subprocess.PIPE, text=True
        )

    workers = [start(), start()]
    end = time.monotonic() + 240
    kills = 0
    try:
        while world.run(run.id).state != "done" and time.monotonic() < end:
            victim = draw.randrange(2)
            if kills < 12:
                assert workers[victim].stdout is not None
                workers[victim].stdout.readline()  # type: ignore[union-attr]
                time.sleep(draw.uniform(0.01, 0.4))
                workers[victim].send_signal(signal.SIGKILL)
                workers[victim].wait(10)
                workers[victim].stdout.close()  # type: ignore[union-attr]
                kills += 1
                workers[victim] = start()
            else:
                time.sleep(0.5)
            world.advance(minutes=6)
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            worker.wait(10)
            if worker.stdout is not None:
                worker.stdout.close()
    assert world.run(run.id).state == "done"
    assert [payout.state for payout in world.payouts(run)] == ["paid"] * 12
    assert world.transfers() == (12, sum(3_000 + n for n in range(12)))
    for check in (promises.payouts_equal_lines, promises.in_transit_equals_open, promises.one_live_transfer):
        assert world.read(check).holds
