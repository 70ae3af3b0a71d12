"""What can happen in a world: what people do, what sweeps do, what goes wrong at Stripe. Each tells the model too."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any

import pyotp

from marketplace.accounts import advisers, limits
from marketplace.accounts.models import ShopContract
from marketplace.core import clock, db, failpoints
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import AppError
from marketplace.core.money import Money
from marketplace.offers import partnerships, publishing
from payouts.accrual import registration as accrual
from payouts.funding import service as funding
from payouts.reconciliation import importing
from payouts.reconciliation import registration as reconciliation
from payouts.runs import registration as runs
from payouts.runs import service as run_service
from payouts.sandbox import checkout, faults, onboarding, webhooks
from payouts.sandbox import payouts as bank
from payouts.sandbox.errors import ApiError
from payouts.settlement import checkouts, events
from payouts.settlement import registration as settlement
from payouts.statements import registration as statements
from tests.simulation.advice import Order, Touch
from tests.simulation.environment import SECRETS, Crash, Time
from tests.simulation.world import DAY, MEMBERS, PLANS, World, _Begun, amount_text, document
from tracking.commissions import approval, intake, sweeps
from tracking.orders.schemas import CancelReport, LinesReport, OrderReport, RefundReport
from tracking.touches import shipper, tokens
from tracking.touches.segments import heartbeat_line

Draw = random.Random
MINUTE = dt.timedelta(minutes=1)
NETS = {
    "EUR": (3, 101, 2_999, 14_999, 30_005, 80_000, 80_000, 125_000),
    "JPY": (1, 77, 980, 12_345),
    "KWD": (5, 1_230, 98_765),
}
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
VERDICTS = ("qualified",) * 12 + ("bot", "head", "paused")


class Broken(AssertionError):
    """The product did something else than the model, or broke a promise."""


def survive(work: Callable[[], Any]) -> Any:
    """Do something; when the process dies in it, restart and do it again. Returns a refusal instead of raising it."""
    for _ in range(2):
        try:
            return work()
        except failpoints.Reached:
            db.close_reading_sessions()
        except AppError as error:
            return error
        finally:
            Crash.left = 0
    raise Broken("the second try died too")


def expect(said: object, is_right: bool, what: str) -> None:
    """Hold what the product answered against what the model foretold."""
    refused = isinstance(said, AppError)
    if refused == is_right:
        raise Broken(f"{what}: the model {'allows' if is_right else 'refuses'} it, the product says {said!r}")


def money(minor: int, currency: str) -> dict[str, str]:
    """Return an amount as the API writes it."""
    return {"amount": amount_text(minor, currency), "currency": currency}


def a_shop(draw: Draw, *names: str) -> str:
    """Draw a shop, the first of the plans most often."""
    return draw.choices(names or tuple(PLANS), (6, 3, 1, 1)[: len(names) or 4])[0]


def an_order(world: World, draw: Draw) -> Order | None:
    """Draw one of the latest orders, often one that earned something."""
    if draw.random() < 0.6 and world.model.commissions:
        return draw.choice(world.model.commissions[-20:])[1].order
    return draw.choice(
        [one for shop in world.model.shops.values() for one in shop.orders.values()][-25:] or [None]
    )


def shop_of(world: World, order: Order) -> str:
    """Return whose order it is."""
    return order.ref.split("-")[0]


# What people do.


def click(world: World, draw: Draw) -> str:
    """Somebody follows a link: a line in the edge's segment, and a token in the address."""
    shop = a_shop(draw)
    adviser, verdict = draw.choice(MEMBERS[shop]), draw.choice(VERDICTS)
    visitor = draw.choice((None, "v1", "v2", "v3", "v4"))
    click_id, ms, link = Time.next_id(), int(Time.now.timestamp() * 1000), world.made.links[shop, adviser]
    digits = None if visitor is None else f"{int(visitor[1:]):032x}"
    line = (
        click_id.hex,
        str(ms),
        link.hex,
        verdict,
        f"{draw.randrange(9):032x}",
        digits or "\\N",
        "\\N",
        "\\N",
        "test",
    )
    with world.segment.open("ab") as file:
        file.write("\t".join(line).encode() + b"\n")
    touch = Touch(click_id.int, Time.now, adviser, visitor, verdict)
    world.spool.append((shop, touch))
    if draw.random() < 0.8:
        mark = bytes.fromhex(digits) if digits else None
        world.touches.append(
            (shop, tokens.sign(world.here.settings.token_keys, link, click_id, Time.now, mark), touch)
        )
    return f"{shop} {adviser} {verdict} {visitor}"


def ship(world: World, _draw: Draw) -> str:
    """The shipper brings the clicks in; the edge says that these were all."""
    with world.segment.open("ab") as file:
        file.write(heartbeat_line(int(Time.now.timestamp() * 1000)))

    def work() -> None:
        connection = shipper.connect(world.here.dsn("aanrader_worker"))
        try:
            shipper.ship_all(connection, world.slot.parent)
        finally:
            connection.close()

    survive(work)
    world.clicks += len(world.spool)
    for shop, touch in world.spool:
        here = world.model.shops[shop]
        here.clicks[touch.id] = touch
        if touch.id in here.touches:
            here.touches[touch.id].verdict = touch.verdict
    world.model.mark = Time.now - dt.timedelta(milliseconds=1)
    shipped, world.spool = len(world.spool), []
    return f"{shipped} clicks"


def a_line(draw: Draw, ref: str, currency: str) -> dict[str, Any]:
    """Draw a line of an order."""
    net = draw.choice(NETS[currency])
    return {
        "line_ref": ref, "sku": f"sku-{draw.randint(1, 4)}", "title": "A thing", "quantity": draw.randint(1, 4),
        "net": money(net, currency), "tax": money(net * 21 // 100, currency), "gift_card": draw.random() < 0.05,
    }  # fmt: skip


def model_lines(lines: list[dict[str, Any]], read: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return lines as the model keeps them; `read` are the same with amounts in minor units."""
    return {
        one["line_ref"]: {
            "sku": one["sku"], "qty": one["quantity"], "net": got["net"].minor, "tax": got["tax"].minor,
            "gift": one["gift_card"],
        }
        for one, got in zip(lines, read, strict=True)
    }  # fmt: skip


def order(world: World, draw: Draw) -> str:
    """A shop reports a sale."""
    name = a_shop(draw)
    shop, currency = world.model.shops[name], PLANS[name].currency
    world.numbers[name] += 1
    ref, mode = f"{name}-{world.numbers[name]}", "test" if draw.random() < 0.04 else "live"
    mine = [one for one in world.touches[-60:] if one[0] == name]
    chosen = draw.sample(mine[-12:], min(len(mine[-12:]), draw.choice((0, 1, 1, 1, 2, 2, 3))))
    strange = [one for one in world.touches[-10:] if one[0] != name][: draw.randrange(2)]
    ordered = Time.now - draw.choice((0, 0, 0, 0, 1, 300, 5_000)) * MINUTE
    shipping = draw.choice((0, 0, 0, 495))
    body: dict[str, Any] = {
        "order_ref": ref, "ordered_at": ordered.isoformat(), "currency": currency,
        "click_tokens": [one[1] for one in (*chosen, *strange)] + ["nonsense"] * draw.randrange(2),
        "code": draw.choice((None,) * 6 + (f"code-{draw.choice(MEMBERS[name])}", "NO-SUCH")),
        "customer": draw.choice((None, None, {"ref": f"c{draw.randrange(6)}"})),
        "lines": [a_line(draw, str(n), currency) for n in range(draw.randint(1, 3))],
        "shipping": {"net": money(shipping, currency), "tax": money(shipping // 5, currency)} if shipping else None,
    }  # fmt: skip
    data, now = OrderReport().load(body), Time.now
    send = report(world, name, lambda s, shop_id, _ref: intake.report_order(s, shop_id, mode, data, now))
    expect(survive(send), True, f"order {ref}")
    for _, _, touch in chosen:
        shop.touches.setdefault(touch.id, Touch(touch.id, touch.ts, touch.adviser, touch.visitor))
    customer = body["customer"]["ref"] if body["customer"] else None
    lines = model_lines(body["lines"], data["lines"])
    held = {one[2].id for one in chosen}
    code = body["code"].upper() if body["code"] else None
    shop.report(Order(ref, mode, ordered, now, lines, (shipping, shipping // 5), held, customer, code))
    return f"{ref} {mode} {len(chosen)} tokens {code} {customer}"


def report(
    world: World, name: str, work: Callable[..., Any], ref: str = "", mode: str = "live"
) -> Callable[[], Any]:
    """Return a request of a shop that may be sent again; it is remembered for later repeats."""

    def send() -> Any:
        shop_id = world.made.shop_ids[name]
        return world.act(
            world.made.owners[name], lambda s: work(s, shop_id, (shop_id, mode, ref)), "orders.report"
        )

    world.sent = [*world.sent[-15:], send]
    return send


def repeat(world: World, draw: Draw) -> str:
    """A shop sends a request again, because it heard no answer; nothing may change."""
    if world.sent:
        survive(draw.choice(world.sent))
    return ""


def lines(world: World, draw: Draw) -> str:
    """A shop adds lines to an order."""
    found = an_order(world, draw)
    if found is None:
        return ""
    name = shop_of(world, found)
    world.numbers["lines"] += 1
    body = [a_line(draw, f"x{world.numbers['lines']}", PLANS[name].currency)]
    data, now = LinesReport().load({"lines": body}), Time.now
    send = report(
        world, name, lambda s, _id, place: intake.add_lines(s, place, data, now), found.ref, found.mode
    )
    expect(survive(send), found.state != "final", f"lines of {found.ref}")
    if found.state != "final":
        world.model.shops[name].add(found, model_lines(body, data["lines"]))
    return found.ref


def refund(world: World, draw: Draw) -> str:
    """A customer sends something back, perhaps before we heard of the order."""
    found, name = an_order(world, draw), a_shop(draw)
    if found is None or draw.random() < 0.1:
        ref, mode, left = (
            f"{name}-{world.numbers[name] + draw.randint(1, 2)}",
            "live",
            {"0": {"qty": 2, "net": 2_999}},
        )
        found = None
    else:
        name, ref, mode, left = shop_of(world, found), found.ref, found.mode, found.left
    currency, parts = PLANS[name].currency, {}
    for line_ref in draw.sample(sorted(left), min(len(left), draw.randint(1, 2))):
        line = left[line_ref]
        net = draw.choice((line["net"], line["net"], line["net"] // 3, min(line["net"], 40), line["net"] + 1))
        parts[line_ref] = {"qty": draw.randint(0, line["qty"] + (draw.random() < 0.05)), "net": net}
    if not any(part["qty"] or part["net"] for part in parts.values()):
        return "nothing"
    world.numbers["refund"] += 1
    back = min(found.shipping[0], draw.choice((0, 0, 0, 200))) if found else 0
    happened = Time.now - draw.randrange(60) * MINUTE
    body = {
        "refund_ref": f"r{world.numbers['refund']}", "refunded_at": happened.isoformat(), "reason": "back",
        "lines": [
            {"line_ref": line_ref, "quantity": part["qty"], "net": money(part["net"], currency)}
            for line_ref, part in parts.items()
        ],
        "shipping": {"net": money(back, currency)} if back else None,
    }  # fmt: skip
    data, now, shown = RefundReport().load(body), Time.now, {"lines": parts, "shipping": back}
    said = survive(report(world, name, lambda s, _, at: intake.refund(s, at, "refund", data, now), ref, mode))
    return returned(world, name, (mode, ref), happened, said, shown)


def returned(world: World, name: str, place: tuple[str, str], happened: Any, said: object, shown: Any) -> str:
    """Tell the model of a refund or (None) a cancellation."""
    shop = world.model.shops[name]
    found = shop.orders.get(place)
    fits = found is None or shop.give_back(found, shown)
    expect(said, fits, f"return of {place[1]}")
    if found is None:
        shop.early.setdefault(place, []).append((happened, Time.now, shown))
    return f"{place[1]} {'waits' if found is None else fits}"


def cancel(world: World, draw: Draw) -> str:
    """A shop cancels a whole order; a second time is a repeat."""
    found, name = an_order(world, draw), a_shop(draw)
    ref, mode = (found.ref, found.mode) if found else (f"{name}-{world.numbers[name] + 1}", "live")
    name = shop_of(world, found) if found else name
    data, now = CancelReport().load({}), Time.now
    said = survive(report(world, name, lambda s, _, at: intake.refund(s, at, "cancel", data, now), ref, mode))
    if (mode, ref) in world.cancelled:
        return f"{ref} again"
    world.cancelled.add((mode, ref))
    return returned(world, name, (mode, ref), now, said, None)


def verdict(world: World, draw: Draw) -> str:
    """A shop approves early, or declines."""
    known = [(shop, one) for shop, one in world.model.commissions if one.state != "reversed"]
    open_ = [found for found in known if found[1].state == "pending"]
    known = open_[-8:] if open_ and draw.random() < 0.9 else known
    if not known:
        return ""
    shop, one = draw.choice(known)
    kind, actor, now = draw.choice(("approved",) * 5 + ("declined",)), world.made.owners[shop.name], Time.now
    found = world.commission_ids[shop.name, one.order.mode, one.order.ref, one.adviser]
    was = one.state

    def work() -> Any:
        if kind == "approved":
            return world.act(actor, lambda s: approval.approve(s, actor, found, now), "commissions.approve")
        return world.act(
            actor, lambda s: approval.decline(s, actor, found, "other", "", now), "commissions.decline"
        )

    expect(survive(work), world.model.verdict(one, kind) or was == kind, f"{kind} {one.order.ref} {was}")
    return f"{kind} {one.order.ref} {one.adviser}"


def change_terms(world: World, draw: Draw) -> str:
    """A shop publishes another version, which begins after its notice."""
    name = a_shop(draw)
    shop, actor, now = world.model.shops[name], world.made.owners[name], Time.now
    since, newest = shop.terms[-1]
    rate = draw.choice(
        (("bp", draw.randint(0, 4_000)), ("order", draw.randint(1, 900)), ("item", draw.randint(1, 300)))
    )
    times = {"window": draw.randint(1, 20) * DAY, "hold": draw.randint(0, 20) * DAY}
    said = newest | {"default": rate, "tax": draw.random() < 0.5, "shipping": draw.random() < 0.3} | times
    if said == newest:
        return "the same"
    paper = document(said, PLANS[name].currency)
    offer = world.made.offers[name]
    answer = survive(lambda: world.act(actor, lambda s: publishing.publish(s, actor, offer, paper, now=now)))
    if isinstance(answer, AppError) and answer.code != "terms_unchanged":
        raise answer
    shop.terms.append((max(now + 7 * DAY, since), said))
    return f"{name} {rate}"


def change_fee(world: World, draw: Draw) -> str:
    """We and a shop agree on another fee from now on."""
    name = a_shop(draw)
    fees, bp = world.model.shops[name].fees, draw.randint(0, 2_000)
    with _Begun(world.here.owner) as session:
        shop_id = world.made.shop_ids[name]
        session.add(ShopContract(shop_id=shop_id, version=len(fees) + 2, fee_bp=bp, effective_from=Time.now))
    fees.append((Time.now, bp))
    return f"{name} {bp}"


def leave(world: World, draw: Draw) -> str:
    """An adviser leaves a shop, or comes back."""
    gone = [
        (name, who)
        for name, shop in world.model.shops.items()
        for who, at in shop.partners.items()
        if at[-1][1] == "left"
    ]
    name, adviser = draw.choice(gone) if gone and draw.random() < 0.8 else (a_shop(draw), "")
    adviser = adviser or draw.choice(MEMBERS[name])
    line, actor, now = world.model.shops[name].partners[adviser], world.made.advisers[adviser], Time.now
    found, owner, offer = world.made.partners[name, adviser], world.made.owners[name], world.made.offers[name]
    if line[-1][1] == "accepted":
        survive(lambda: world.act(actor, lambda s: partnerships.leave(s, actor, found, now=now)))
        line.append((now, "left"))
    elif world.model.states[adviser][-1][1] == "active":
        for who, work in (
            (actor, lambda s: partnerships.apply(s, actor, offer, now=now)),
            (owner, lambda s: partnerships.approve(s, owner, found, now=now)),
            (actor, lambda s: partnerships.accept(s, found, actor, now)),
        ):
            answer = survive(lambda who=who, work=work: world.act(who, work))
            if isinstance(answer, AppError):
                raise answer
        line.append((now, "accepted"))
    return f"{name} {adviser} {line[-1][1]}"


def ban(world: World, draw: Draw) -> str:
    """We ban an adviser, or take it back."""
    banned = [name for name, line in world.model.states.items() if line[-1][1] == "banned"]
    name = draw.choice(banned) if banned else draw.choice(sorted(world.model.states))
    state = "active" if banned else "banned"
    found, now = world.made.advisers[name].adviser_id, Time.now
    assert found is not None
    admin = Actor(None, frozenset({"admin"}))
    survive(lambda: world.act(admin, lambda s: advisers.change_state(s, found, state, SYSTEM, now)))
    world.model.states[name].append((now, state))
    return f"{name} {state}"


def fund(world: World, draw: Draw) -> str:
    """A shop asks to pay in, and mostly pays at Stripe's page."""
    name = a_shop(draw, "s0", "s1", "s2")
    owner, shop_id, currency = world.made.owners[name], world.made.shop_ids[name], PLANS[name].currency
    amount, now = Money(draw.choice((500, 5_000, 17_777, 60_000, 200_000)), currency), Time.now

    def work() -> None:
        row = world.act(owner, lambda s: funding.plan(s, shop_id, amount, "test", now), "funding.plan")
        with db.use_scope(db.Scope(owner.user_id, owner.shop_ids)):
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
    world.model.stripe[PLANS[name].currency] += gross - fee
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
    told = model.content(model.count, blocked(world), now)
    shown = {world.names[str(one.adviser_id)]: one.amount.minor for one in content.included}
    if shown != {name: sum(mine.values()) for name, mine in told.items()}:
        raise Broken(f"preview: model {told}, product {shown}")
    label = f"run{len(world.runs) + 1}"
    world.runs[label] = {
        "id": run_id,
        "content": content,
        "upto": model.count,
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
            model.reserve(name, str(found), told.pop(name))
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


# What the worker does.


def sweep(world: World, name: str, work: Callable[[], int]) -> str:
    """Run a sweep as the worker; it may be killed and is run again then."""

    def as_worker() -> int:
        world.here.play("worker")
        return work()

    answer = survive(as_worker)
    return f"{answer.code if isinstance(answer, AppError) else ''}"


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


def others(*work: Callable[[], int]) -> Callable[[World, Draw], str]:
    """Return a step that runs sweeps whose effects are observed."""

    def step(world: World, _draw: Draw) -> str:
        return " ".join(sweep(world, one.__name__, one) for one in work)

    return step


def reconcile(world: World, draw: Draw) -> str:
    """Finance asks for an import, or its time comes."""
    if draw.random() < 0.5:
        maker, now = world.made.finance[0][0], Time.now
        wanted = survive(lambda: world.act(maker, lambda s: importing.ask(s, "test", now).id))
        return sweep(world, "import", lambda: len(importing.run(world.here.gateway, wanted, clock.now)))
    return sweep(world, "reconciliation", reconciliation.run_due)


# What goes wrong, and what Stripe does by itself.


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
            with db.transaction(point="webhooks.receive") as session:
                events.receive(session, endpoint, seen, payload, Time.now)

        survive(receive)
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


Step = Callable[[World, Draw], str]
STEPS: dict[str, tuple[Step, int]] = {
    "click": (click, 10), "ship": (ship, 4), "order": (order, 18), "repeat": (repeat, 2), "lines": (lines, 4),
    "refund": (refund, 8), "cancel": (cancel, 1), "verdict": (verdict, 5), "terms": (change_terms, 2),
    "fee": (change_fee, 1), "leave": (leave, 2), "ban": (ban, 2), "fund": (fund, 3), "pay": (pay, 1),
    "preview": (preview, 1), "approve": (approve, 2), "execute": (execute, 2), "decide": (decide, 5),
    "wait": (wait, 2), "hold": (hold, 3), "post": (post, 6), "hear": (hear, 3),
    "events": (others(settlement.handle_events), 2), "fundings": (others(settlement.repair_fundings), 2),
    "bank": (others(settlement.follow_bank), 2), "accounts": (others(settlement.look_at_accounts), 2),
    "runs": (others(runs.continue_runs), 5), "resume": (others(runs.resume_funded), 2),
    "statements": (others(statements.issue_due), 1), "reconcile": (reconcile, 2), "fault": (fault, 4),
    "heal": (heal, 2), "silence": (silence, 1), "account": (account, 2), "bank_fails": (bank_fails, 1),
    "advance": (advance, 5),
}  # fmt: skip
# What often comes together; a step that ends in ? comes only sometimes, and others may come between.
TALES: tuple[str, ...] = (
    "click click? ship? order order? decide post?", "click order verdict? lines? order decide ship decide verdict post",
    "click order click order ship decide verdict post refund? post",
    "order order refund refund? cancel? post fund? hear events post",
    "click order ship decide verdict verdict fund hear events post preview refund? post? approve ban? account? execute"
    " fault? runs",
    "click order order ship decide hold verdict fund fundings post preview lines? approve refund? post? execute runs"
    " refund post",
    "order verdict post preview approve cancel? post? execute fault runs silence? runs advance? runs resume bank hear"
    " events",
    "order advance ship decide hold post fund fundings post preview approve execute runs",
    "terms advance? click ship order decide leave? click order post",
)  # fmt: skip
