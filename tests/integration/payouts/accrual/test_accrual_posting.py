"""Moves of commissions reach the books once, in order, funded or not."""

from __future__ import annotations

import datetime as dt
import uuid

import psycopg
import pytest
import sqlalchemy as sa

from marketplace.core import clock, db, ids
from payouts.accrual import registration
from payouts.ledger import postings
from payouts.ledger.service import Money
from tests.integration.payouts.world import NOW, World


def test_a_sale_goes_through_pending_to_payable(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 5000, fee=75)
    sale = world.sale(shop, adviser, 1000)
    assert world.post() == 1
    assert world.books() == {
        ("stripe:platform_balance", None): 4925,
        ("platform:stripe_cost", None): 75,
        ("shop:prepaid", shop): 3900,
        ("adviser:pending", adviser): 1000,
        ("platform:fee_pending", None): 100,
    }
    world.move(sale, "approved")
    assert world.post() == 1
    assert world.balance("adviser:available", adviser) == 1000
    assert world.balance("adviser:pending", adviser) == 0
    assert world.balance("platform:fee_revenue") == 100
    assert world.post() == 0


def test_three_returns_reverse_commission_and_fee_to_exactly_nothing(world: World) -> None:
    shop, adviser = world.shop(fee_bp=333), world.adviser()
    world.pay_in(shop, 5000)
    sale = world.sale(shop, adviser, 1001)
    for part in (-333, -334, -334):
        world.move(sale, "reversed", part)
        world.post()
    assert world.books() == {("stripe:platform_balance", None): 5000, ("shop:prepaid", shop): 5000}


def test_a_return_before_approval_frees_the_budget_at_once(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 5000)
    other = world.sale(shop, adviser, 200)
    world.move(other, "approved")
    sale = world.sale(shop, adviser, 1000)
    world.post()
    world.move(sale, "reversed", -1000)
    world.post()
    assert world.balance("adviser:pending", adviser) == 0
    assert world.balance("adviser:available", adviser) == 200
    assert world.balance("shop:prepaid", shop) == 5000 - 220


def test_a_return_after_payout_becomes_a_debt_that_the_next_sale_nets(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 5000)
    sale = world.sale(shop, adviser, 1000)
    world.move(sale, "approved")
    world.post()
    payout = sale
    parts = [(shop, Money(1000, "EUR"))]
    world.enter(postings.reserve(payout, adviser, parts, at=NOW))
    world.enter(postings.sent(payout, adviser, parts, transfer_id="tr_1", at=NOW))
    world.move(sale, "reversed", -700)
    world.post()
    assert world.balance("adviser:available", adviser) == 0
    assert world.balance("adviser:receivable", adviser) == 700
    following = world.sale(shop, adviser, 900)
    world.move(following, "approved")
    world.post()
    assert world.balance("adviser:receivable", adviser) == 0
    assert world.balance("adviser:available", adviser) == 200


def test_an_unfunded_sale_waits_approved_and_matures_when_the_shop_pays(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    sale = world.sale(shop, adviser, 1000)
    world.move(sale, "approved")
    assert world.post() == 1
    assert world.balance("shop:receivable", shop) == 1100
    assert world.balance("adviser:pending", adviser) == 1000
    assert world.one("SELECT awaits_shop FROM accrual_unposted") is True
    later = NOW + dt.timedelta(days=3)
    world.pay_in(shop, 1099, now=later)
    assert world.post(later) == 0, "not enough: nothing is released in part"
    world.pay_in(shop, 1, now=later)
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("adviser:available", adviser) == 0
    assert world.post(later + dt.timedelta(days=1)) == 1
    assert world.balance("adviser:available", adviser) == 1000
    assert world.balance("shop:prepaid", shop) == 0
    matured = world.one("SELECT effective_at FROM entry WHERE kind = 'mature'")
    assert matured == later, "it became payable when the money came, not when it was approved or posted"


def test_an_approval_that_waits_stops_neither_its_own_return_nor_others(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    waiting = world.sale(shop, adviser, 1000)
    world.move(waiting, "approved")
    world.post()
    world.move(waiting, "reversed", -400)
    other = world.shop()
    world.pay_in(other, 5000)
    sale = world.sale(other, adviser, 100)
    world.move(sale, "approved")
    assert world.post() == 3
    assert world.balance("shop:receivable", shop) == 660
    assert world.balance("adviser:available", adviser) == 100
    world.pay_in(shop, 660)
    world.post()
    assert world.balance("adviser:available", adviser) == 700


def test_a_return_that_frees_budget_pays_for_what_waits_at_once(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 1100)
    first = world.sale(shop, adviser, 1000)
    world.post()
    second = world.sale(shop, adviser, 500)
    world.move(second, "approved")
    world.post()
    assert world.balance("shop:receivable", shop) == 550
    world.move(first, "reversed", -1000)
    world.post()
    assert world.balance("shop:receivable", shop) == 0
    assert world.balance("shop:prepaid", shop) == 550
    assert world.balance("adviser:available", adviser) == 500


def test_all_moves_at_once_end_like_one_by_one(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 1500)
    sales = [world.sale(shop, adviser, 600) for _ in range(3)]
    for sale in sales:
        world.move(sale, "earned", 100)
        world.move(sale, "reversed", -50)
        world.move(sale, "approved")
        world.move(sale, "reversed", -650)
    world.post()
    assert world.books() == {("stripe:platform_balance", None): 1500, ("shop:prepaid", shop): 1500}
    assert world.one("SELECT count(*) FROM accrual_unposted") == 0


def test_declined_frees_all(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 1100)
    sale = world.sale(shop, adviser, 1000)
    world.post()
    world.move(sale, "declined", -1000)
    world.post()
    assert world.books() == {("stripe:platform_balance", None): 1100, ("shop:prepaid", shop): 1100}


def test_an_approval_of_nothing_posts_no_entry_and_is_done(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 1100)
    sale = world.sale(shop, adviser, 1000)
    world.move(sale, "reversed", -1000)
    world.move(sale, "approved")
    assert world.post() == 3
    assert world.one("SELECT entry_id FROM accrual WHERE kind = 'approved'") is None
    assert world.post() == 0


def test_test_orders_never_reach_the_ledger(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.sale(shop, adviser, 1000, mode="test")
    assert world.post() == 0
    assert world.books() == {}


def test_the_fee_is_the_one_of_the_contract_on_the_day_of_the_order(world: World) -> None:
    shop, adviser = world.shop(fee_bp=1000), world.adviser()
    world.contract(shop, 2500, NOW, version=2)
    world.sale(shop, adviser, 1000, ordered_at=NOW - dt.timedelta(seconds=1))
    world.sale(shop, adviser, 1000, ordered_at=NOW)
    world.sale(shop, adviser, 1000, ordered_at=NOW - dt.timedelta(days=4000))
    world.post()
    assert world.balance("platform:fee_pending") == 100 + 250 + 100


def test_a_move_is_posted_once_when_two_workers_take_the_queue(world: World) -> None:
    adviser = world.adviser()
    for number in range(4):
        # Workers share no lane, so there must be several; lanes are told by the end of a shop's id.
        world.sale(uuid.UUID(int=(1 << 100) + number), adviser, 100)
    with db.transaction() as first:
        claimed = first.execute(sa.text("SELECT accrual_claim(2)")).scalars().all()
        with psycopg.connect(world.database.url("worker").replace("+psycopg", "", 1)) as second:
            others = [row[0] for row in second.execute("SELECT accrual_claim(10)")]
    assert len(claimed) == 2 and len(others) == 2 and not set(claimed) & set(others)


def test_a_move_that_nobody_posted_for_long_is_found_by_the_slow_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, adviser = world.shop(), world.adviser()
    commission = world.commission(shop, adviser)
    hour_ago = int((clock.wall() - dt.timedelta(hours=1)).timestamp() * 1000)
    with monkeypatch.context() as patch:
        patch.setattr(ids, "new_id", lambda: uuid.UUID(int=(hour_ago << 80) | 1))
        world.move(commission, "earned", 100)
    assert registration.post_recent() == 0
    assert registration.post_all() == 1
    assert world.balance("adviser:pending", adviser) == 100


def test_a_lost_claim_is_not_posted_again_under_a_newer_snapshot(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.sale(shop, adviser, 100)
    from payouts.accrual import queue

    with db.transaction() as session:
        claimed = queue.claim(session, 10)
        assert len(queue.moves_of(session, claimed, NOW)) == 1
    world.post()
    with db.transaction() as session:
        assert queue.moves_of(session, claimed, NOW) == []


RAW = [
    "UPDATE accrual SET commission_minor = 0",
    "UPDATE accrual SET funded = true",
    "DELETE FROM accrual",
    "TRUNCATE accrual",
]


@pytest.mark.parametrize("role", ["app", "worker", "postgres"])
def test_what_is_in_the_books_is_never_changed(world: World, role: str) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.sale(shop, adviser, 1000)
    world.post()
    before = world.one("SELECT to_jsonb(a) FROM accrual a")
    url = (
        world.database.postgres.url("postgres", world.database.name)
        if role == "postgres"
        else world.database.url(role)
    )
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        for statement in RAW:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()
    assert world.one("SELECT to_jsonb(a) FROM accrual a") == before


def test_the_end_of_a_wait_is_written_once(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.sale(shop, adviser, 1000)
    world.post()
    world.pay_in(shop, 1100)
    with (
        psycopg.connect(world.database.url("worker").replace("+psycopg", "", 1)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("UPDATE accrual SET funded_entry_id = entry_id")


def test_reversing_beyond_what_was_earned_is_refused_by_the_database(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.pay_in(shop, 5000)
    sale = world.sale(shop, adviser, 1000)
    world.post()
    extra = world.move(sale, "reversed", -1)
    with psycopg.connect(world.database.url("worker").replace("+psycopg", "", 1)) as connection:
        connection.execute(
            "INSERT INTO accrual (move_id, commission_id, seq, kind, shop_id, adviser_id, currency, entry_id, funded,"
            " commission_minor, fee_minor, unfunded_commission_minor, unfunded_fee_minor)"
            " SELECT %s, commission_id, 2, 'reversed', shop_id, adviser_id, currency, entry_id, true, -1001, 0, 0, 0"
            " FROM accrual",
            (extra,),
        )
        with pytest.raises(psycopg.errors.CheckViolation, match="beyond what it earned"):
            connection.commit()
