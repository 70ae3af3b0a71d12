"""Books for the benches of money: shops with a budget, advisers, moves of commissions, and processes that post them."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
import uuid

import psycopg

from bench._server import memory_mb
from marketplace.core import db, hooks, jobs
from marketplace.core.money import Money
from payouts.accrual import service as accrual
from payouts.ledger import commissions, service
from payouts.ledger.accounts import Account
from payouts.ledger.commissions import Due, Parties
from payouts.ledger.entries import Entry, credit, debit

POSTERS, BATCH, SHOPS, ADVISERS = 4, 1000, 500, 10_000
NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)


def shop(number: int) -> uuid.UUID:
    """Return the id of one of the bench's shops."""
    return uuid.UUID(int=(1 << 100) + number)


def adviser(number: int) -> uuid.UUID:
    """Return the id of one of the bench's advisers."""
    return uuid.UUID(int=(2 << 100) + number)


def open_books() -> tuple[int, int, int]:
    """Open the accounts, give each shop a budget that lasts, and return the ids before the first shop's and the
    first adviser's account, and that of the fee."""
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
    return min(first.values()) - 1, min(second.values()) - 1, third[fee]


def post_batches(url: str, seed: int, until: float) -> int:
    """Post batches of accruals until an instant of the steady clock and return how many entries that were."""
    db.init(url, pool_size=1)
    jobs.spare_collector()
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


def batch_rate(url: str, seconds: int, posters: int = POSTERS) -> float:
    """Return the entries a second of processes that post in batches."""
    # A fork would share the parent's connections; these are processes of their own.
    with multiprocessing.get_context("spawn").Pool(posters) as pool:
        pool.starmap(post_batches, [(url, number, 0.0) for number in range(posters)], chunksize=1)
        start = time.monotonic()
        work = [(url, number * 10**6, start + seconds) for number in range(posters)]
        posted = pool.starmap(post_batches, work, chunksize=1)
        return sum(posted) / (time.monotonic() - start)


def make_moves(url: str, count: int) -> None:
    """Write commissions with one earned move each, as tracking does, and nothing else of them."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        # Only what accrual reads: the way from offer to touch is not what is measured.
        connection.execute("SET session_replication_role = replica")
        # Ids that grow with time, as ours do.
        connection.execute(
            "CREATE FUNCTION pg_temp.next_id(n integer) RETURNS uuid LANGUAGE sql AS $$ SELECT (lpad(to_hex("
            "(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'"
            " || lpad(to_hex(n / 65536 % 4096), 3, '0') || '8' || lpad(to_hex(n % 65536), 4, '0')"
            " || substr(md5(random()::text), 1, 11))::uuid $$"
        )
        ours = {"count": count, "shops": SHOPS, "advisers": ADVISERS}
        connection.execute(
            "INSERT INTO shop_contract (id, shop_id, version, fee_bp, effective_from)"
            " SELECT gen_random_uuid(), owner, 1, 1000, '2020-01-01' FROM account a WHERE kind = 'shop:prepaid'"
            " AND NOT EXISTS (SELECT FROM shop_contract c WHERE c.shop_id = a.owner)"
        )
        connection.execute(
            "CREATE TEMP TABLE made AS SELECT pg_temp.next_id(n) AS order_id, pg_temp.next_id(n) AS commission_id,"
            " pg_temp.next_id(n) AS move_id, s.owner AS shop_id, d.owner AS adviser_id, n"
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


def post_moves(url: str, limit: int) -> tuple[int, int, int]:
    """Take moves from the queue into the books until none is left.

    Returns how many, and the memory in MB that the process held at a tenth of its way and at the end.
    """
    db.init(url, pool_size=1)
    jobs.spare_collector()
    done, held = 0, []
    while step := db.run_in_transaction(lambda session: accrual.post_due(session, NOW, limit)):
        done += step
        held.append(memory_mb())
    db.close()
    return done, *((held[len(held) // 10], held[-1]) if held else (0, 0))


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
