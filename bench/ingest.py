"""How fast click segments reach PostgreSQL, against the server's own COPY of finished rows into the same table.

`./dev bench ingest [--clicks N] [--rounds N]`. The limit is COPY FROM a file that lies beside the server and already
holds the columns of `click`: nothing is joined, nothing can be repeated, nothing is counted. Ours is the shipper's own
path from segments on disk: COPY into a temporary table, link joined, new clicks stored, first clicks and tallies, the
edge's mark, one durable commit per 4 MB, and the position file; a batch is stored while the one before is counted, on
two connections. `replay` ships the same segments once more after the position was lost, and must store nothing. Rounds
are interleaved, on a table emptied each time. `cpu_ratio` divides the server's CPU times instead of the clock's.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import random
import shutil
import statistics
import sys
import time
import uuid
from pathlib import Path

import psycopg

from bench._server import Books, books, report, server_cpu
from marketplace.devtools.throwaway import throwaway_folder
from tracking.touches import segments, ship

LINKS, DAYS, SHARE_OF_VISITORS = 1000, 3, 0.3
FIRST = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
EMPTY = "TRUNCATE click, click_first, click_tally, edge_mark"


def make_links(superuser: psycopg.Connection[tuple[object, ...]], code: random.Random) -> list[uuid.UUID]:
    """Make tracked links of 50 shops, of which only what shipping reads is true, and return their ids."""
    links = [uuid.UUID(int=code.getrandbits(128), version=4) for _ in range(LINKS)]
    superuser.execute("SET session_replication_role = replica")
    needed = superuser.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'tracked_link'"
        " AND is_nullable = 'NO' AND column_default IS NULL"
    ).fetchall()
    for number, link in enumerate(links):
        filler = {
            "uuid": uuid.UUID(int=1 + number % 50),
            "text": f"/t/{number}",
            "timestamp with time zone": FIRST,
            "boolean": False,
            "bigint": 1,
        }
        row = {str(name): filler[str(kind)] for name, kind in needed}
        row |= {"id": link, "kind": "link"}
        if "target_url" in row:
            row["target_url"] = "https://shop.example/"
        names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        superuser.execute(f"INSERT INTO tracked_link ({names}) VALUES ({marks})", row)
    return links


def write_clicks(code: random.Random, links: list[uuid.UUID], count: int, lines: Path, rows: Path) -> None:
    """Write the same clicks twice: as the lines of a segment, and as rows for COPY into `click`."""
    start = int(FIRST.timestamp() * 1000)
    step = DAYS * 86_400_000 // count
    with lines.open("w", encoding="ascii") as segment, rows.open("w", encoding="ascii") as file:
        for number in range(count):
            ms = start + number * step
            link = code.choice(links)
            click = f"{ms:012x}7{code.getrandbits(12):03x}8{code.getrandbits(60):015x}"
            dedup = f"{code.getrandbits(20):032x}"
            visitor = f"{code.getrandbits(100):032x}" if code.random() < SHARE_OF_VISITORS else "\\N"
            verdict = "qualified" if code.random() < 0.9 else "bot"
            facts = f"{verdict}\t{dedup}\t{visitor}\tblog\tblog.example\tchrome"
            segment.write(f"{click}\t{ms}\t{link.hex}\t{facts}\n")
            at = dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat()
            bytea = "\\N" if visitor == "\\N" else f"\\\\x{visitor}"
            file.write(
                f"{click}\t{at}\t{link}\t{link}\t{link}\tlink\t{verdict}\t\\\\x{dedup}\t{bytea}\tf\tblog\t"
                "blog.example\tchrome\tbench\n"
            )


def prepare(superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    """Empty the tables, with the days there and the checkpoint of the last round behind us."""
    superuser.execute(EMPTY)
    superuser.execute("SELECT ensure_click_days(%s, %s)", [FIRST.date(), (FIRST + dt.timedelta(DAYS)).date()])
    superuser.execute("CHECKPOINT")


def ship_once(made: Books, folder: Path) -> tuple[int, float, float]:
    """Ship what lies in the folder; return clicks stored, seconds, and the server's CPU seconds."""
    url = made.url("aanrader_worker").replace("+psycopg", "", 1)
    with contextlib.ExitStack() as opened:
        connection, second = (
            opened.enter_context(contextlib.closing(psycopg.connect(url, autocommit=True))) for _ in range(2)
        )
        used, start = server_cpu(made.server), time.monotonic()
        shipped = ship.ship_slot(connection, folder, "bench", FIRST, lambda: second)
        return shipped.clicks, time.monotonic() - start, server_cpu(made.server) - used


def measure(made: Books, folder: Path, count: int, rounds: int, seed: int) -> bool:
    """Run the rounds and report; return whether both floors were reached."""
    code = random.Random(seed)
    lines, rows = folder / "lines.tsv", folder / "rows.tsv"
    runs: dict[str, list[tuple[float, float]]] = {"copy": [], "ship": [], "replay": []}
    with contextlib.closing(made.superuser()) as superuser:
        write_clicks(code, make_links(superuser, code), count, lines, rows)
        shutil.chown(rows, made.server.account.uid)
        for _ in range(rounds):
            prepare(superuser)
            used, start = server_cpu(made.server), time.monotonic()
            superuser.execute("COPY click FROM %s".replace("%s", f"'{rows}'"))
            runs["copy"].append((count / (time.monotonic() - start), server_cpu(made.server) - used))
            prepare(superuser)
            for lane, expected in (("ship", count), ("replay", 0)):
                slot = folder / "segments" / "bench"
                shutil.rmtree(slot, ignore_errors=True)
                slot.mkdir(parents=True)
                shutil.copyfile(lines, segments.segment_path(slot, 1))
                stored, spent, used = ship_once(made, folder / "segments")
                if stored != expected:
                    raise RuntimeError(f"{lane}: {stored} of {expected} clicks were stored")
                runs[lane].append((count / spent, used))
    limit = statistics.median(value for value, _ in runs["copy"])
    limit_cpu = statistics.median(used for _, used in runs["copy"]) / count * 1e6
    reached = []
    for lane, figure in (("ship", "ingest"), ("replay", "ingest_replay")):
        ratio = statistics.median(
            mine / best for (mine, _), (best, _) in zip(runs[lane], runs["copy"], strict=True)
        )
        reached.append(
            report(
                "ingest",
                figure,
                statistics.median(value for value, _ in runs[lane]),
                "clicks/s (limit: server-side COPY into the same table)",
                limit,
                ratio,
                0.5,
                server_us=round(statistics.median(used for _, used in runs[lane]) / count * 1e6, 2),
                limit_server_us=round(limit_cpu, 2),
                cpu_ratio=round(
                    limit_cpu * count / 1e6 / statistics.median(used for _, used in runs[lane]), 3
                ),
            )
        )
    return all(reached)


def main() -> int:
    """Run the bench; 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with books() as made, throwaway_folder() as folder:
        return 0 if measure(made, folder, options.clicks, options.rounds, options.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
