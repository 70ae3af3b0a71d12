"""What the town lives through, in parts that each begin with the town as it was built.

Every part may be played again after it was cut short anywhere: a client that got no answer asks again, as real ones do,
with the same reference and the same content.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from typing import Any

from marketplace.core import clock, db, hooks, jobs
from tests.faults.kills.stage import Stage
from tests.integration.tracking.trade import line, money
from tests.integration.tracking.world import TERMS
from tracking.edge import spool
from tracking.touches import segments

PARTS: dict[str, Callable[[Stage], None]] = {}
TRANSFERS = "/v1/transfers"


def part(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Let a function be a part of the story under its own name."""
    PARTS[play.__name__] = play
    return play


def remember(stage: Stage, name: str, make: Callable[[], Any]) -> Any:
    """Return what a client wrote down before it sent it, or let it write that down now."""
    path = stage.folder / f"{name}.json"
    if not path.exists():
        text = json.dumps(make())
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)
    return json.loads(path.read_text())


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds; ten seconds at most."""
    end = time.monotonic() + 10
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it never came to hold")
        time.sleep(0.002)


def alone(stage: Stage, command: str, *arguments: str) -> None:
    """Run a command of the product, which opens the database for itself."""
    stage.play("worker")
    db._engine.clear()
    hooks.commands[command](arguments)
    db.close()


@part
def policy(stage: Stage) -> None:
    """The platform publishes its policy anew, as it was."""
    alone(stage, "attribution-policy", "--guard-seconds", "0")


# Offers and links


@part
def market(stage: Stage) -> None:
    """A shop makes an offer with terms; advisers apply, are judged, accept, leave; links and codes come and go."""
    owner, shop = stage.facts["owner"], stage.facts["shop_id"]
    anne, bert, cees = (stage.facts["advisers"][name] for name in ("anne", "bert", "cees"))

    def offers() -> list[Any]:
        listed = stage.call("GET", f"/offers?shop_id={shop}", owner)["items"]
        return [one for one in listed if one["name"] == "Kills"]

    if not offers():
        stage.post("/offers", owner, {"shop_id": shop, "name": "Kills"})
    offer = offers()[0]
    if not stage.call("GET", f"/offers/{offer['id']}/terms", owner)["items"]:
        stage.post(f"/offers/{offer['id']}/terms", owner, TERMS)
    if offer["state"] == "draft":
        stage.post(f"/offers/{offer['id']}/open", owner)
    for who in (anne, bert, cees):
        stage.post("/partnerships", who["token"], {"offer_id": offer["id"]}, also=(409,))
    joined = {
        one["adviser_id"]: one["id"]
        for one in stage.call("GET", "/partnerships?limit=100", owner)["items"]
        if one["offer_id"] == offer["id"]
    }
    stage.post(f"/partnerships/{joined[anne['id']]}/decline", owner, {"reason": "enough"}, also=(409,))
    for who in (bert, cees):
        stage.post(f"/partnerships/{joined[who['id']]}/approve", owner, also=(409,))
        stage.post(f"/partnerships/{joined[who['id']]}/accept", who["token"], also=(409,))
    stage.post(f"/partnerships/{joined[bert['id']]}/leave", bert["token"], also=(409,))
    link = stage.post(
        "/links", anne["token"], {"url": stage.facts["product"], "offer_id": stage.facts["offer_id"]}
    )
    stage.post(f"/links/{link['id']}/disable", anne["token"], also=(409,))
    on = stage.post(f"/links/{link['id']}/enable", anne["token"])
    [[rests]] = stage.superuser("SELECT count(*) FROM link_rest WHERE link_id = %(l)s", l=link["id"])
    if on["disabled_at"] is not None or not rests:
        raise AssertionError(f"a link is not on again, or when it was off is forgotten: {on}, {rests}")
    wanted = {"code": "KILLS10", "adviser_id": anne["id"], "offer_id": stage.facts["offer_id"]}
    stage.post("/codes", owner, wanted, also=(409,))
    codes = stage.call("GET", f"/codes?offer_id={stage.facts['offer_id']}", owner)["items"]
    for code in codes:
        stage.post(f"/codes/{code['id']}/revoke", owner, also=(409,))


@part
def market_at_once(stage: Stage) -> None:
    """A shop lets advisers join an offer without being asked; one joins, and has a link with it."""
    owner, shop = stage.facts["owner"], stage.facts["shop_id"]
    cees = stage.facts["advisers"]["cees"]

    def offers() -> list[Any]:
        listed = stage.call("GET", f"/offers?shop_id={shop}", owner)["items"]
        return [one for one in listed if one["name"] == "At once"]

    if not offers():
        stage.post("/offers", owner, {"shop_id": shop, "name": "At once"})
    offer = offers()[0]
    if not stage.call("GET", f"/offers/{offer['id']}/terms", owner)["items"]:
        stage.post(f"/offers/{offer['id']}/terms", owner, TERMS)
    if offer["state"] == "draft":
        stage.post(f"/offers/{offer['id']}/open", owner)
    changed = stage.call("PATCH", f"/offers/{offer['id']}", owner, {"joining": "at_once"})
    if changed["joining"] != "at_once":
        raise AssertionError(f"an offer is not joined at once: {changed}")
    stage.post("/partnerships/join", cees["token"], {"offer_id": offer["id"]}, also=(409,))
    joined = [
        one["state"]
        for one in stage.call("GET", "/partnerships?limit=100", cees["token"])["items"]
        if one["offer_id"] == offer["id"]
    ]
    if joined != ["accepted"]:
        raise AssertionError(f"who joins at once is in once: {joined}")


# Clicks


@part
def visits(stage: Stage) -> None:
    """People click; segments are closed, shipped and removed; one line is broken; the disk is full for a moment."""
    visitors, edge = stage.visitors()
    anne, bert = stage.facts["advisers"]["anne"], stage.facts["advisers"]["bert"]
    for path in (anne["path"], bert["path"], anne["path"]):
        stage.click(path)
    stage.ship()
    folder = edge.slot.folder
    stage.click(bert["path"])
    newest = segments.segment_numbers(folder)[-1]
    spool.ROTATE_SECONDS = 0.0
    until(lambda: segments.segment_numbers(folder)[-1] > newest)
    spool.ROTATE_SECONDS = 3600.0
    with segments.segment_path(folder, newest).open("ab") as closed:
        closed.write(b"what a broken disk left\n")
    stage.click(anne["path"])
    stage.ship()
    # This one waits in memory until there is room, so a death meanwhile loses its line; its token proves it still.
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        visitors.get(anne["path"], headers={"User-Agent": "Mozilla/5.0"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    until(lambda: not edge.spool.unwritten)
    stage.close_edge()
    stage.ship()
    stage.call("GET", "/links", anne["token"])
    stage.sweep("click_days", "offer_pauses")


# Orders


def order(stage: Stage, ref: str, *whom: str, net: str = "80.00") -> None:
    """Report an order that clicks of these advisers led to; the same report each time."""

    def make() -> dict[str, Any]:
        found = [stage.click(stage.facts["advisers"][name]["path"]) for name in whom]
        return {
            "order_ref": ref,
            "ordered_at": clock.now().isoformat(),
            "currency": "EUR",
            "channel": "web",
            "click_tokens": found,
            "lines": [line("1", net, tax=money("0.00"), quantity=4)],
        }

    stage.post("/orders", stage.facts["shop_key"], remember(stage, ref, make), tell=ref)
    # The edge is heard of again after the order, so nobody waits for clicks that could still come.
    stage.visitors()
    stage.ship()


def back(stage: Stage, ref: str, name: str, net: str) -> dict[str, Any]:
    """Return the report that one piece of an order came back."""
    return remember(  # type: ignore[no-any-return]
        stage,
        name,
        lambda: {
            "refund_ref": name,
            "refunded_at": clock.now().isoformat(),
            "lines": [{"line_ref": "1", "quantity": 1, "net": money(net)}],
            "reason": "came back",
        },
    )


def commission_of(stage: Stage, ref: str) -> str:
    """Return the commission on an order."""
    [[found]] = stage.superuser(
        "SELECT c.id::text FROM commission c JOIN shop_order o ON o.id = c.order_id WHERE o.order_ref = %(ref)s",
        ref=ref,
    )
    return str(found)


@part
def orders(stage: Stage) -> None:
    """Orders, more lines, returns before and after their order, cancels, approvals, declines; the books follow.

    One report is refused, and the shop can read that it was.
    """
    key, owner = stage.facts["shop_key"], stage.facts["owner"]
    stage.post("/orders", key, {"order_ref": "K-0"}, also=(422,))
    if not stage.superuser("SELECT 1 FROM shop_report WHERE order_ref = 'K-0' AND outcome = 'refused'"):
        raise AssertionError("that a report was refused is not kept")
    order(stage, "K-1", "anne")
    more = remember(stage, "K-1-lines", lambda: {"lines": [line("2", "20.00", tax=money("0.00"))]})
    stage.post("/orders/K-1/lines", key, more)
    stage.post("/orders/K-1/refunds", key, back(stage, "K-1", "K-1-back", "20.00"))
    stage.post("/orders/K-3/refunds", key, back(stage, "K-3", "K-3-back", "20.00"))
    order(stage, "K-2", "bert", "cees")
    order(stage, "K-3", "cees")
    stage.post("/orders/K-2/cancel", key, also=(409,))
    stage.post(f"/commissions/{commission_of(stage, 'O-3')}/approve", owner, also=(409,))
    decline = {"reason": "other", "note": "no"}
    stage.post(f"/commissions/{commission_of(stage, 'O-4')}/decline", owner, decline, also=(409,))
    stage.play("worker")
    [[order_id]] = stage.superuser("SELECT id::text FROM shop_order WHERE order_ref = 'K-1'")
    jobs.perform("decide_order", str(order_id))
    stage.sweep(
        "decide_orders", "apply_waiting_refunds", "approve_commissions", "accrual.recent", "accrual.all"
    )
    stage.post("/orders/O-1/refunds", key, back(stage, "O-1", "O-1-back", "200.00"))
    stage.sweep("accrual.all", "trim_reports")


@part
def stuck(stage: Stage) -> None:
    """One commission can't be posted for a while; it is set aside, the others are not, and later it is posted too."""
    for number, whom in enumerate(("anne", "bert", "cees")):
        order(stage, f"S-{number}", whom)
    bad = commission_of(stage, "S-1")
    stage.superuser(
        "CREATE OR REPLACE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'no' USING ERRCODE = '23514', CONSTRAINT = 'poisoned'; END $$"
    )
    stage.superuser("DROP TRIGGER IF EXISTS refuse_one ON accrual")
    stage.superuser(
        "CREATE CONSTRAINT TRIGGER refuse_one AFTER INSERT ON accrual DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" WHEN (NEW.commission_id = '{bad}') EXECUTE FUNCTION refuse_one()"
    )
    stage.superuser("ALTER TABLE accrual ENABLE ALWAYS TRIGGER refuse_one")
    stage.sweep("accrual.all")
    stage.superuser("DROP TRIGGER refuse_one ON accrual")
    stage.play("worker")
    alone(stage, "retry-set-aside")
    stage.sweep("accrual.all")


# Money in


def pay_in(stage: Stage, amount: str, *, also: tuple[int, ...] = ()) -> None:
    """A shop opens a page and pays there."""
    wanted = {"shop_id": stage.facts["shop_id"], "amount": money(amount)}
    page = stage.post("/funding", stage.facts["owner"], wanted, also=also)
    if page is not None and page["url"]:
        stage.sandbox.click(page["url"])


@part
def funding(stage: Stage) -> None:
    """A shop pays in; one page is refused, one is never opened, one is not answered about for a while."""
    stage.sandbox.ask("faults", method="DELETE")
    pay_in(stage, "120.00")
    stage.hear()
    stage.fault("500_transient", "/v1/checkout/sessions/*", method="GET")
    stage.sweep("settlement.events")
    stage.advance(minutes=2)
    stage.sweep("settlement.events", "settlement.fundings")
    stage.fault("drop_before", "/v1/checkout/sessions")
    pay_in(stage, "130.00", also=(502, 503, 504))
    stage.advance(minutes=2)
    stage.sweep("settlement.fundings")
    stage.sandbox.ask("faults", method="DELETE")
    stage.fault("drop_before", "/v1/checkout/sessions")
    pay_in(stage, "140.00", also=(502, 503, 504))
    stage.sandbox.ask("faults", method="DELETE")
    stage.advance(hours=24)
    stage.sweep("settlement.fundings")
    pay_in(stage, "0.10", also=(409, 422))


# Payout accounts


@part
def account(stage: Stage) -> None:
    """An adviser connects a bank account; the first answer is lost for more than a day; later everything is asked."""
    cees = stage.facts["advisers"]["cees"]["token"]
    stage.sandbox.ask("faults", method="DELETE")
    stage.fault("drop_before", "/v1/accounts")
    stage.post("/payout-account", cees, {"currency": "EUR"}, also=(403, 502, 503, 504))
    stage.advance(hours=24)
    stage.sandbox.ask("faults", method="DELETE")
    made = stage.post("/payout-account", cees, {"currency": "EUR"}, also=(403,))
    if made is not None:
        stage.sandbox.click(made["url"])
    stage.call("GET", "/payout-account?currency=EUR", cees)
    stage.advance(days=2)
    stage.sweep("settlement.accounts")


@part
def account_gone(stage: Stage) -> None:
    """A connected account exists no more at Stripe."""
    anne = stage.facts["advisers"]["anne"]
    stage.superuser(
        "UPDATE payout_account SET stripe_account_id = 'acct_gone' WHERE adviser_id = %(a)s", a=anne["id"]
    )
    stage.call("GET", "/payout-account?currency=EUR", anne["token"])


# Paydays


def start_run(stage: Stage) -> None:
    """Two people of finance bring a run to execution, whatever of it was done before."""
    maker, checker = stage.facts["finance"]
    runs = [one for one in stage.call("GET", "/runs", maker["key"])["items"] if one["state"] != "rejected"]
    run = runs[0] if runs else stage.post("/runs", maker["key"], {"currency": "EUR"})
    path = f"/runs/{run['id']}"
    if run["state"] == "draft":
        seen = stage.post(f"{path}/preview", maker["key"])
        total = {"amount": str(seen["total"]["amount"]), "currency": "EUR"}
        approval = {"content_hash": seen["content_hash"], "total": total, "totp": stage.code(checker)}
        stage.post(f"{path}/approve", checker["key"], approval)
        run["state"] = "approved"
    if run["state"] == "approved":
        stage.post(f"{path}/execute", maker["key"])


@part
def payday(stage: Stage) -> None:
    """A run is made, approved and carried out; statements follow, money arrives in the bank, the books are compared."""
    start_run(stage)
    stage.sweep("runs.continue", "statements")
    stage.hear()
    stage.sweep("settlement.events")
    stage.post("/reconciliation/import", stage.facts["finance"][0]["key"])
    stage.sweep("reconciliation")
    stage.advance(days=3)
    stage.hear()
    stage.sweep("settlement.events", "settlement.bank", "reconciliation")
    # The same without a single webhook, by asking.
    stage.advance(hours=7)
    stage.sweep("settlement.bank", "reconciliation.bookings")


@part
def payday_rejected(stage: Stage) -> None:
    """The second person rejects a draft, whose maker is told once; what it would have paid is in the next run."""
    maker, checker = stage.facts["finance"]
    known = sorted(stage.call("GET", "/runs", maker["key"])["items"], key=lambda one: str(one["number"]))
    first = known[0] if known else stage.post("/runs", maker["key"], {"currency": "EUR"})
    # Rejected already and not told so: the same person says the same again.
    stage.post(f"/runs/{first['id']}/reject", checker["key"], {"reason": "The month is not closed."})
    start_run(stage)
    stage.sweep("runs.continue")
    for statement, wanted in (
        ("SELECT count(*) FROM mail_message WHERE template = 'run_rejected'", 1),
        (f"SELECT count(*) FROM payout WHERE run_id = '{first['id']}'", 0),
    ):
        [[found]] = stage.superuser(statement)
        if found != wanted:
            raise AssertionError(f"{statement}: {found}, not {wanted}")


@part
def payday_without_news(stage: Stage) -> None:
    """Every webhook is lost; what came of the money is found by asking."""
    stage.sandbox.ask("faults", {"match": {"type": "*"}, "fault": "lose", "times": 1000})
    start_run(stage)
    stage.sweep("runs.continue")
    stage.advance(days=3)
    stage.sweep("settlement.bank", "statements")


@part
def payday_on_credit(stage: Stage) -> None:
    """A shop's payment is not available at Stripe yet, so what it pays for waits, and goes on by itself."""
    stage.sandbox.ask("settings", {"available_after_days": 7})
    if not stage.superuser("SELECT 1 FROM funding WHERE amount_minor = 500000"):
        pay_in(stage, "5000.00")
    stage.hear()
    stage.sweep("settlement.events", "settlement.fundings")
    order(stage, "C-1", "bert", net="30000.00")
    stage.sweep("decide_orders")
    stage.post(f"/commissions/{commission_of(stage, 'C-1')}/approve", stage.facts["owner"], also=(409,))
    stage.sweep("accrual.all")
    start_run(stage)
    stage.sweep("runs.continue", "runs.resume_funded")
    stage.advance(days=8)
    stage.superuser(
        "UPDATE payout SET next_try_at = next_try_at + interval '10 days' WHERE reason = 'insufficient_funds'"
    )
    stage.sweep("runs.resume_funded", "runs.continue")


@part
def restored(stage: Stage) -> None:
    """Payouts are frozen; Stripe knows a transfer that the books forgot; two people book it and lift the freeze."""
    maker, checker = stage.facts["finance"]
    [[account_id]] = stage.superuser(
        "SELECT stripe_account_id FROM payout_account WHERE adviser_id = %(a)s",
        a=stage.facts["advisers"]["anne"]["id"],
    )
    alone(stage, "freeze-payouts", "restored by hand")
    stage.post("/payout-freeze", maker["token"], {"note": "restored"})
    forgotten = "01900000-0000-7000-8000-000000000001"
    stage.sandbox.raw(
        "POST",
        TRANSFERS,
        f"amount=2600&currency=eur&destination={account_id}&metadata[payout_id]={forgotten}".encode(),
        Authorization=f"Bearer {stage.gateway_key}",
        Idempotency_Key="payout-forgotten-a1",
    )
    stage.post("/reconciliation/import", maker["key"])
    stage.sweep("reconciliation")
    unknown = stage.call("GET", "/payout-freeze", maker["token"])["unknown_transfers"]
    for one in unknown:
        path = f"/payout-freeze/transfers/{one['difference_id']}"
        stage.post(f"{path}/book", maker["token"], {"note": "anne's"}, also=(409,))
        stage.post(f"{path}/approve", checker["token"], also=(409,))
    stage.sweep("reconciliation.bookings", "reconciliation")
    for who in (maker, checker):
        stage.post("/payout-freeze/lift", who["token"], also=(409,))


@part
def payday_refused(stage: Stage) -> None:
    """An account stops being payable between approval and payment; another payout is refused by Stripe itself."""
    start_run(stage)
    anne = stage.facts["advisers"]["anne"]["id"]
    [[gone]] = stage.superuser(
        "SELECT stripe_account_id FROM payout_account WHERE adviser_id = %(a)s AND currency = 'EUR'", a=anne
    )
    stage.sandbox.act("account.disable", account=gone)
    stage.sandbox.ask("settings", {"transfer_minimum": 1_000_000})
    stage.sweep("runs.continue")
    stage.sandbox.ask("settings", {"transfer_minimum": 1})


@part
def payday_unanswered(stage: Stage) -> None:
    """The answer to a transfer is lost, and the next one is a failure that Stripe remembers; both are found out."""
    start_run(stage)
    if not stage.superuser("SELECT 1 FROM payout_attempt"):
        stage.sandbox.ask("faults", method="DELETE")
        stage.fault("drop_after", TRANSFERS)
        stage.fault("500_stored", TRANSFERS, nth=2)
    for _ in range(5):
        stage.sweep("runs.continue")
        stage.advance(minutes=6)


@part
def payday_adopted(stage: Stage) -> None:
    """Stripe says 500 and has moved the money all the same; it is found by looking and not sent again."""
    start_run(stage)
    if not stage.superuser("SELECT 1 FROM payout_attempt"):
        stage.fault("500_stored", TRANSFERS, effect=True)
    for _ in range(3):
        stage.sweep("runs.continue")
        stage.advance(minutes=6)


@part
def payday_unchecked(stage: Stage) -> None:
    """Stripe does not answer what is asked before paying, so nothing is sent until it does."""
    start_run(stage)
    stage.fault("drop_before", "/v1/accounts/*", method="GET")
    stage.sweep("runs.continue")
    stage.sandbox.ask("faults", method="DELETE")


@part
def payday_key_taken(stage: Stage) -> None:
    """Stripe holds the key of a payout with other content, so a person is called, and the next key pays."""
    start_run(stage)
    [[payout]] = stage.superuser("SELECT id::text FROM payout ORDER BY place LIMIT 1")
    if not stage.superuser("SELECT 1 FROM payout_attempt"):
        stage.fault("500_stored", TRANSFERS, effect=False)
        body = b"amount=1&currency=eur&destination=acct_none"
        stage.sandbox.raw(
            "POST",
            TRANSFERS,
            body,
            Authorization=f"Bearer {stage.gateway_key}",
            Idempotency_Key=f"payout-{payout}-a1",
        )
    for _ in range(4):
        stage.sweep("runs.continue")
        stage.advance(minutes=6)
