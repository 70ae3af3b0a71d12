"""How many moves of commissions a second reach the books, against the ledger's own batches in the same minutes.

`./dev bench accrual [--moves N] [--rounds N] [--seconds N]`. A move costs an entry and everything before it: claim it,
lock and read what it depends on, decide, and record that it is posted. 4 processes of our own code do both, 3 lines an
entry and 1,000 entries a commit. The last lines are one process that takes a long queue alone, against the ledger's
batches of one process, and the memory it holds at a tenth of the way and at the end.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import sys
import time

from bench._books import BATCH, POSTERS, batch_rate, make_moves, open_books, post_moves, prove
from bench._server import Books, books, report, server_cpu
from marketplace.core import db


def accrual_rate(made: Books, moves: int) -> tuple[float, float]:
    """Return the moves a second that the processes together take from the queue, and the server's CPU us for each."""
    url = made.url("aanrader_worker")
    with multiprocessing.get_context("spawn").Pool(POSTERS) as pool:
        pool.starmap(post_moves, [(url, 1)] * POSTERS, chunksize=1)
        make_moves(made.url("postgres"), moves)
        start, used = time.monotonic(), server_cpu(made.server)
        done = sum(count for count, *_ in pool.starmap(post_moves, [(url, BATCH)] * POSTERS, chunksize=1))
        spent, used = time.monotonic() - start, server_cpu(made.server) - used
    if done != moves:
        raise RuntimeError(f"{done} of {moves} moves were posted")
    return done / spent, used / done * 1e6


def measure(made: Books, moves: int, rounds: int, seconds: int, queue: int) -> bool:
    """Run the rounds and report; return whether the floor was reached and memory stayed flat."""
    url = made.url("aanrader_worker")
    db.init(url)
    open_books()
    db.close()
    accrual_rate(made, 2000)
    limits, runs = [batch_rate(url, seconds)], []
    for _ in range(rounds):
        runs.append(accrual_rate(made, moves))
        limits.append(batch_rate(url, seconds))
    around = [(a + b) / 2 for a, b in itertools.pairwise(limits)]
    ratio = statistics.median(value / limit for (value, _), limit in zip(runs, around, strict=True))
    reached = report(
        "accrual",
        "accrual",
        statistics.median(value for value, _ in runs),
        "moves/s (limit: entries/s of ledger batches)",
        statistics.median(around),
        ratio,
        0.5,
        server_us=round(statistics.median(used for _, used in runs)),
    )
    make_moves(made.url("postgres"), queue)
    before = batch_rate(url, seconds, 1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        start = time.monotonic()
        [(done, early, late)] = pool.starmap(post_moves, [(url, BATCH)])
        spent = time.monotonic() - start
    alone = (before + batch_rate(url, seconds, 1)) / 2
    reached &= report(
        "accrual",
        "accrual_alone",
        done / spent,
        f"moves/s of one process, {done} of them (limit: entries/s of ledger batches, one process)",
        alone,
        done / spent / alone,
        0.5,
    )
    flat = report(
        "accrual",
        "accrual_memory",
        late,
        f"MB after {done} moves (limit: MB after a tenth of them)",
        early,
        late / early,
        1.1,
        better="lower",
    )
    prove(url)
    return reached and flat


def main() -> int:
    """Run the bench; 1 when a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=24_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument(
        "--queue", type=int, default=50_000, help="moves for the memory line; 200000 for the record"
    )
    options = parser.parse_args()
    with books() as made:
        return 0 if measure(made, options.moves, options.rounds, options.seconds, options.queue) else 1


if __name__ == "__main__":
    sys.exit(main())
