"""A shop's payment is booked once; what waited is released oldest first; what bounces is owed again."""

from __future__ import annotations

import uuid

import pytest

from marketplace.core import db
from marketplace.core.errors import IdempotencyMismatch, IllegalTransition, InvalidInput, NotFound
from marketplace.core.money import Money
from payouts.funding import service
from tests.integration.payouts.world import NOW, World


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def planned(world: World, shop: uuid.UUID, minor: int = 5000) -> uuid.UUID:
    with db.transaction() as session:
        return service.plan(session, shop, eur(minor), "test", NOW).id


def test_a_payment_is_booked_gross_with_stripes_fee_as_our_cost(world: World) -> None:
    shop = world.shop()
    funding = planned(world, shop)
    with db.transaction() as session:
        assert service.opened(session, funding, "cs_1", "https://pay").state == "open"
    with db.transaction() as session:
        paid = service.credit(session, funding, eur(5000), eur(75), NOW, payment_intent="pi_1")
    assert (paid.state, paid.paid_at, paid.stripe_payment_intent) == ("paid", NOW, "pi_1")
    assert world.books() == {
        ("stripe:platform_balance", None): 4925,
        ("platform:stripe_cost", None): 75,
        ("shop:prepaid", shop): 5000,
    }


def test_the_same_payment_told_twice_is_booked_once(world: World) -> None:
    shop = world.shop()
    funding = planned(world, shop)
    for _ in range(3):
        with db.transaction() as session:
            service.credit(session, funding, eur(5000), eur(75), NOW)
    assert world.balance("shop:prepaid", shop) == 5000
    with pytest.raises(IdempotencyMismatch), db.transaction() as session:
        service.credit(session, funding, eur(5000), eur(76), NOW)
    assert world.balance("shop:prepaid", shop) == 5000


def test_another_amount_than_planned_is_not_booked(world: World) -> None:
    shop = world.shop()
    funding = planned(world, shop)
    with pytest.raises(service.FundingDiffers), db.transaction() as session:
        service.credit(session, funding, eur(4999), eur(0), NOW)
    assert world.books() == {}


def test_a_payment_after_its_session_expired_still_counts(world: World) -> None:
    shop = world.shop()
    funding = planned(world, shop)
    with db.transaction() as session:
        assert service.failed(session, funding, expired=True).state == "expired"
    with db.transaction() as session:
        service.credit(session, funding, eur(5000), eur(0), NOW)
    assert world.balance("shop:prepaid", shop) == 5000
    with pytest.raises(IllegalTransition), db.transaction() as session:
        service.failed(session, funding)


def test_foreign_currency_and_nothing_are_refused(world: World) -> None:
    shop = world.shop()
    for amount in (Money(5000, "USD"), eur(0), eur(-1)):
        with pytest.raises(InvalidInput), db.transaction() as session:
            service.plan(session, shop, amount, "test", NOW)
    with pytest.raises(NotFound), db.transaction() as session:
        service.plan(session, uuid.uuid4(), eur(1), "test", NOW)
    with pytest.raises(NotFound), db.transaction() as session:
        service.credit(session, uuid.uuid4(), eur(1), eur(0), NOW)


def test_two_sessions_for_one_funding_are_refused(world: World) -> None:
    funding = planned(world, world.shop())
    with db.transaction() as session:
        service.opened(session, funding, "cs_1", "https://pay")
    with db.transaction() as session:
        assert service.opened(session, funding, "cs_1", "https://pay").state == "open"
    with pytest.raises(IdempotencyMismatch), db.transaction() as session:
        service.opened(session, funding, "cs_2", "https://pay")


def test_the_oldest_is_released_first_and_never_overtaken(world: World) -> None:
    shop, adviser = world.shop(fee_bp=0), world.adviser()
    big = world.sale(shop, adviser, 1000)
    small = world.sale(shop, adviser, 10)
    for sale in (big, small):
        world.move(sale, "approved")
    world.post()
    world.pay_in(shop, 900)
    assert world.balance("shop:receivable", shop) == 1010, "the small one waits behind the big one"
    world.pay_in(shop, 105)
    world.post()
    assert world.balance("shop:receivable", shop) == 10
    assert world.balance("shop:prepaid", shop) == 5
    assert world.balance("adviser:available", adviser) == 1000
    released = world.one("SELECT commission_id FROM accrual WHERE funded_entry_id IS NOT NULL")
    assert released == big


def test_more_earned_after_approval_matures_with_its_release(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 1100)
    sale = world.sale(shop, adviser, 1000)
    world.move(sale, "approved")
    world.post()
    world.move(sale, "earned", 500)
    world.post()
    assert world.balance("adviser:pending", adviser) == 500
    world.pay_in(shop, 550)
    assert world.balance("adviser:available", adviser) == 1500
    assert world.balance("adviser:pending", adviser) == 0
    assert world.balance("platform:fee_revenue") == 150


def test_a_bounced_payment_takes_the_budget_and_leaves_the_rest_as_debt(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    funding = world.pay_in(shop, 5000)
    sale = world.sale(shop, adviser, 1000)
    world.move(sale, "approved")
    world.post()
    for _ in range(2):
        with db.transaction() as session:
            service.returned(session, funding, eur(5000), "re_1", NOW)
    assert world.balance("shop:prepaid", shop) == 0
    assert world.balance("shop:receivable", shop) == 1100
    assert world.balance("adviser:available", adviser) == 1000, "advisers keep what matured"
    assert world.balance("stripe:platform_balance") == 0
