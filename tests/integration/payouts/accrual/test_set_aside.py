"""A commission that can't be posted is set aside: it stops nobody else's, it alarms, and it is tried again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from marketplace.core import clock, db, hooks
from payouts.accrual import isolation
from payouts.accrual.registration import register
from tests.integration.payouts.world import World


def without_contract(world: World) -> uuid.UUID:
    """Make a shop of which nobody knows our fee, which tracking does not allow."""
    return world.insert(
        "shop",
        code=uuid.uuid4().hex,
        name="Shop",
        legal_name="Shop BV",
        registration_no="1",
        country="NL",
        currency="EUR",
    )


def poison_at_commit(world: World, commission: uuid.UUID) -> None:
    """Let PostgreSQL refuse a commission, and only when its transaction commits."""
    world._tracking.execute(
        "CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'secret value' USING ERRCODE = '23514', CONSTRAINT = 'poisoned'; END $$"
    )
    world._tracking.execute(
        "CREATE CONSTRAINT TRIGGER refuse_one AFTER INSERT ON accrual DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" WHEN (NEW.commission_id = '{commission}') EXECUTE FUNCTION refuse_one()"
    )
    world._tracking.execute("ALTER TABLE accrual ENABLE ALWAYS TRIGGER refuse_one")


def set_aside(world: World) -> list[dict[str, Any]]:
    with world.reading() as session:
        return isolation.open_ones(session)


def let_wait_end(world: World) -> None:
    with db.transaction() as session:
        isolation.retry_now(session)


def many_sales(world: World, count: int) -> list[uuid.UUID]:
    shop, advisers = world.shop(), [world.adviser() for _ in range(3)]
    world.pay_in(shop, 1_000_000)
    return [world.sale(shop, advisers[number % 3], 100) for number in range(count)]


@pytest.mark.parametrize("when", ["deciding", "commit"])
def test_one_poisoned_commission_among_500_stops_nobody_else(world: World, when: str) -> None:
    sales = many_sales(world, 499)
    if when == "deciding":
        bad = world.sale(without_contract(world), world.adviser(), 100)
        code = "TypeError"
    else:
        bad = sales.pop(250)
        world.move(bad, "earned", 50)
        poison_at_commit(world, bad)
        code = "23514 poisoned"
    assert isolation.post_everything() >= len(sales)
    assert world.one("SELECT count(*) FROM accrual") == len(sales)
    [found] = set_aside(world)
    assert (found["commission_id"], found["code"], found["tries"]) == (bad, code, 1)
    assert isolation.post_everything() == 0, "it waits, and no batch fails because of it again"
    assert world.one("SELECT tries FROM accrual_set_aside") == 1


def test_two_poisoned_commissions_are_both_found(world: World) -> None:
    nobody = without_contract(world)
    sales = many_sales(world, 20)
    bad = {world.sale(nobody, world.adviser(), 100) for _ in range(2)}
    many_sales(world, 20)
    isolation.post_everything(batch=16)
    assert {row["commission_id"] for row in set_aside(world)} == bad
    assert world.one("SELECT count(*) FROM accrual") == 2 * len(sales)


def test_what_is_set_aside_posts_normally_once_the_cause_is_gone(world: World) -> None:
    nobody, adviser = without_contract(world), world.adviser()
    bad = world.sale(nobody, adviser, 1000)
    isolation.post_everything()
    world.move(bad, "approved")
    world.contract(nobody, 1000, clock.now().replace(year=2020))
    assert isolation.post_everything() == 0, "its time has not come"
    let_wait_end(world)
    assert isolation.post_everything(since=uuid.UUID(int=0)) == 0, "only the full sweep tries again"
    assert isolation.post_everything() == 1, "earned; the approval waits for the shop"
    assert set_aside(world) == []
    world.pay_in(nobody, 1100)
    assert isolation.post_everything() == 1, "it is a commission like any other again"
    assert world.balance("adviser:available", adviser) == 1000
    assert world.one("SELECT count(*) FROM accrual_set_aside") == 1, "that it happened stays known"


def test_each_try_that_fails_doubles_the_wait_up_to_an_hour(world: World) -> None:
    world.sale(without_contract(world), world.adviser(), 1000)
    waits = []
    for _ in range(9):
        isolation.post_everything()
        waits.append(
            world.one("SELECT extract(epoch FROM retry_at - last_at)::int / 60 FROM accrual_set_aside")
        )
        let_wait_end(world)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert world.one("SELECT tries FROM accrual_set_aside") == 9


def test_several_workers_find_the_same_poison_and_count_it_once(world: World) -> None:
    db.init(world.database.url("worker"), pool_size=12, clock_moves=True)
    nobody = without_contract(world)
    bad = {world.sale(nobody, world.adviser(), 100) for _ in range(3)}
    sales = many_sales(world, 60)
    with ThreadPoolExecutor(4) as pool:
        for worker in [pool.submit(isolation.post_everything, batch=8) for _ in range(4)]:
            worker.result()
    isolation.post_everything()
    assert {row["commission_id"] for row in set_aside(world)} == bad
    assert {row["tries"] for row in set_aside(world)} == {1}
    assert world.one("SELECT count(*) FROM accrual") == len(sales)


def test_when_all_of_many_fail_the_sweep_says_so_and_goes_on_at_its_next_time(world: World) -> None:
    nobody = without_contract(world)
    for _ in range(isolation.MOST_AT_ONCE + 3):
        world.sale(nobody, world.adviser(), 100)
    with pytest.raises(isolation.TooManySetAside):
        isolation.post_everything()
    assert len(set_aside(world)) == isolation.MOST_AT_ONCE
    isolation.post_everything()
    assert len(set_aside(world)) == isolation.MOST_AT_ONCE + 3


def test_a_moment_of_weakness_sets_nobody_aside(world: World) -> None:
    many_sales(world, 3)
    world._tracking.execute(
        f"ALTER ROLE aanrader_worker IN DATABASE {world.database.name} SET lock_timeout = '20ms'"
    )
    db.init(world.database.url("worker"), clock_moves=True)
    with psycopg.connect(
        world.database.postgres.url("postgres", world.database.name).replace("+psycopg", "", 1)
    ) as other:
        other.execute("LOCK TABLE accrual")
        with pytest.raises(sa.exc.OperationalError):
            isolation.post_everything()
        other.rollback()
    assert isolation.post_everything() == 3
    assert set_aside(world) == []


def test_what_is_set_aside_alarms_by_lag_and_promise_and_is_not_counted_as_forgotten(world: World) -> None:
    register()
    world.sale(without_contract(world), world.adviser(), 100)
    isolation.post_everything()
    world._tracking.execute("ALTER TABLE commission_move DISABLE TRIGGER commission_move_append_only")
    world._tracking.execute("UPDATE commission_move SET recorded_at = now() - interval '1 day'")
    with world.reading() as session:
        assert hooks.lags["moves_set_aside"](session, clock.now()) == 1
        assert hooks.lags["moves_unposted"](session, clock.now()) == 0
        assert not hooks.invariants["no_commission_set_aside"].check(session).holds
        assert hooks.invariants["no_move_forgotten"].check(session).holds


@pytest.mark.parametrize("role", ["app", "worker", "postgres"])
def test_what_was_set_aside_is_never_removed(world: World, role: str) -> None:
    world.sale(without_contract(world), world.adviser(), 100)
    isolation.post_everything()
    url = (
        world.database.postgres.url("postgres", world.database.name)
        if role == "postgres"
        else world.database.url(role)
    )
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        for statement in ("DELETE FROM accrual_set_aside", "TRUNCATE accrual_set_aside"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()
