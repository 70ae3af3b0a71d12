"""What finance, shops that pay and the worker do: payments, runs, sweeps and imports."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyotp

from marketplace.accounts import limits
from marketplace.core import clock, db
from marketplace.core.money import Money
from payouts.accrual import registration as accrual
from payouts.funding import service as funding
from payouts.reconciliation import importing
from payouts.reconciliation import registration as reconciliation
from payouts.runs import service as run_service
from payouts.sandbox import checkout
from payouts.sandbox.errors import ApiError
from payouts.settlement import checkouts
from tests.simulation.acting import Broken, Draw, a_shop, survive, sweep
from tests.simulation.environment import Time
from tests.simulation.furniture import PLANS, scope
from tests.simulation.records import Payout
from tests.simulation.world import World
from tracking.commissions import sweeps


def fund(world: World, draw: Draw) -> str:
    """A shop asks to pay in, and mostly pays at Stripe's page."""
    name = a_shop(draw, "s0", "s1", "s2")
    owner, shop_id, currency = world.made.owners[name], world.made.shop_ids[name], PLANS[name].currency
    amount, now = Money(draw.choice((500, 5_000, 17_777, 60_000, 200_000)), currency), Time.now

    def work() -> None:
        row = world.act(owner, lambda s: funding.plan(s, shop_id, amount, "test", now), "funding.plan")
        with db.use_scope(scope(owner)):
            checkouts.open_page(world.here.gateway, row, "http://localhost")

    survive(work)
    return f"{name} {amount} {pay(world, draw)}"


def pay(world: World, draw: Draw) -> str:
    """A shop pays on a page that was opened."""
    pages = world.rows(
        "SELECT id, shop_id, amount_minor, stripe_session_id FROM funding WHERE state = 'open' ORDER BY id"
    )
    pages = [row for row in pages if row[0] not in world.paid]
    if not pages or draw.random() < 0.2:
        return "unpaid"
    found, shop_id, gross, session_id = draw.choice(pages)
    name = world.names[str(shop_id)]
    try:
        world.sandbox(lambda tx: checkout.complete(tx, session_id))
    except ApiError:
        return "expired"
    fee = (gross * 150 + 5_000) // 10_000 + 25
    world.paid[found] = (name, gross, fee)
    return f"{name} paid {gross}"


def blocked(world: World) -> set[str]:
    """Return who can't be paid, as far as the product was told by Stripe."""
    rows = world.rows(
        "SELECT adviser_id, state = 'ready' AND coalesce(cooling_until <= %s, true) FROM payout_account",
        Time.now,
    )
    return set(world.model.states) - {world.names[str(adviser)] for adviser, is_ready in rows if is_ready}


def preview(world: World, _draw: Draw) -> str:
    """Finance drafts a run and looks at it."""
    maker, now, model = world.made.finance[0][0], Time.now, world.model

    def work() -> Any:
        run = world.act(maker, lambda s: run_service.create(s, maker, "EUR", now), "runs.create")
        return run.id, world.act(maker, lambda s: run_service.preview(s, maker, run.id, now), "runs.preview")

    run_id, content = survive(work)
    upto = len(model.lines)
    told = model.content(upto, blocked(world), now)
    shown = {world.names[str(one.adviser_id)]: one.amount.minor for one in content.included}
    if shown != {name: sum(mine.values()) for name, mine in told.items()}:
        raise Broken(f"preview: model {told}, product {shown}")
    label = f"run{len(world.runs) + 1}"
    world.runs[label] = {
        "id": run_id,
        "content": content,
        "upto": upto,
        "told": told,
        "state": "draft",
    }
    return f"{label} {shown}"


def approve(world: World, draw: Draw) -> str:
    """A second person approves a run on what the preview said."""
    label = draw.choice([name for name, run in world.runs.items() if run["state"] == "draft"][-2:] or [""])
    if not label:
        return ""
    run, (checker, secret), model = world.runs[label], world.made.finance[1], world.model
    Time.now += dt.timedelta(minutes=1)  # A code counts once.
    limits._storage("").reset()
    told = model.content(run["upto"], blocked(world), Time.now)
    content, now = run["content"], Time.now
    facts = {"content_hash": content.content_hash, "total": content.total, "code": pyotp.TOTP(secret).at(now)}

    def work() -> Any:
        run_service_approve = run_service.approve
        return world.act(
            checker,
            lambda s: run_service_approve(s, checker, run["id"], now=now, wall=clock.wall(), **facts),
            "runs.approve",
        )

    answer = survive(work)
    [[state]] = world.rows("SELECT state FROM payout_run WHERE id = %s", run["id"])
    if (state == "approved") != (bool(told) and told == run["told"]):
        raise Broken(f"approval of {label}: model {told} after {run['told']}, product {state} {answer!r}")
    if state == "approved":
        run["state"] = "approved"
        for found, adviser in world.rows(
            "SELECT id, adviser_id FROM payout WHERE run_id = %s ORDER BY place", run["id"]
        ):
            name = world.names[str(adviser)]
            model.payouts[str(found)] = Payout(name, told.pop(name))
        if told:
            raise Broken(f"{label} leaves out {told}")
    return f"{label} {state}"


def execute(world: World, draw: Draw) -> str:
    """Finance starts an approved run."""
    label = draw.choice([name for name, run in world.runs.items() if run["state"] == "approved"] or [""])
    if label:
        maker, now, run_id = world.made.finance[0][0], Time.now, world.runs[label]["id"]
        survive(
            lambda: world.act(maker, lambda s: run_service.execute(s, maker, run_id, now), "runs.execute")
        )
        world.runs[label]["state"] = "executing"
    return label


def decide(world: World, _draw: Draw) -> str:
    """Decide about orders over clicks."""
    said = sweep(world, "decide", sweeps.decide_due)
    world.model.decide_due()
    return said


def wait(world: World, _draw: Draw) -> str:
    """Apply waiting refunds; park those that waited for 60 days."""
    said = sweep(world, "waiting", sweeps.apply_waiting_refunds)
    world.model.park(Time.now)
    return said


def hold(world: World, _draw: Draw) -> str:
    """Approve what was held for long enough."""
    said = sweep(world, "approve", sweeps.approve_due)
    world.model.approve_due(Time.now)
    return said


def post(world: World, _draw: Draw) -> str:
    """Bring moves into the books."""
    said = sweep(world, "post", accrual.post_all)
    world.model.post_all()
    return said


def reconcile(world: World, draw: Draw) -> str:
    """Finance asks for an import, or its time comes."""
    if draw.random() < 0.5:
        maker, now = world.made.finance[0][0], Time.now
        wanted = survive(lambda: world.act(maker, lambda s: importing.ask(s, "test", now).id))
        return sweep(world, "import", lambda: len(importing.run(world.here.gateway, wanted, clock.now)))
    return sweep(world, "reconciliation", reconciliation.run_due)
