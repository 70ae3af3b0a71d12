"""Many workers on one queue: no move is posted twice, no two work on one shop, and nobody waits for ever."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from marketplace.core import db
from payouts.accrual import checks, isolation, queue
from tests.integration.payouts.world import World


def lane(world: World, shop: uuid.UUID) -> int:
    return int(shop.bytes[15] & 63)


def shop_where(world: World, wanted: Callable[[int], bool]) -> uuid.UUID:
    """Make shops until the lane of one is what is wanted."""
    while not wanted(lane(world, shop := world.shop())):
        pass
    return shop


def two_lanes(world: World) -> tuple[uuid.UUID, uuid.UUID]:
    """Make two shops, the first one's lane before the second one's."""
    first = shop_where(world, lambda found: found < 32)
    return first, shop_where(world, lambda found: found >= 32)


def claim(session: Any, wanted: int) -> list[uuid.UUID]:
    return queue.claim(session, wanted)


def claimed_elsewhere(world: World, wanted: int) -> list[uuid.UUID]:
    """Claim as another worker, whose transaction is rolled back at once."""
    with psycopg.connect(world.database.url("worker").replace("+psycopg", "", 1)) as other:
        rows = other.execute("SELECT accrual_claim(%s)", (wanted,)).fetchall()
        other.rollback()
    return [row[0] for row in rows]


def post_some(wanted: int) -> int:
    from payouts.accrual import service
    from tests.integration.payouts.world import NOW

    return db.run_in_transaction(lambda session: service.post_due(session, NOW, wanted))


def posted(world: World, commission: uuid.UUID) -> bool:
    return bool(world.one("SELECT count(*) FROM accrual WHERE commission_id = :id", id=commission))


def test_two_workers_never_work_on_the_same_shop_at_once(world: World) -> None:
    (one, other), adviser = two_lanes(world), world.adviser()
    sales = [world.sale(one, adviser, 100) for _ in range(3)]
    others = [world.sale(other, adviser, 100) for _ in range(3)]
    with db.transaction() as session:
        assert sorted(claim(session, 2)) == sorted(sales[:2])
        assert sorted(claimed_elsewhere(world, 10)) == sorted(others), (
            "the rest of the first shop is not for others"
        )
    assert sorted(claimed_elsewhere(world, 10)) == sorted([*sales, *others]), (
        "a lane is free when its holder ends"
    )


def test_what_somebody_holds_without_its_lane_is_passed_over_all_the_same(world: World) -> None:
    shop, adviser = world.shop(), world.adviser()
    sales = [world.sale(shop, adviser, 100) for _ in range(3)]
    with db.transaction() as session:
        assert queue.claim_these(session, [sales[1]]) == [sales[1]]
        assert sorted(claimed_elsewhere(world, 10)) == sorted([sales[0], sales[2]])


@pytest.mark.parametrize("big_comes_first", [True, False])
def test_a_shop_with_a_long_queue_that_grows_holds_up_nobody_for_ever(
    world: World, big_comes_first: bool
) -> None:
    shops, adviser = two_lanes(world), world.adviser()
    big, small = shops if big_comes_first else reversed(shops)
    for _ in range(5):
        world.sale(big, adviser, 100)
    waiting = world.sale(small, adviser, 100)
    for batch in range(3):
        for _ in range(4):
            world.sale(big, adviser, 100)
        assert not posted(world, waiting), f"older ones come first, and batch {batch} has none but these"
        assert post_some(3) == 3
    assert posted(world, waiting), (
        "five older moves are two batches of three; the third begins with the oldest"
    )
    assert world.one("SELECT count(*) FROM accrual WHERE shop_id = :shop", shop=big) == 8


def test_an_approval_that_waits_for_its_shop_does_not_bring_the_shop_before_others(world: World) -> None:
    (poor, other), adviser = two_lanes(world), world.adviser()
    world.move(world.sale(poor, adviser, 100), "approved")
    world.post()
    first = world.sale(other, adviser, 100)
    for _ in range(5):
        world.sale(poor, adviser, 100)
    with db.transaction() as session:
        assert claim(session, 1) == [first]


def test_a_batch_is_filled_from_several_shops_and_from_no_more_than_it_needs(world: World) -> None:
    (one, other), adviser = two_lanes(world), world.adviser()
    sales = [world.sale(other, adviser, 100), world.sale(one, adviser, 100), world.sale(other, adviser, 100)]
    with db.transaction() as session:
        assert sorted(claim(session, 3)) == sorted(sales)
    with db.transaction() as session:
        assert sorted(claim(session, 2)) == sorted([sales[0], sales[2]])
        assert claimed_elsewhere(world, 5) == [sales[1]], "the lane that was not needed is free"


def test_four_workers_post_each_move_once_and_each_shop_in_its_order(world: World) -> None:
    db.init(world.database.url("worker"), pool_size=8, clock_moves=True)
    shops, advisers = [world.shop() for _ in range(6)], [world.adviser() for _ in range(3)]
    for shop in shops[:4]:
        world.pay_in(shop, 1000)
    sales = [world.sale(shops[number % 6], advisers[number % 3], 100) for number in range(72)]
    for sale in sales[::3]:
        world.move(sale, "reversed", -40)
    start = threading.Barrier(4)

    def work(_number: int) -> int:
        start.wait()
        return isolation.post_everything(batch=5)

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(work, range(4)))
    assert world.one("SELECT count(*) FROM accrual") == 72 + 24
    assert world.one("SELECT count(*) FROM entry WHERE starts_with(idem, 'move:')") == 72 + 24
    # What a return freed pays for what waits, and counts as done too.
    assert done == 72 + 24 + world.one("SELECT count(*) FROM entry WHERE kind = 'funded'")
    assert world.one("SELECT count(*) FROM accrual_due") == 0
    with world.reading() as session:
        for promise in (
            checks.moves_are_posted_as_they_are,
            checks.pending_is_unmatured,
            checks.queue_is_whole,
        ):
            assert promise(session).holds
        for shop in shops:
            order = session.execute(
                sa.text(
                    "SELECT entry_id FROM accrual WHERE shop_id = :shop AND kind = 'earned' ORDER BY move_id"
                ),
                {"shop": shop},
            ).scalars()
            assert all(before < after for before, after in pairwise(order)), (
                "older sales are paid from the budget first"
            )


WRONG = {
    "of a move that is not there": "gen_random_uuid(), m.commission_id, m.seq, m.kind, :entry",
    "of another commission": "m.id, gen_random_uuid(), m.seq, m.kind, :entry",
    "with another number": "m.id, m.commission_id, m.seq + 1, m.kind, :entry",
    "of another kind": "m.id, m.commission_id, m.seq, 'declined', :entry",
    "with an entry that is not there": "m.id, m.commission_id, m.seq, m.kind, :entry + 1000",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_database_takes_no_accrual(world: World, wrong: str) -> None:
    shop, adviser = world.shop(), world.adviser()
    world.sale(shop, adviser, 100)
    world.post()
    world.sale(shop, adviser, 200)
    entry = world.one("SELECT max(id) FROM entry")
    statement = (
        "INSERT INTO accrual (move_id, commission_id, seq, kind, entry_id, shop_id, adviser_id, currency, funded,"
        f" commission_minor, fee_minor, unfunded_commission_minor, unfunded_fee_minor) SELECT {WRONG[wrong]},"
        " c.shop_id, c.adviser_id, m.currency, true, 200, 20, 0, 0"
        " FROM commission_move m JOIN commission c ON c.id = m.commission_id WHERE m.delta_minor = 200"
    )
    with (
        db.transaction() as session,
        pytest.raises(sa.exc.IntegrityError, match="another thing than its move"),
    ):
        session.execute(sa.text(statement), {"entry": entry})
    session.close()


def test_the_lane_of_a_shop_is_the_same_wherever_it_is_worked_out(world: World) -> None:
    shop = world.shop()
    world.sale(shop, world.adviser(), 100)
    assert world.one("SELECT lane FROM accrual_due") == lane(world, shop)
