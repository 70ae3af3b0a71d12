"""Scenarios 17 to 19: webhooks are hints. In whatever order they come, the end is what Stripe's API says."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest
import sqlalchemy as sa

from marketplace.accounts.models import Adviser
from marketplace.core import config
from marketplace.core.mail import MailMessage
from payouts.settlement import registration as settlement
from payouts.settlement.models import StripeEvent
from payouts.settlement.payout_models import Payout
from payouts.statements import registration as statements
from tests import letters
from tests.integration.payouts.sandbox.sandbox_process import SECRETS
from tests.integration.payouts.settlement.test_webhook_endpoints import event, sign
from tests.integration.payouts.settling import World, slowly

Delivery = tuple[str, str, bytes]


def paid(world: World, *earned: int) -> list[Payout]:
    """Pay advisers and return the payouts; the webhooks so far are delivered and handled."""
    world.budget(sum(earned))
    for cents in earned:
        world.adviser(earned=cents)
    run = world.start()
    world.work(run)
    hear(world)
    payouts = world.payouts(run)
    assert {payout.state for payout in payouts} == {"paid"}
    return payouts


def hear(world: World) -> None:
    """Deliver and handle until nothing comes any more."""
    for _ in range(4):
        world.deliver()
        world.handle()


def now_of(world: World, payout: Payout) -> Payout:
    """Return the payout as it is now."""
    return world.read(lambda session: session.get_one(Payout, payout.id))


def kept_back(world: World, account: str) -> dict[str, Delivery]:
    """Return what Stripe sends about the bank payouts of an account, by type, without anybody having heard it."""
    world.sandbox.ask("webhooks/flush", {})
    sent = {json.loads(body)["type"]: (path, signature, body) for path, signature, body in world.receiver.got
            if json.loads(body).get("account") == account}  # fmt: skip
    return {name: one for name, one in sent.items() if name.startswith("payout.")}


def tell(world: World, *deliveries: Delivery) -> None:
    """Deliver in this order, and act upon each before the next comes."""
    for path, signature, body in deliveries:
        assert world.post_webhook(path, body, signature) == 200
        world.handle()


def at_stripe(world: World, payout: Payout) -> str:
    """Return what Stripe's API says about the last bank payout of an adviser."""
    world.worker()
    found = world.gateway.bank_payouts(payout.destination, payout.approved_at)
    return found[-1].status


def test_news_twice_and_in_the_wrong_order_ends_as_the_api_says(world: World) -> None:
    """Scenario 17: payout.paid twice, payout.failed before payout.paid, payout.created last: the API's state stands."""
    fine, failing = paid(world, 4_000, 5_000)
    world.sandbox.act("payout.paid_then_failed", account=failing.destination, code="account_closed")
    world.advance(days=3)
    good, bad = kept_back(world, fine.destination), kept_back(world, failing.destination)
    assert set(good) >= {"payout.created", "payout.paid"}
    tell(world, good["payout.paid"], good["payout.paid"], good["payout.created"])
    assert now_of(world, fine).state == "in_bank"
    assert at_stripe(world, fine) == "paid"
    world.advance(days=3)
    bad |= kept_back(world, failing.destination)
    tell(world, bad["payout.failed"], bad["payout.paid"], bad["payout.paid"], bad["payout.created"])
    after = now_of(world, failing)
    assert (after.state, after.reason) == ("bank_failed", "account_closed")
    assert at_stripe(world, failing) == "failed"
    # And once more, when it is in the books that the bank had it: an old word undoes nothing.
    tell(world, good["payout.created"], good["payout.paid"], bad["payout.failed"])
    assert [now_of(world, one).state for one in (fine, failing)] == ["in_bank", "bank_failed"]
    assert world.balance("memo:connected_balance", fine.adviser_id) == 0
    assert world.balance("memo:connected_balance", failing.adviser_id) == 5_000
    moved = sa.text("SELECT kind, count(*) FROM entry WHERE kind IN ('in_bank', 'bank_failed') GROUP BY kind")
    counted = world.read(lambda session: [tuple(row) for row in session.execute(moved)])
    assert counted == [("in_bank", 1)]


@pytest.mark.parametrize("fault", ["reorder", *slowly("none", "duplicate", "lose")])
def test_paid_then_failed_three_days_later_is_told_and_sent_no_second_time(world: World, fault: str) -> None:
    """Scenario 18: paid, then failed 3 days later: adviser told, "at Stripe, bank refused", no second transfer."""
    [payout] = paid(world, 4_000)
    world.sandbox.act("payout.paid_then_failed", account=payout.destination, code="account_closed")
    if fault != "none":
        world.sandbox.ask("faults", {"match": {"type": "payout.*"}, "fault": fault, "times": 100})
    world.advance(days=3)
    if fault != "lose":
        hear(world)
        assert now_of(world, payout).state == "in_bank"
    world.advance(days=3)
    if fault == "lose":
        ask_the_bank(world)
    else:
        hear(world)
    after = now_of(world, payout)
    assert (after.state, after.reason) == ("bank_failed", "account_closed")
    assert world.balance("memo:connected_balance", payout.adviser_id) == 4_000
    told = world.read(lambda session: list(session.scalars(sa.select(MailMessage).order_by(MailMessage.id))))
    assert [one.template for one in told] == ["run_awaits_approval", "payout_sent", "payout_bank_failed"]
    assert told[2].facts["amount"] == {"minor": 4000, "currency": "EUR"}
    assert "Your bank sent back €\xa040,00" in letters.draw(told[2].template, "en", told[2].facts).subject
    money = where_it_is(world, payout)
    assert money["state"] == "bank_failed"
    assert money["note"].startswith("At Stripe, bank refused: account closed.")
    # However long the worker goes on, nothing is sent again.
    world.advance(hours=30)
    world.work(world.run(payout.run_id))
    assert world.transfers() == (1, 4_000)
    # A new bank account: Stripe's next payout carries the same money, and we send nothing again.
    world.sandbox.act("account.enable", account=payout.destination)
    world.advance(days=3)
    hear(world)
    ask_the_bank(world)
    assert now_of(world, payout).state == "in_bank"
    assert where_it_is(world, payout)["note"] == "Arrived at your bank."
    # The old refusal, heard of once more, is not about where the money is now.
    refused = [one for one in world.sandbox.ask("webhooks")["data"] if one["type"] == "payout.failed"]
    world.sandbox.act("webhook.resend", event=refused[0]["event"])
    with world.rows() as session:
        session.execute(sa.delete(StripeEvent).where(StripeEvent.event_id == refused[0]["event"]))
    hear(world)
    assert now_of(world, payout).state == "in_bank"
    assert world.balance("memo:connected_balance", payout.adviser_id) == 0
    assert world.transfers() == (1, 4_000)


def ask_the_bank(world: World) -> None:
    """Do what the sweep does when webhooks are lost."""
    world.worker()
    settlement.follow_bank()


def where_it_is(world: World, payout: Payout) -> dict[str, str]:
    """Return what the adviser reads about where the money of a payout is."""
    world.worker()
    statements.issue_due()
    adviser = world.read(lambda session: session.get_one(Adviser, payout.adviser_id))
    status, body = world.call("GET", "/statements", world.token(adviser.user_id))
    assert status == 200
    [statement] = body["items"]
    found: dict[str, str] = statement["money"]
    return found


def stored(world: World) -> list[StripeEvent]:
    """Return every stored event."""
    return world.read(lambda session: list(session.scalars(sa.select(StripeEvent).order_by(StripeEvent.id))))


@pytest.mark.parametrize(
    "breach",
    ["no signature", "rubbish", "other secret", "other endpoint", "stale", "future", "altered", "live"],
)
def test_forged_or_stale_webhooks_are_400_and_leave_no_row(world: World, breach: str) -> None:
    """Scenario 19: a forged or stale (> 300 s) webhook is 400, and no row is left."""
    body, now = event(), int(time.time())
    secret = SECRETS["connect"]
    header: str | None = sign(secret, body)
    if breach == "no signature":
        header = None
    elif breach == "rubbish":
        header = "t=abc,v1=\x01"
    elif breach == "other secret":
        header = sign("whsec_of_somebody_else", body)
    elif breach == "other endpoint":
        header = sign(SECRETS["account"], body)
    elif breach == "stale":
        header = sign(secret, body, now - 301)
    elif breach == "altered":
        body = body.replace(b"po_1", b"po_2")
    elif breach == "live":
        body = event(livemode=True)
        header = sign(secret, body)
    elif breach == "future":
        # Stripe's verifier bounds only the past, and so do we: a stamp ahead still needs the secret.
        header = sign("whsec_of_somebody_else", body, now + 10_000)
    assert world.post_webhook("/connect", body, header) == 400
    assert stored(world) == []


def test_an_empty_secret_accepts_nothing(world: World) -> None:
    """Scenario 19: with an empty secret nothing is accepted, and no row is left."""
    config.use(dataclasses.replace(config.current(), stripe_webhook_secret_connect=""))
    body = event()
    assert world.post_webhook("/connect", body, sign("", body)) == 400
    assert stored(world) == []


def test_a_signed_event_about_an_unknown_object_is_stored_once_and_parked(world: World) -> None:
    """Scenario 19: a webhook for an unknown object is stored byte for byte and parked."""
    body = event()
    for _ in range(3):
        assert world.post_webhook("/connect", body, sign(SECRETS["connect"], body)) == 200
    [row] = stored(world)
    assert row.payload == body
    assert (row.source, row.event_id, row.handled_at) == ("connect", "evt_1", None)
    assert world.handle() == 1
    [row] = stored(world)
    assert row.outcome == "parked"
    assert world.handle() == 0
