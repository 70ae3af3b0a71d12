"""Each promise that `verify` checks is broken on purpose, as only a superuser can, and must be found."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core import db, hooks
from payouts.accrual import registration as accrual_room
from payouts.funding import registration as funding_room
from payouts.ledger import registration as ledger_room
from tests.integration.payouts.world import NOW, World

BREACHES = {
    "ledger_sums_to_zero": "UPDATE posting SET amount_minor = amount_minor + 1 WHERE (entry_id, line) = (1, 1)",
    "ledger_entries_balance": "DELETE FROM posting WHERE entry_id = (SELECT max(entry_id) FROM posting)",
    "ledger_balances_are_postings": "UPDATE balance SET balance_minor = balance_minor + 1 WHERE account_id = 1",
    "ledger_floors": (
        "ALTER TABLE balance DROP CONSTRAINT ck_balance_floor; UPDATE balance SET balance_minor = 1 FROM account a"
        " WHERE a.id = account_id AND a.kind = 'shop:prepaid'"
    ),
    "ledger_reversals_within": "UPDATE entry SET reverses = 1 WHERE id = 2",
    "ledger_history_closed": "GRANT UPDATE ON posting TO aanrader_worker",
    "funding_is_booked_once": "UPDATE funding SET amount_minor = amount_minor + 1",
    "shops_owe_what_waits": "UPDATE accrual SET unfunded_fee_minor = unfunded_fee_minor + 1 WHERE NOT funded",
    "accrual_equals_moves": "UPDATE accrual SET commission_minor = commission_minor + 1 WHERE seq = 1",
    "accrual_equals_entries": "UPDATE accrual SET fee_minor = fee_minor + 1 WHERE seq = 1",
    "adviser_pending_is_unmatured": "DELETE FROM accrual WHERE kind = 'approved'",
    "fees_follow_standing": "UPDATE shop_contract SET fee_bp = 5000",
    "no_move_forgotten": "DELETE FROM accrual WHERE kind = 'approved'",
    "accrual_queue_is_whole": "INSERT INTO accrual_due SELECT move_id, commission_id, 0, false FROM accrual LIMIT 1",
}
DOORS = (
    "ALTER TABLE entry DISABLE TRIGGER entry_append_only",
    "ALTER TABLE posting ENABLE TRIGGER posting_applied",
)


@pytest.fixture
def told(world: World) -> World:
    """A world with a payment, a sale that matured, one that waits, and one that is pending."""
    for room in (ledger_room, funding_room, accrual_room):
        room.register()
    shop, poor, adviser = world.shop(), world.shop(), world.adviser()
    world.pay_in(shop, 5000, fee=75)
    ripe = world.sale(shop, adviser, 1000)
    world.move(ripe, "approved")
    waiting = world.sale(poor, adviser, 500)
    world.move(waiting, "approved")
    world.sale(shop, adviser, 300)
    world.post(NOW)
    return world


@pytest.fixture
def superuser(told: World) -> Iterator[orm.Session]:
    """A session past every guard; what it does is rolled back."""
    engine = sa.create_engine(
        told.database.postgres.url("postgres", told.database.name), poolclass=sa.NullPool
    )
    with orm.Session(engine) as session:
        yield session
    engine.dispose()


def test_each_breach_is_found_by_its_promise(superuser: orm.Session) -> None:
    for name, statement in BREACHES.items():
        before = hooks.invariants[name].check(superuser)
        assert before.holds, name
        assert before.rows_seen > 0 or name == "ledger_reversals_within", name
        for table in (
            "posting",
            "entry",
            "accrual",
            "balance",
            "funding",
            "shop_contract",
            "commission_move",
        ):
            superuser.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        superuser.execute(sa.text("SET LOCAL session_replication_role = replica"))
        # What was recorded just now counts as being worked on.
        superuser.execute(sa.text("UPDATE commission_move SET recorded_at = recorded_at - interval '1 hour'"))
        superuser.execute(sa.text(statement))
        assert not hooks.invariants[name].check(superuser).holds, name
        superuser.rollback()


@pytest.mark.parametrize("statement", DOORS)
def test_an_open_door_is_counted(told: World, statement: str) -> None:
    url = told.database.postgres.url("postgres", told.database.name).replace("+psycopg", "", 1)
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        connection.commit()
    with db.session() as session:
        assert hooks.invariants["ledger_history_closed"].check(session).figure == 1


def test_the_lag_counts_what_is_due_and_not_what_waits(told: World) -> None:
    lag = hooks.lags["moves_unposted"]
    with db.session() as session:
        assert lag(session, NOW) == 0
        assert session.execute(sa.text("SELECT count(*) FROM accrual_unposted")).scalar_one() == 1
    told.sale(told.shop(), told.adviser(), 100)
    told.database.open("app")
    with db.session() as session:
        assert lag(session, NOW) == 1, "the web role sees it too"
    told.database.open("worker")
    assert accrual_room.post_recent() == 1
    assert accrual_room.post_all() == 0
