"""Each promise of the ledger, provoked by raw SQL: what our code would never do, PostgreSQL must refuse."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg

from payouts.ledger.accounts import CHART, SHARDS

Connection = psycopg.Connection[Any]
Connect = Callable[[str], Connection]
SHOP, ADVISER = uuid.UUID(int=1), uuid.UUID(int=2)
STRIPE, PREPAID, OWED = ("stripe:platform_balance", None), ("shop:prepaid", SHOP), ("shop:receivable", SHOP)
AVAILABLE = ("adviser:available", ADVISER)
Kind = tuple[str, uuid.UUID | None]
BALANCES = "SELECT a.code, sum(b.balance_minor), sum(b.postings) FROM balance b JOIN account a ON a.id = b.account_id"


salt = [uuid.uuid4()]


@pytest.fixture(autouse=True)
def own_accounts() -> None:
    """Give each test accounts of its own: the tests of this module share a database."""
    salt[:] = [uuid.uuid4()]


@pytest.fixture
def worker(connect: Connect) -> Connection:
    return connect("worker")


def account(connection: Connection, kind: Kind, currency: str = "EUR") -> int:
    found = connection.execute(
        "SELECT id FROM ledger_open_accounts(%s, %s, %s)",
        ([kind[0]], [kind[1] and uuid.uuid5(salt[0], str(kind[1]))], [currency]),
    ).fetchone()
    assert found is not None
    return int(found[0])


def open_entry(
    connection: Connection, lines: int, *, reverses: int | None = None, idem: str | None = None
) -> int:
    found = connection.execute(
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at, reverses)"
        " VALUES (%s, '', 'test', %s, now(), %s) RETURNING id",
        (idem or uuid.uuid4().hex, lines, reverses),
    ).fetchone()
    assert found is not None
    return int(found[0])


def add_line(
    connection: Connection, entry: int, number: int, kind: Kind, amount: int, currency: str = "EUR"
) -> None:
    shop = SHOP if kind[0].startswith("adviser:") else None
    connection.execute(
        "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (entry, number, account(connection, kind, currency), currency, amount, shop),
    )


def write(connection: Connection, *lines: tuple[Kind, int], reverses: int | None = None) -> int:
    entry = open_entry(connection, len(lines), reverses=reverses)
    for number, (kind, amount) in enumerate(lines, start=1):
        add_line(connection, entry, number, kind, amount)
    connection.commit()
    return entry


def state(connection: Connection) -> list[Any]:
    rows = connection.execute(f"{BALANCES} GROUP BY a.code ORDER BY a.code").fetchall()
    rows += connection.execute("SELECT count(*), max(id) FROM entry").fetchall()
    rows += connection.execute("SELECT count(*), sum(amount_minor) FROM posting").fetchall()
    connection.rollback()
    return rows


def test_an_entry_that_does_not_sum_to_zero_is_refused_at_commit(worker: Connection) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    before = state(worker)
    entry = open_entry(worker, 2)
    add_line(worker, entry, 1, STRIPE, 500)
    add_line(worker, entry, 2, PREPAID, -499)
    with pytest.raises(pg.CheckViolation, match="does not sum to zero in EUR"):
        worker.commit()
    assert state(worker) == before


def test_two_currencies_never_balance_each_other(worker: Connection) -> None:
    entry = open_entry(worker, 2)
    add_line(worker, entry, 1, STRIPE, 500)
    add_line(worker, entry, 2, STRIPE, -500, "USD")
    with pytest.raises(pg.CheckViolation, match="does not sum to zero"):
        worker.commit()


def test_two_currencies_that_each_balance_are_taken(worker: Connection) -> None:
    entry = open_entry(worker, 4)
    for number, (kind, amount, currency) in enumerate(
        [
            (STRIPE, 500, "EUR"),
            (("fx", None), -500, "EUR"),
            (("fx", None), 540, "USD"),
            (STRIPE, -540, "USD"),
        ],
        1,
    ):
        add_line(worker, entry, number, kind, amount, currency)
    worker.commit()


@pytest.mark.parametrize("lines", [0, 1])
def test_an_entry_says_at_least_two_lines(worker: Connection, lines: int) -> None:
    with pytest.raises(pg.CheckViolation, match="ck_entry_lines"):
        open_entry(worker, lines)


def test_an_entry_without_its_lines_is_refused_at_commit(worker: Connection) -> None:
    open_entry(worker, 2)
    with pytest.raises(pg.CheckViolation, match="says it has 2 lines and has 0"):
        worker.commit()


def test_an_entry_that_keeps_a_line_for_later_is_refused_at_commit(worker: Connection) -> None:
    entry = open_entry(worker, 3)
    add_line(worker, entry, 1, STRIPE, 500)
    add_line(worker, entry, 2, PREPAID, -500)
    with pytest.raises(pg.CheckViolation, match="says it has 3 lines and has 2"):
        worker.commit()


def test_a_line_of_nothing_is_refused(worker: Connection) -> None:
    entry = open_entry(worker, 2)
    with pytest.raises(pg.CheckViolation, match="ck_posting_amount"):
        add_line(worker, entry, 1, STRIPE, 0)


def test_lines_are_never_added_to_an_entry_of_another_transaction(worker: Connection) -> None:
    entry = write(worker, (STRIPE, 500), (PREPAID, -500))
    before = state(worker)
    for number in (1, 2, 3):
        with pytest.raises((pg.CheckViolation, pg.UniqueViolation)):
            add_line(worker, entry, number, STRIPE, 1)
        worker.rollback()
    assert state(worker) == before


def test_a_line_for_an_entry_that_is_not_there_is_refused(worker: Connection) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    before = state(worker)
    for entry in (0, -1, 2**62):
        with pytest.raises(pg.CheckViolation, match="is sealed or missing"):
            add_line(worker, entry, 1, STRIPE, 1)
        worker.rollback()
    assert state(worker) == before


def test_checking_early_leaves_no_room_for_another_line(worker: Connection) -> None:
    entry = open_entry(worker, 2)
    add_line(worker, entry, 1, STRIPE, 500)
    add_line(worker, entry, 2, PREPAID, -500)
    worker.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(pg.CheckViolation, match="takes no more lines"):
        add_line(worker, entry, 3, STRIPE, 1)


@pytest.mark.parametrize("column", ["xact", "cluster", "posted_at", "id"])
def test_the_worker_can_not_choose_what_seals_an_entry(worker: Connection, column: str) -> None:
    with pytest.raises(pg.InsufficientPrivilege):
        worker.execute(
            f"INSERT INTO entry (idem, request_hash, kind, lines, effective_at, {column})"
            " VALUES ('x', '', 'test', 2, now(), DEFAULT)"
        )


def test_an_entry_of_another_cluster_stays_sealed_when_the_numbers_meet(
    worker: Connection, connect: Connect
) -> None:
    entry = write(worker, (STRIPE, 500), (PREPAID, -500))
    superuser = connect("postgres")
    superuser.execute("ALTER TABLE entry DISABLE TRIGGER entry_append_only")
    superuser.execute(
        "UPDATE entry SET xact = pg_current_xact_id(), cluster = cluster - 1, lines = 3 WHERE id = %s",
        (entry,),
    )
    with pytest.raises(pg.CheckViolation, match="is sealed or missing"):
        add_line(superuser, entry, 3, STRIPE, 1)


CHANGES = [
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table} CASCADE",
]


@pytest.mark.parametrize("role", ["app", "worker", "owner", "postgres"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("table", "column"),
    [("entry", "kind"), ("posting", "line"), ("account", "code"), ("account_kind", "kind")],
)
def test_history_is_never_changed_by_anybody(
    worker: Connection, connect: Connect, role: str, change: str, table: str, column: str
) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    before = state(worker)
    connection = connect(role)
    if role == "postgres":
        # A replica's session skips ordinary triggers; these fire always.
        connection.execute("SET session_replication_role = replica")
    with pytest.raises(pg.InsufficientPrivilege):
        connection.execute(change.format(table=table, column=column))
    connection.rollback()
    assert state(worker) == before


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE balance SET balance_minor = 0",
        "INSERT INTO balance (account_id, shard, normal, floor_zero) SELECT id, 99, 'D', false FROM account LIMIT 1",
        "DELETE FROM balance",
        "TRUNCATE balance",
        "INSERT INTO account (code, kind, currency, normal, floor_zero, shards) VALUES ('x','fx','EUR','C',false,1)",
        "INSERT INTO account_kind VALUES ('x', 'C', false, false, 1)",
        "SELECT 1 FROM balance FOR UPDATE",
        "SELECT 1 FROM entry FOR KEY SHARE",
    ],
)
def test_nobody_writes_accounts_or_balances_directly(
    worker: Connection, connect: Connect, role: str, change: str
) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    with pytest.raises(pg.InsufficientPrivilege):
        connect(role).execute(change)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at) VALUES ('x', '', 'test', 2, now())",
        "INSERT INTO posting VALUES (1, 1, 1, 'EUR', 5, NULL)",
        "SELECT ledger_lock('{1}'::bigint[])",
        "SELECT ledger_open_accounts('{bank:main}', '{NULL}', '{EUR}')",
    ],
)
def test_the_web_role_reads_the_ledger_and_nothing_more(connect: Connect, statement: str) -> None:
    app = connect("app")
    for table in ("entry", "posting", "account", "balance", "account_kind"):
        app.execute(f"SELECT 1 FROM {table} LIMIT 1")
    with pytest.raises(pg.InsufficientPrivilege):
        app.execute(statement)


def test_removing_a_balance_is_refused_to_the_owner_too(worker: Connection, connect: Connect) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    owner = connect("owner")
    for change in ("DELETE FROM balance", "TRUNCATE balance"):
        with pytest.raises(pg.InsufficientPrivilege):
            owner.execute(change)
        owner.rollback()


def test_a_posting_in_another_currency_than_its_account_is_refused(worker: Connection) -> None:
    entry = open_entry(worker, 2)
    with pytest.raises(pg.ForeignKeyViolation, match="there is no account"):
        worker.execute(
            "INSERT INTO posting VALUES (%s, 1, %s, 'USD', 5, NULL)", (entry, account(worker, STRIPE, "EUR"))
        )


def test_an_adviser_line_without_its_shop_is_refused(worker: Connection) -> None:
    entry = open_entry(worker, 2)
    with pytest.raises(pg.CheckViolation, match="must name its shop"):
        worker.execute(
            "INSERT INTO posting VALUES (%s, 1, %s, 'EUR', -5, NULL)", (entry, account(worker, AVAILABLE))
        )


def test_a_credit_account_never_goes_below_zero(worker: Connection) -> None:
    write(worker, (STRIPE, 500), (PREPAID, -500))
    with pytest.raises(pg.CheckViolation, match="ck_balance_floor"):
        write(worker, (PREPAID, 501), (STRIPE, -501))
    worker.rollback()
    write(worker, (PREPAID, 500), (STRIPE, -500))


def test_a_debit_account_never_goes_below_zero(worker: Connection) -> None:
    write(worker, (OWED, 500), (AVAILABLE, -500))
    with pytest.raises(pg.CheckViolation, match="ck_balance_floor"):
        write(worker, (STRIPE, 501), (OWED, -501))
    worker.rollback()
    write(worker, (STRIPE, 500), (OWED, -500))


@pytest.mark.parametrize("kind", sorted(name for name, kind in CHART.items() if kind.floored))
def test_each_floor_of_the_chart_is_kept(worker: Connection, kind: str) -> None:
    owner = SHOP if kind.startswith("shop:") else ADVISER
    wrong_side = -CHART[kind].sign
    with pytest.raises(pg.CheckViolation, match="ck_balance_floor"):
        write(worker, ((kind, owner), wrong_side), (STRIPE, -wrong_side))


def test_amounts_beyond_bigint_are_refused_whole(worker: Connection) -> None:
    huge, held = 2**63 - 1, ("memo:connected_balance", ADVISER)
    write(worker, (held, huge), (PREPAID, -huge))
    before = state(worker)
    with pytest.raises(pg.NumericValueOutOfRange):
        write(worker, (held, huge), (PREPAID, -huge))
    worker.rollback()
    assert state(worker) == before


def test_reversals_together_never_exceed_the_original(worker: Connection) -> None:
    original = write(worker, (STRIPE, 500), (PREPAID, -500))
    write(worker, (STRIPE, -200), (PREPAID, 200), reverses=original)
    write(worker, (STRIPE, -300), (PREPAID, 300), reverses=original)
    write(worker, (STRIPE, 500), (PREPAID, -500))
    before = state(worker)
    with pytest.raises(pg.CheckViolation, match=f"takes back more of entry {original}"):
        write(worker, (STRIPE, -1), (PREPAID, 1), reverses=original)
    worker.rollback()
    assert state(worker) == before


def test_a_reversal_never_repeats_the_original_or_touches_other_accounts(worker: Connection) -> None:
    original = write(worker, (STRIPE, 500), (PREPAID, -500))
    for lines in ([(STRIPE, 1), (PREPAID, -1)], [(STRIPE, -1), (OWED, 1)]):
        with pytest.raises(pg.CheckViolation, match="takes back more"):
            write(worker, *lines, reverses=original)
        worker.rollback()


def test_two_reversals_at_once_share_one_cap(worker: Connection, connect: Connect) -> None:
    original = write(worker, (STRIPE, 500), (("bank:main", None), -500))
    other = connect("worker")
    while (other.info.backend_pid - worker.info.backend_pid) % SHARDS == 0:
        other = connect("worker")
    for connection in (worker, other):
        entry = open_entry(connection, 2, reverses=original)
        # Different balance rows, so that only the check itself makes one wait for the other.
        add_line(connection, entry, 1, STRIPE, -300)
        add_line(connection, entry, 2, ("bank:main", None), 300)
    worker.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        # The other's check waits until this one has committed; without waiting both would see a cap of their own.
        checked = pool.submit(other.execute, "SET CONSTRAINTS ALL IMMEDIATE")
        wait_until_blocked(worker, other)
        worker.commit()
        with pytest.raises(pg.CheckViolation, match="takes back more"):
            checked.result(10)


def test_a_poster_that_waits_holds_no_later_account(worker: Connection, connect: Connect) -> None:
    kinds = [(f"memo:connected_{name}", owner) for owner in (SHOP, ADVISER) for name in ("balance", "owed")]
    first, _, third, fourth = (account(worker, kind) for kind in kinds)
    worker.commit()
    waiter, other = connect("worker"), connect("worker")

    def lock(connection: Connection, *accounts: int) -> None:
        entry = open_entry(connection, 2)
        values = ", ".join(f"({entry}, {n}, {one}, 'EUR', 5)" for n, one in enumerate(accounts, start=1))
        connection.execute(
            f"INSERT INTO posting (entry_id, line, account_id, currency, amount_minor) VALUES {values}"
        )

    lock(worker, first)
    with ThreadPoolExecutor(1) as pool:
        # Named in the wrong order, and locked in the right one: it waits for the first and has nothing else yet.
        waits = pool.submit(lock, waiter, third, first)
        wait_until_blocked(worker, waiter)
        lock(other, third, fourth)
        other.rollback()
        worker.rollback()
        waits.result(10)
    waiter.rollback()


def wait_until_blocked(watcher: Connection, waiter: Connection) -> None:
    """Return once one connection waits for a lock of the other; after two seconds in any case."""
    for _ in range(100):
        found = watcher.execute(
            "SELECT cardinality(pg_blocking_pids(%s))", (waiter.info.backend_pid,)
        ).fetchone()
        if found and found[0]:
            return
        time.sleep(0.02)


def test_a_reversal_under_an_old_snapshot_is_refused(worker: Connection) -> None:
    original = write(worker, (STRIPE, 500), (PREPAID, -500))
    worker.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(pg.ActiveSqlTransaction, match="READ COMMITTED"):
        write(worker, (STRIPE, -1), (PREPAID, 1), reverses=original)


def test_an_entry_never_reverses_itself_or_a_later_one(worker: Connection) -> None:
    first = write(worker, (STRIPE, 500), (PREPAID, -500))
    with pytest.raises((pg.CheckViolation, pg.ForeignKeyViolation)):
        write(worker, (STRIPE, -1), (PREPAID, 1), reverses=first + 1)


def test_the_chart_in_python_is_the_chart_in_the_database(worker: Connection) -> None:
    rows = worker.execute("SELECT kind, normal, floor_zero, owned, shards FROM account_kind").fetchall()
    assert {row[0]: row[1:] for row in rows} == {
        kind.name: (kind.normal, kind.floored, kind.owned, kind.shards) for kind in CHART.values()
    }


@pytest.mark.parametrize(
    ("kind", "owner", "currency"),
    [
        ("shop:savings", SHOP, "EUR"),
        ("shop:prepaid", None, "EUR"),
        ("bank:main", SHOP, "EUR"),
        ("fx", None, "eur"),
    ],
)
def test_accounts_off_the_chart_can_not_be_opened(
    worker: Connection, kind: str, owner: uuid.UUID | None, currency: str
) -> None:
    with pytest.raises((pg.ForeignKeyViolation, pg.CheckViolation)):
        account(worker, (kind, owner), currency)


def test_functions_that_act_for_the_owner_fix_their_search_path_and_are_not_for_everybody(
    worker: Connection,
) -> None:
    rows = worker.execute(
        "SELECT p.proname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE')"
        " FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert {"ledger_lock", "ledger_open_accounts", "ledger_apply_postings", "ledger_check_entry"} <= {
        row[0] for row in rows
    }
    assert [row[0] for row in rows if not any("search_path=" in item for item in row[1] or ())] == []
    assert [row[0] for row in rows if row[2]] == []
