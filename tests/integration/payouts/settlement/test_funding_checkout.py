"""A shop pays in through the hosted page: booked once when Stripe says so, and never on a webhook's word alone."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from marketplace.core import clock
from payouts.funding.models import Funding
from payouts.settlement import checkouts
from payouts.settlement.models import Break, StripeMovement
from tests.integration.payouts.settling import World, slowly

AMOUNT = {"amount": "200.00", "currency": "EUR"}
# The sandbox takes 1.5 % and 25 cents.
FEE = 325


def pay_in(world: World, amount: dict[str, str] | None = None) -> tuple[uuid.UUID, str]:
    """Open a page over HTTP; return the funding and the page's address."""
    headers = world.token(world.owner.user_id)
    status, body = world.call("POST", "/funding", headers, amount=amount or AMOUNT)
    assert status == 201, body
    return uuid.UUID(body["id"]), body["url"]


def funding(world: World, funding_id: uuid.UUID) -> Funding:
    """Return a funding as it is."""
    return world.read(lambda session: session.get_one(Funding, funding_id))


def repair(world: World) -> int:
    """Do what the sweep does."""
    world.play("worker")
    return checkouts.repair(world.gateway, "http://localhost", clock.now)


@pytest.mark.parametrize("fault", ["duplicate", *slowly("none", "reorder")])
def test_a_paid_page_is_booked_once(world: World, fault: str) -> None:
    if fault != "none":
        world.sandbox.ask("faults", {"match": {"type": "*"}, "fault": fault, "times": 10})
    funding_id, url = pay_in(world)
    assert world.sandbox.click(url)[0] == 303
    assert set(world.deliver()) == {200}
    world.handle()
    assert funding(world, funding_id).state == "paid"
    assert world.balance("shop:prepaid", world.shop_id) == 20_000
    assert world.balance("platform:stripe_cost") == FEE
    assert world.balance("stripe:platform_balance") == 20_000 - FEE
    [movement] = world.read(lambda session: list(session.scalars(sa.select(StripeMovement))))
    assert (movement.kind, movement.amount_minor) == ("funding", 20_000 - FEE)
    assert repair(world) == 0


def test_a_lost_webhook_is_repaired_by_asking(world: World) -> None:
    world.sandbox.ask("faults", {"match": {"type": "*"}, "fault": "lose", "times": 100})
    funding_id, url = pay_in(world)
    world.sandbox.click(url)
    assert world.deliver() == []
    assert repair(world) == 0
    world.advance(minutes=3)
    assert repair(world) == 1
    assert funding(world, funding_id).state == "paid"
    assert world.balance("shop:prepaid", world.shop_id) == 20_000
    assert repair(world) == 0


def test_a_webhook_says_nothing_that_is_not_fetched(world: World) -> None:
    funding_id, url = pay_in(world)
    world.play("worker")
    session_id = funding(world, funding_id).stripe_session_id or ""
    assert checkouts.confirm(world.gateway, session_id, clock.now) == "open"
    assert funding(world, funding_id).state == "open"
    assert world.balance("shop:prepaid", world.shop_id) == 0
    world.sandbox.click(url)
    world.play("worker")
    assert checkouts.confirm(world.gateway, session_id, clock.now) == "booked"
    assert checkouts.confirm(world.gateway, session_id, clock.now) == "booked"
    assert world.balance("shop:prepaid", world.shop_id) == 20_000


def test_another_amount_than_planned_is_an_alarm_and_no_credit(world: World) -> None:
    funding_id, url = pay_in(world)
    with world.rows() as session:
        session.get_one(Funding, funding_id).amount_minor = 90_000
    world.sandbox.click(url)
    world.deliver()
    world.handle()
    assert funding(world, funding_id).state == "open"
    assert world.balance("shop:prepaid", world.shop_id) == 0
    [alarm] = world.read(lambda session: list(session.scalars(sa.select(Break))))
    assert (alarm.kind, alarm.state, alarm.amount_minor) == ("funding_mismatch", "open", 20_000)
    assert alarm.facts["funding_id"] == str(funding_id)


@pytest.mark.parametrize("fault", ["500_stored", "429_rate"])
def test_a_page_whose_answer_was_lost_is_opened_by_the_sweep_or_given_up(world: World, fault: str) -> None:
    world.sandbox.fault(fault, path="/v1/checkout/sessions", times=3)
    headers = world.token(world.owner.user_id)
    status, body = world.call("POST", "/funding", headers, amount=AMOUNT)
    assert (status, body["unchanged"] != "") == (503, True)
    [found] = world.read(lambda session: list(session.scalars(sa.select(Funding))))
    assert found.state == "planned"
    world.sandbox.ask("faults", method="DELETE")
    world.advance(minutes=2)
    if fault == "429_rate":
        assert repair(world) == 1
        assert funding(world, found.id).state == "open"
        return
    world.advance(hours=24)
    assert repair(world) == 1
    assert funding(world, found.id).state == "expired"


def test_an_expired_page_ends_the_funding(world: World) -> None:
    funding_id, _ = pay_in(world)
    world.advance(hours=25)
    world.deliver()
    world.handle()
    assert funding(world, funding_id).state == "expired"


AMOUNTS: list[tuple[dict[str, object], int]] = [
    ({"amount": "0.00", "currency": "EUR"}, 422),
    ({"amount": "-5.00", "currency": "EUR"}, 422),
    ({"amount": 5, "currency": "EUR"}, 422),
    ({"amount": "5.001", "currency": "EUR"}, 422),
    ({"amount": "5.00", "currency": "USD"}, 422),
    ({"amount": "0.10", "currency": "EUR"}, 409),
    ({"amount": "99999999999999.00", "currency": "EUR"}, 422),
]


def test_amounts_that_cannot_be_paid_are_refused(world: World) -> None:
    headers = world.token(world.owner.user_id)
    for amount, status in AMOUNTS:
        answer, body = world.call("POST", "/funding", headers, amount=amount)
        assert answer == status, (amount, body)
        assert body["next"]
    states = world.read(lambda session: set(session.scalars(sa.select(Funding.state))))
    assert states <= {"failed"}


def test_only_an_owner_with_a_fresh_password_pays_in(world: World) -> None:
    adviser = world.adviser(connected=False)
    assert world.call("POST", "/funding", amount=AMOUNT)[0] == 401
    assert world.call("POST", "/funding", world.token(adviser.actor.user_id), amount=AMOUNT)[0] == 403
    assert (
        world.call("POST", "/funding", {"Authorization": f"Bearer {world.shop_key}"}, amount=AMOUNT)[0] == 403
    )
    old = world.token(world.owner.user_id, minutes_ago=31)
    assert world.call("POST", "/funding", old, amount=AMOUNT)[1]["code"] == "reauthentication_needed"
    mine = world.token(world.owner.user_id)
    assert world.call("POST", "/funding", mine, amount=AMOUNT, shop_id=str(uuid.uuid4()))[0] == 404
