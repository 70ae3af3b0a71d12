"""How long reading a feed into the catalogue takes, against a bare parse of its file and a bare COPY of its rows.

`./dev bench feeds [--items N] [--rounds N] [--kinds rss tsv]`. The limit is two things that no reader can do without,
in the same minutes: the file parsed by lxml (items, forgotten at once) or by csv.reader, and its products COPYed by the
server from a file into an empty table with the columns, checks and indexes of `product`. Ours is the whole job in a
process of its own, from claim to done: the bytes out of the database, decoding, parsing, checking each row, staging,
the report of each row, products, their price history, and removing what was staged. `again` is the same feed once more,
which changes nothing. The last line is the most memory that a process held which did the whole job. `cpu_ratio` divides
CPU times, the server's and the process's together.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench import _feed_load as load
from bench._server import Books, books, report, server_cpu
from marketplace.devtools.throwaway import throwaway_folder

MOST_MB = 150
RATIO = 6.0
Time = tuple[float, float]


def parsed(parse: Callable[[Path], int], path: Path, count: int) -> Time:
    """Return the seconds and the CPU seconds of a bare parse."""
    start, used = time.monotonic(), time.process_time()
    if parse(path) != count:
        raise RuntimeError("the bare parse lost items")
    return time.monotonic() - start, time.process_time() - used


def _columns(superuser: psycopg.Connection[tuple[object, ...]]) -> str:
    """Return the columns of products that are given; the server works out the others, in a bare COPY as well."""
    found = superuser.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'product'::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
    )
    return ", ".join(str(name) for (name,) in found)


def copied(made: Books, folder: Path) -> Time:
    """Return the seconds and the server's CPU seconds of a bare COPY of all products into a table like theirs."""
    rows = folder / "rows.copy"
    with made.superuser() as superuser:
        superuser.execute("DROP TABLE IF EXISTS bare")
        superuser.execute("CREATE TABLE bare (LIKE product INCLUDING ALL)")
        superuser.execute("CHECKPOINT")
        used, start = server_cpu(made.server), time.monotonic()
        superuser.execute(f"COPY bare ({_columns(superuser)}) FROM '{rows}'")
        return time.monotonic() - start, server_cpu(made.server) - used


def job(made: Books, number: int, path: Path, count: int, times_read: int = 2) -> tuple[Time, Time, int]:
    """Return the times of a first and of the last reading of a feed, each in a new process, and the most memory."""
    times, peaks = [], []
    with made.superuser() as superuser:
        shop = load.make_shop(superuser, number)
    for _ in range(times_read):
        with made.superuser() as superuser:
            job_id = load.queue(superuser, shop, path)
            superuser.execute("CHECKPOINT")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            before = server_cpu(made.server)
            spent, used, peak, kept = pool.apply(load.read, (made.url("aanrader_worker"), job_id))
            served = server_cpu(made.server) - before
        if kept != count:
            raise RuntimeError(f"{kept} of {count} rows were kept")
        times.append((spent, used + served))
        peaks.append(peak)
    return times[0], times[-1], max(peaks)


def prepare(made: Books, folder: Path) -> None:
    """Write the rows of the newest products to a file that the server can read, and start anew without products."""
    rows = folder / "rows.copy"
    rows.touch()
    shutil.chown(rows, made.server.account.uid)
    with made.superuser() as superuser:
        superuser.execute(f"COPY (SELECT {_columns(superuser)} FROM product ORDER BY id) TO '{rows}'")
        empty(made)


def empty(made: Books) -> None:
    """Forget what the round before wrote, but for the history of prices, which nobody can."""
    with made.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("product", "feed_row"):
            superuser.execute(f"DELETE FROM {table}")
        superuser.execute("VACUUM ANALYZE product, feed_row, feed_staged, feed_chunk, product_price")


def measure(made: Books, folder: Path, count: int, rounds: int, seed: int, kinds: list[str]) -> bool:
    """Run the rounds and report; return whether ratio and memory were reached."""
    rows = load.products(count, seed)
    lanes = {"rss": (load.write_rss, load.parse_rss), "tsv": (load.write_tsv, load.parse_tsv)}
    for name, (write, _) in lanes.items():
        write(rows, folder / f"feed.{name}")
    del rows
    number, reached, peaks = 0, True, []
    job(made, number, folder / "feed.tsv", count, 1)
    prepare(made, folder)
    for name in kinds:
        parse = lanes[name][1]
        path = folder / f"feed.{name}"
        runs: list[tuple[Time, Time, Time, Time]] = []
        for _ in range(rounds):
            number += 1
            bare = parsed(parse, path, count)
            copy = copied(made, folder)
            first, again, peak = job(made, number, path, count)
            empty(made)
            runs.append((bare, copy, first, again))
            peaks.append(peak)
        for figure, place in ((f"feeds_{name}", 2), (f"feeds_{name}_again", 3)):
            value = statistics.median(run[place][0] for run in runs)
            limit = statistics.median(run[0][0] + run[1][0] for run in runs)
            ratio = statistics.median(run[place][0] / (run[0][0] + run[1][0]) for run in runs)
            reached &= report(
                "feeds",
                figure,
                value,
                f"s for {count} items, {path.stat().st_size >> 20} MB (limit: bare parse and bare COPY together)",
                limit,
                ratio,
                RATIO,
                better="lower",
                parse=round(statistics.median(run[0][0] for run in runs), 2),
                copy=round(statistics.median(run[1][0] for run in runs), 2),
                cpu_ratio=round(
                    statistics.median(run[place][1] / (run[0][1] + run[1][1]) for run in runs), 2
                ),
            )
    return report(
        "feeds", "feeds_memory", max(peaks), "MB at most, held by the process", MOST_MB, max(peaks) / MOST_MB, 1.0,
        better="lower",
    ) and reached  # fmt: skip


def main() -> int:
    """Run the bench; 1 when a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=("rss", "tsv"), default=["rss", "tsv"])
    options = parser.parse_args()
    with books() as made, throwaway_folder() as folder:
        return 0 if measure(made, folder, options.items, options.rounds, options.seed, options.kinds) else 1


if __name__ == "__main__":
    sys.exit(main())
