"""What a payout run of 100,000 advisers costs: preview and approval with reserve and lines, against one GROUP BY.

`./dev bench payout_run [--lines N] [--advisers N] [--rounds N]`. The limit is the plainest sum that says what to pay
whom: one GROUP BY over exactly the lines that will be paid, on one core. Ours is all that happens until the money is
reserved: the preview with its content hash, the approval that works it out again under the locks, the reserve entries,
the payouts, and a payout line for each of the lines. Each round pays a new million; the first one opens accounts, too.
Beside it stands what the same rows cost when bare INSERT .. SELECT writes them into empty tables with the same keys and
checks: nobody is asked anything, so no run that writes these rows can cost less.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import secrets
import statistics
import sys
import time

import psycopg
import pyotp
import sqlalchemy as sa

from bench._books import NOW
from bench._server import Books, books, memory_mb, report, server_cpu
from marketplace.accounts import staff
from marketplace.core import clock, config, db, hooks
from marketplace.core.actor import Actor
from payouts.runs import service as runs

SHOPS = 500
GUARDS = (("entry", "entry_checked"), ("posting", "posting_applied"))


def open_advisers(superuser: psycopg.Connection[tuple[object, ...]], advisers: int) -> None:
    """Make advisers with a connected account that can be paid, and open their accounts."""
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "CREATE TABLE who AS SELECT n, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id"
        " FROM generate_series(0, %s) AS n",
        [advisers - 1],
    )
    superuser.execute(
        "INSERT INTO adviser (id, user_id, code, display_name, country, kind)"
        " SELECT id, id, id::text, 'x', 'NL', 'expert' FROM who"
    )
    superuser.execute(
        "INSERT INTO payout_account (id, adviser_id, currency, asked_at, stripe_account_id, state,"
        " destination_fingerprint)"
        " SELECT gen_random_uuid(), id, 'EUR', %s, 'acct_' || n, 'ready', 'bank_' || n FROM who",
        [NOW],
    )
    superuser.execute(
        "SELECT count(*) FROM ledger_open_accounts(array_fill('adviser:available'::text, ARRAY[%(n)s]),"
        " (SELECT array_agg(id) FROM who), array_fill('EUR'::text, ARRAY[%(n)s]))",
        {"n": advisers},
    )
    superuser.execute(
        "SELECT count(*) FROM ledger_open_accounts('{stripe:platform_balance}', ARRAY[NULL::uuid], '{EUR}')"
    )


def earn(superuser: psycopg.Connection[tuple[object, ...]], lines: int, advisers: int) -> None:
    """Write entries that make as many lines payable; the guards are off meanwhile and balances written once."""
    for table, trigger in GUARDS:
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    superuser.execute(
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at, source_type, source_id)"
        " SELECT gen_random_uuid()::text, '', 'mature', 2, %s, 'bench', n::text FROM generate_series(1, %s) AS n",
        [NOW, lines],
    )
    superuser.execute("DROP TABLE IF EXISTS fresh")
    superuser.execute(
        "CREATE TABLE fresh AS SELECT e.id AS entry_id, a.id AS account_id, -(2000 + e.id %% 1000) AS amount_minor,"
        " ('00000000-0000-7000-9000-' || lpad(to_hex(e.id %% %s), 12, '0'))::uuid AS shop_id"
        " FROM (SELECT id FROM entry ORDER BY id DESC LIMIT %s) e JOIN who w ON w.n = e.id * 7919 %% %s"
        " JOIN account a ON a.owner = w.id AND a.kind = 'adviser:available'",
        [SHOPS, lines, advisers],
    )
    superuser.execute(
        "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)"
        " SELECT f.entry_id, s.line, CASE s.line WHEN 1 THEN b.id ELSE f.account_id END, 'EUR',"
        " CASE s.line WHEN 1 THEN -f.amount_minor ELSE f.amount_minor END,"
        " CASE s.line WHEN 2 THEN f.shop_id END"
        " FROM fresh f, (VALUES (1), (2)) AS s (line), (SELECT id FROM account"
        " WHERE kind = 'stripe:platform_balance') b"
    )
    superuser.execute(
        "UPDATE balance b SET balance_minor = b.balance_minor + q.total, postings = b.postings + q.n"
        " FROM (SELECT account_id, sum(amount_minor) AS total, count(*) AS n FROM posting"
        "        WHERE entry_id IN (SELECT entry_id FROM fresh) GROUP BY account_id) q"
        " WHERE b.account_id = q.account_id AND b.shard = 0"
    )
    for table, trigger in GUARDS:
        superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
    superuser.execute(
        "VACUUM ANALYZE entry, posting, balance, account, adviser, payout_account, payout_line, fresh"
    )
    superuser.execute("CHECKPOINT")


def newest(superuser: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    """Return the highest numbers of accounts and entries, after which a run's own begin."""
    [(account, entry)] = superuser.execute(
        "SELECT (SELECT max(id) FROM account), (SELECT max(id) FROM entry)"
    ).fetchall()
    return {"account": account, "entry": entry}


def write_bare(
    made: Books, superuser: psycopg.Connection[tuple[object, ...]], before: dict[str, object]
) -> tuple[float, float]:
    """Write the rows of the run after `before` once more, and return seconds and the server's share."""
    tables = ("account", "balance", "entry", "posting", "payout_line", "payout")
    for table in tables:
        superuser.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
    opened = "SELECT * FROM {} WHERE account_id > %(account)s"
    superuser.execute(
        "INSERT INTO bare_balance SELECT b.* FROM balance b JOIN posting p ON p.account_id = b.account_id"
        " WHERE p.entry_id > %(entry)s AND b.account_id <= %(account)s AND b.shard = 0 ON CONFLICT DO NOTHING",
        before,
    )
    superuser.execute(
        "CREATE TABLE bare_run AS SELECT l.* FROM payout_line l JOIN payout p ON p.id = l.payout_id"
        " WHERE p.reserve_entry_id > %(entry)s ORDER BY l.entry_id, l.line",
        before,
    )
    superuser.execute("ANALYZE bare_balance, bare_run, posting, account, entry, payout")
    superuser.execute("CHECKPOINT")
    used, start = server_cpu(made.server), time.monotonic()
    with superuser.transaction():
        for statement in (
            "SELECT count(*) FROM (SELECT FROM bare_balance ORDER BY account_id FOR NO KEY UPDATE) q",
            "INSERT INTO bare_account OVERRIDING SYSTEM VALUE SELECT * FROM account WHERE id > %(account)s ORDER BY id",
            f"INSERT INTO bare_balance {opened.format('balance')}",
            "INSERT INTO bare_payout_line SELECT * FROM bare_run",
            "INSERT INTO bare_entry OVERRIDING SYSTEM VALUE SELECT * FROM entry WHERE id > %(entry)s ORDER BY id",
            "INSERT INTO bare_posting SELECT * FROM posting WHERE entry_id > %(entry)s ORDER BY entry_id, line",
            "UPDATE bare_balance b SET balance_minor = b.balance_minor, postings = b.postings + p.n FROM"
            " (SELECT account_id, count(*) AS n FROM bare_posting GROUP BY account_id) p"
            " WHERE p.account_id = b.account_id",
            "INSERT INTO bare_payout SELECT * FROM payout WHERE reserve_entry_id > %(entry)s ORDER BY place",
        ):
            superuser.execute(statement, before if "%(" in statement else None)
    seconds, cpu = time.monotonic() - start, server_cpu(made.server) - used
    superuser.execute(f"DROP TABLE bare_run, {', '.join('bare_' + table for table in tables)}")
    return seconds, cpu


def people(made: Books) -> tuple[Actor, Actor, str]:
    """Make two people of finance and return them, with the second one's authenticator."""
    db.init(made.url("bootstrap"), guard_role=False)
    secret, actors = pyotp.random_base32(), []
    with db.transaction() as session:
        session.execute(sa.text("SET ROLE aanrader_worker"))
        for name in ("maker", "checker"):
            user = staff.create(
                session,
                role="finance",
                email=f"{name}@example.com",
                name=name,
                password_hash="x",
                totp_secret=secret,
                now=clock.now(),
                wall=clock.wall(),
            )
            actors.append(Actor(user_id=user.id, roles=frozenset({"finance"}), via="token"))
    db.close()
    return actors[0], actors[1], secret


def scope_of(actor: Actor) -> db.Scope:
    """Return what a request of a person of finance tells PostgreSQL."""
    return db.Scope(actor_id=actor.user_id, role="finance")


def pay(made: Books, maker: Actor, checker: Actor, secret: str) -> dict[str, float]:
    """Draft, preview and approve one run; return seconds, the server's share, and this process' memory."""
    db.init(made.url("aanrader_app"), pool_size=1)
    held, used, start = memory_mb(), server_cpu(made.server), time.monotonic()
    db.set_scope(scope_of(maker))
    with db.transaction() as session:
        run_id = runs.create(session, maker, "EUR", NOW).id
        found = runs.preview(session, maker, run_id, NOW)
    previewed = time.monotonic()
    after_preview = memory_mb()
    total, content_hash, payouts = found.total, found.content_hash, found.payouts
    del found
    db.set_scope(scope_of(checker))
    with db.transaction() as session:
        # A code counts once; the next round's is of another time step.
        code = pyotp.TOTP(secret).at(clock.wall())
        runs.approve(
            session,
            checker,
            run_id,
            content_hash=content_hash,
            total=total,
            code=code,
            now=NOW,
            wall=clock.wall(),
        )
    end = time.monotonic()
    db.set_scope(db.Scope())
    db.close()
    return {
        "seconds": end - start,
        "preview_seconds": previewed - start,
        "server_seconds": server_cpu(made.server) - used,
        "payouts": payouts,
        "total": total.minor,
        "memory": max(after_preview, memory_mb()) - held,
    }


def measure(made: Books, lines: int, advisers: int, rounds: int) -> bool:
    """Run the rounds and report; return whether the limit was kept."""
    maker, checker, secret = people(made)
    limits, runs_done = [], []
    with contextlib.closing(made.superuser()) as superuser:
        superuser.execute("SET max_parallel_workers_per_gather = 0")
        open_advisers(superuser, advisers)
        for number in range(rounds):
            earn(superuser, lines, advisers)
            best, used = [], server_cpu(made.server)
            for _ in range(3):
                start = time.monotonic()
                superuser.execute(
                    "SELECT count(*), sum(s) FROM (SELECT account_id, sum(amount_minor) AS s, count(*) FROM fresh"
                    " GROUP BY account_id) q"
                )
                best.append(time.monotonic() - start)
            limits.append(statistics.median(best))
            plain = (server_cpu(made.server) - used) / len(best)
            if number:
                superuser.execute("UPDATE user_account SET totp_last_step = NULL")
            before = newest(superuser)
            runs_done.append(one := pay(made, maker, checker, secret))
            one["bare_seconds"], bare_cpu = write_bare(made, superuser, before)
            # On a busy machine the server's CPU is the fairer figure.
            one["cpu_ratio"] = one["server_seconds"] / max(plain, 1 / 100)
            one["bare_ratio"] = one["bare_seconds"] / limits[-1]
            one["bare_cpu_ratio"] = bare_cpu / max(plain, 1 / 100)
            one["above_bare"] = one["seconds"] / one["bare_seconds"]
            one["cpu_above_bare"] = one["server_seconds"] / bare_cpu
            [(written,)] = superuser.execute("SELECT count(*) FROM payout_line").fetchall()
            [(paid,)] = superuser.execute("SELECT sum(amount_minor) FROM payout").fetchall()
            if written != lines * (number + 1) or paid != sum(one["total"] for one in runs_done):
                raise RuntimeError(f"{written} lines and {paid} minor units were reserved")
    db.init(made.url("aanrader_worker"))
    with db.session() as session:
        for name in (
            "ledger_sums_to_zero",
            "ledger_entries_balance",
            "ledger_balances_are_postings",
            "ledger_floors",
        ):
            if not hooks.invariants[name].check(session).holds:
                raise RuntimeError(f"{name} does not hold after the bench")
    db.close()
    middle = sorted(runs_done, key=lambda one: one["seconds"])[len(runs_done) // 2]
    ratio = statistics.median(one["seconds"] / limit for one, limit in zip(runs_done, limits, strict=True))
    return report(
        "payout_run",
        "payout_run",
        middle["seconds"],
        f"s for {lines} lines of {advisers} advisers (limit: one GROUP BY)",
        statistics.median(limits),
        ratio,
        18.0,
        better="lower",
        **{name: round(value, 2) for name, value in middle.items() if name not in ("seconds", "total")},
        each_round=[round(one["seconds"] / limit, 1) for one, limit in zip(runs_done, limits, strict=True)],
        each_round_by_cpu=[round(one["cpu_ratio"], 1) for one in runs_done],
    )


def main() -> int:
    """Run the bench; 1 when the limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--advisers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    config.use(dataclasses.replace(config.current(), mode="test", secret_key=secrets.token_hex(32)))
    with books() as made:
        return 0 if measure(made, options.lines, options.advisers, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
