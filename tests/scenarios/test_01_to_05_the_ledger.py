"""Scenarios 1 to 5: what the ledger refuses, whoever asks, and what it keeps under many hands."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import errors as pg

from marketplace.core import db
from marketplace.core.errors import IdempotencyMismatch
from marketplace.core.money import Money
from payouts.ledger import checks, service
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, credit, debit
from tests.conftest import Database
from tests.integration.payouts.world import NOW, World

T = TypeVar("T")
Connection = psycopg.Connection[Any]
Connect = Callable[[str], Connection]
Line = tuple[str, int, str]
STRIPE, BANK = Account("stripe:platform_balance", None, "EUR"), Account("bank:main", None, "EUR")
TOTALS = "SELECT currency, sum(amount_minor)::bigint FROM posting GROUP BY currency ORDER BY currency"


def transfer(connection: Connection, *lines: Line) -> int:
    """Write a transfer by raw SQL, each line an account kind, an amount and a currency; nothing is committed."""
    entry = connection.execute(
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at)"
        " VALUES (%s, '', 'raw', %s, now()) RETURNING id",
        (uuid.uuid4().hex, len(lines)),
    ).fetchone()
    assert entry is not None
    for number, (kind, amount, currency) in enumerate(lines, start=1):
        account = connection.execute(
            "SELECT id FROM ledger_open_accounts(%s, '{NULL}', %s)", ([kind], [currency])
        ).fetchone()
        assert account is not None
        connection.execute(
            "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor) VALUES (%s, %s, %s, %s, %s)",
            (entry[0], number, account[0], currency, amount),
        )
    return int(entry[0])


def stored(connection: Connection) -> list[Any]:
    """Return all that the ledger holds."""
    connection.rollback()
    tables = ("entry ORDER BY id", "posting ORDER BY entry_id, line", "balance ORDER BY account_id, shard")
    rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    connection.rollback()
    return rows


def test_a_transfer_that_does_not_sum_to_zero_is_refused_at_commit(connect: Connect) -> None:
    """Scenario 1: a transfer whose lines don't sum to 0 in some currency is refused when committed by raw SQL."""
    worker = connect("worker")
    transfer(worker, ("stripe:platform_balance", 500, "EUR"), ("bank:main", -500, "EUR"))
    worker.commit()
    before = stored(worker)
    wrong: tuple[tuple[Line, ...], ...] = (
        (("stripe:platform_balance", 500, "EUR"), ("bank:main", -499, "EUR")),
        (("stripe:platform_balance", 500, "EUR"), ("bank:main", 500, "EUR")),
        # The euros are right and the yen are not.
        (("fx", 5, "EUR"), ("bank:main", -5, "EUR"), ("fx", 7, "JPY"), ("bank:main", -6, "JPY")),
    )
    for lines in wrong:
        transfer(worker, *lines)
        with pytest.raises(pg.CheckViolation, match=r"does not sum to zero in (EUR|JPY)"):
            worker.commit()
        assert stored(worker) == before


CHANGES = (
    "UPDATE entry SET kind = 'other' WHERE id = %(entry)s",
    "UPDATE posting SET amount_minor = -amount_minor WHERE entry_id = %(entry)s",
    "DELETE FROM posting WHERE entry_id = %(entry)s",
    "DELETE FROM entry WHERE id = %(entry)s",
    "TRUNCATE entry CASCADE",
    "TRUNCATE posting CASCADE",
    "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor)"
    " SELECT entry_id, 3, account_id, currency, 1 FROM posting WHERE entry_id = %(entry)s LIMIT 1",
)


@pytest.mark.parametrize("role", ["app", "worker", "owner", "postgres"])
def test_a_posted_transfer_is_never_changed_emptied_or_added_to(connect: Connect, role: str) -> None:
    """Scenario 2: UPDATE, DELETE, TRUNCATE or a later line on a posted transfer is refused and nothing changes."""
    worker, intruder = connect("worker"), connect(role)
    entry = transfer(worker, ("stripe:platform_balance", 500, "EUR"), ("bank:main", -500, "EUR"))
    worker.commit()
    before = stored(worker)
    for change in CHANGES:
        with pytest.raises((pg.InsufficientPrivilege, pg.CheckViolation)):
            intruder.execute(change.replace("%(entry)s", str(entry)))
        intruder.rollback()
        assert stored(worker) == before, change


def test_two_currencies_that_balance_only_when_added_up_are_refused(connect: Connect) -> None:
    """Scenario 3: two currencies in one transfer that balance only after adding amounts across them are refused."""
    worker = connect("worker")
    before = stored(worker)
    transfer(worker, ("stripe:platform_balance", 500, "EUR"), ("stripe:platform_balance", -500, "USD"))
    with pytest.raises(pg.CheckViolation, match="does not sum to zero"):
        worker.commit()
    transfer(worker, ("fx", 300, "EUR"), ("bank:main", -200, "EUR"), ("bank:main", -100, "USD"))
    with pytest.raises(pg.CheckViolation, match="does not sum to zero"):
        worker.commit()
    assert stored(worker) == before


@pytest.fixture
def crowd(database: Database) -> Iterator[World]:
    """Shops and books with room for fifty workers at once."""
    made = World(database)
    db.init(database.url("worker"), pool_size=50, clock_moves=True)
    yield made
    made.close()


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(number)` in `count` threads that start together and return the results."""
    start = Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_fifty_workers_post_five_thousand_transfers_and_every_balance_is_its_lines(crowd: World) -> None:
    """Scenario 4: 50 workers post 5,000 random transfers: sum 0, balance = lines, no deadlock error surfaces."""
    prepaid = [Account("shop:prepaid", uuid.UUID(int=number), "EUR") for number in range(1, 9)]
    accounts = [STRIPE, Account("platform:rounding", None, "EUR"), BANK, *prepaid]
    big = eur(10**9)
    opening = [
        Entry(f"open:{shop.owner}", "test", NOW, (debit(STRIPE, big), credit(shop, big))) for shop in prepaid
    ]
    crowd.enter(*opening)

    def transfer_much(number: int) -> int:
        dice, posted = random.Random(number), 0
        while posted < 100:
            batch = min(dice.randint(1, 20), 100 - posted)
            entries = []
            for step in range(batch):
                taken, given = dice.sample(accounts, 2)
                amount = eur(dice.randint(1, 10_000))
                key = f"random:{number}:{posted + step}"
                entries.append(Entry(key, "test", NOW, (debit(taken, amount), credit(given, amount))))
            posted += len(db.run_in_transaction(lambda session, made=entries: service.post(session, made)))
        return posted

    assert sum(at_once(50, transfer_much)) == 5_000
    assert crowd.one("SELECT count(*) FROM entry WHERE idem LIKE 'random:%'") == 5_000
    with crowd.reading() as session:
        for promise in (
            checks.sums_to_zero,
            checks.entries_balance,
            checks.balances_are_postings,
            checks.floors_hold,
            checks.history_is_closed,
        ):
            assert promise(session).holds, promise.__name__


def test_the_same_key_twenty_times_at_once_is_one_transfer_and_another_amount_is_409(crowd: World) -> None:
    """Scenario 5: the same idempotency key 20x in parallel is one transfer; with another amount it is 409."""
    shop = crowd.shop()
    prepaid = Account("shop:prepaid", shop, "EUR")

    def entry(key: str, minor: int) -> Entry:
        return Entry(key, "test", NOW, (debit(STRIPE, eur(minor)), credit(prepaid, eur(minor))))

    ids = at_once(20, lambda _number: crowd.enter(entry("once", 70))[0])
    assert len(ids) == 20
    assert len(set(ids)) == 1
    assert crowd.balance("shop:prepaid", shop) == 70
    with pytest.raises(IdempotencyMismatch) as refused:
        crowd.enter(entry("once", 71))
    assert refused.value.status == 409
    # In one batch too, where neither is in the books yet.
    with pytest.raises(IdempotencyMismatch):
        crowd.enter(entry("twice", 70), entry("twice", 71))
    assert crowd.balance("shop:prepaid", shop) == 70
