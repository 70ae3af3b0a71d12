"""What goes wrong, and what Stripe and time do by themselves."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from marketplace.core import db
from payouts.runs import registration as runs
from payouts.sandbox import faults, onboarding, webhooks
from payouts.sandbox import payouts as bank
from payouts.settlement import events
from tests.simulation.acting import Draw, survive, sweep
from tests.simulation.environment import SECRETS, Time
from tests.simulation.world import World

CALL_FAULTS = (
    "drop_after",
    "drop_before",
    "500_stored",
    "500_transient",
    "html_502",
    "409",
    "429_lock",
    "429_rate",
)


def fault(world: World, draw: Draw) -> str:
    """Plan that Stripe misbehaves at some call to come."""
    name, path = (
        draw.choice(CALL_FAULTS),
        draw.choice(("/v1/*", "/v1/transfers", "/v1/transfers", "/v1/checkout/*")),
    )
    wish = {"match": {"path": path, "nth": draw.randint(1, 2)}, "fault": name, "effect": draw.random() < 0.5}
    world.sandbox(lambda tx: faults.plan(tx, wish | {"times": draw.choice((1, 1, 2))}))
    return f"{name} {path}"


def heal(world: World, _draw: Draw) -> str:
    """Stripe is well again."""
    world.sandbox(lambda tx: tx.run("DELETE FROM fault"))
    return ""


def silence(world: World, draw: Draw) -> str:
    """Stripe takes orders and doesn't answer for 25 hours: longer than it remembers keys."""
    wish = {"match": {"path": "/v1/*"}, "fault": draw.choice(("drop_after", "drop_before")), "times": 1_000}
    world.sandbox(lambda tx: faults.plan(tx, wish))
    for _ in range(draw.randint(1, 3)):
        sweep(world, "runs", runs.continue_runs)
        Time.now += dt.timedelta(hours=draw.choice((1, 9)))
    Time.now += dt.timedelta(hours=25)
    return heal(world, draw)


def hear(world: World, draw: Draw) -> str:
    """Webhooks come in any order, some twice, some never."""

    def take(tx: Any) -> list[tuple[str, Any]]:
        rows = tx.rows("SELECT seq, event, endpoint FROM delivery WHERE state = 'pending' ORDER BY seq")
        tx.run("UPDATE delivery SET state = 'delivered' WHERE state = 'pending'")
        return [(row["endpoint"], tx.get(row["event"], kind="event")) for row in rows]

    found = [one for one in world.sandbox(take) if draw.random() < 0.8]
    found += [one for one in found if draw.random() < 0.2]
    if draw.random() < 0.5:
        draw.shuffle(found)
    world.here.play("app")
    for endpoint, event in found:
        payload = json.dumps(event).encode()
        signature = webhooks.signature(SECRETS[endpoint], payload, int(Time.now.timestamp()))

        def receive(endpoint: str = endpoint, payload: bytes = payload, signature: str = signature) -> None:
            seen = world.here.gateway.verify_webhook(payload, signature, SECRETS[endpoint])
            with db.use_scope(db.WEBHOOK), db.transaction(point="events.receive") as session:
                events.receive(session, endpoint, seen, payload, Time.now)

        survive(receive)
        world.webhooks.add(event["id"])
    return f"{len(found)} webhooks"


def account(world: World, draw: Draw) -> str:
    """Stripe stops an adviser's account, or lets it go on."""
    name = draw.choice(sorted(world.made.accounts))
    found, is_on = world.made.accounts[name], draw.random() < 0.7
    world.sandbox(
        lambda tx: (
            onboarding.onboard(tx, found) if is_on else onboarding.disable(tx, found, "requirements.past_due")
        )
    )
    return f"{name} {'on' if is_on else 'off'}"


def bank_fails(world: World, draw: Draw) -> str:
    """A bank will refuse the next payment of an account, at once or days later."""
    name = draw.choice(sorted(world.made.accounts))
    verb, after = draw.choice((("payout.fail", 0), ("payout.paid_then_failed", 3 * 86_400)))
    world.sandbox(lambda tx: bank.plan_failure(tx, world.made.accounts[name], verb, "account_closed", after))
    return f"{name} {verb}"


def advance(world: World, draw: Draw) -> str:
    """Time passes."""
    gone = draw.choice((1, 1, 5, 5, 26, 26, 26, 50, 24 * 3, 24 * 8, 24 * 16))
    Time.now += dt.timedelta(hours=gone)
    return f"{gone} h"
