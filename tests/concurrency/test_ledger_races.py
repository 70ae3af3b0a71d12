"""The ledger under many hands at once: nothing is lost, doubled or overdrawn, and no deadlock reaches anybody."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from marketplace.core import db
from marketplace.core.money import Money
from payouts.accrual import checks as accrual_checks
from payouts.accrual import service as accrual
from payouts.funding import checks as funding_checks
from payouts.funding import service as funding
from payouts.ledger import checks, service
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, credit, debit
from payouts.ledger.service import BalanceTooLow
from tests.conftest import Database
from tests.integration.payouts.world import NOW, World

T = TypeVar("T")
STRIPE = Account("stripe:platform_balance", None, "EUR")


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    made = World(database)
    db.init(database.url("worker"), pool_size=50, clock_moves=True)
    yield made
    made.close()


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(number)` in `count` threads that start together and return the results."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def prove(world: World) -> None:
    """Check every promise of ledger, funding and accrual."""
    promises = (
        checks.sums_to_zero,
        checks.entries_balance,
        checks.balances_are_postings,
        checks.floors_hold,
        checks.history_is_closed,
        funding_checks.shops_owe_what_waits,
        accrual_checks.moves_are_posted_as_they_are,
        accrual_checks.entries_say_what_moves_say,
        accrual_checks.pending_is_unmatured,
        accrual_checks.fees_follow_standing,
    )
    with world.reading() as session:
        for promise in promises:
            assert promise(session).holds, promise.__name__


def test_of_twelve_who_withdraw_the_whole_balance_one_succeeds(world: World) -> None:
    shop = world.shop()
    world.pay_in(shop, 1000)
    prepaid = Account("shop:prepaid", shop, "EUR")

    def withdraw(number: int) -> bool:
        lines = (debit(prepaid, eur(1000)), credit(STRIPE, eur(1000)))
        try:
            world.enter(Entry(f"withdraw:{number}", "test", NOW, lines))
        except BalanceTooLow:
            return False
        return True

    assert sum(at_once(12, withdraw)) == 1
    assert world.balance("shop:prepaid", shop) == 0
    prove(world)


def test_workers_on_one_queue_post_each_move_once(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 6000)
    for number in range(60):
        sale = world.sale(shop, adviser, 100)
        world.move(sale, "reversed", -40 if number % 2 else -100)
        world.move(sale, "approved")

    def work(_number: int) -> int:
        done, idle = 0, 0
        while idle < 3:
            step = db.run_in_transaction(lambda session: accrual.post_due(session, NOW, 7))
            done, idle = done + step, idle + (step == 0)
        return done

    at_once(4, work)
    assert world.one("SELECT count(*) FROM accrual") == 180
    assert (
        world.one("SELECT count(*) FROM entry WHERE source_type = 'commission' AND kind <> 'funded'") == 150
    )
    assert world.balance("adviser:available", adviser) == 30 * 60
    assert world.balance("shop:prepaid", shop) == 6000 - 30 * 66
    prove(world)


def test_money_that_comes_in_while_returns_are_posted_is_released_once(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    sales = [world.sale(shop, adviser, 100) for _ in range(20)]
    world.post()
    for sale in sales:
        world.move(sale, "reversed", -30)
        world.move(sale, "approved")
    amount = eur(200)
    with db.transaction() as session:
        fundings = [funding.plan(session, shop, amount, "test", NOW).id for _ in range(8)]

    def work(number: int) -> None:
        if number < 8:
            db.run_in_transaction(
                lambda session: funding.credit(session, fundings[number], amount, eur(0), NOW).id
            )
        else:
            db.run_in_transaction(lambda session: accrual.post_due(session, NOW, 5))

    at_once(12, work)
    world.post()
    prove(world)
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("adviser:available", adviser) == 20 * 70
    assert world.balance("shop:prepaid", shop) == 1600 - 20 * 77


def test_a_return_that_waited_for_a_payment_sees_what_it_released(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    sale = world.sale(shop, adviser, 100)
    world.post()
    world.move(sale, "reversed", -30)
    with db.transaction() as session:
        planned = funding.plan(session, shop, eur(200), "test", NOW).id
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            funding.credit(session, planned, eur(200), eur(0), NOW)
            # The budget is locked by the payment; the return must wait, and then believe only what it reads after.
            posted = pool.submit(lambda: db.run_in_transaction(lambda other: accrual.post_due(other, NOW)))
            with pytest.raises(TimeoutError):
                posted.result(0.5)
        assert posted.result(10) == 1
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("shop:prepaid", shop) == 200 - 77
    prove(world)


def test_an_account_that_twenty_open_at_once_is_one_account(world: World) -> None:
    shop = uuid.uuid4()
    account = Account("shop:prepaid", shop, "EUR")

    def open_it(_number: int) -> int:
        return db.run_in_transaction(lambda session: service.open_accounts(session, [account])[account])

    assert len(set(at_once(20, open_it))) == 1
