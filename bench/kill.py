"""Processes die by SIGKILL, and afterwards not a cent, an order or a click is missing or there twice.

`./dev bench kill [--n N] [--services M] [--every E] [--seed S]`. First N kills of one child at the failpoints of the
story that tests/faults/kills plays: up to E deaths in a row in one town, each child going on where the last one died;
then all is drained and verified, and the next town begins. Then M kills of whole services (web, edge, worker, shipper,
sandbox, PostgreSQL) of a running product under clicks, orders, refunds and payout runs, drained and verified at the
end. Prints a JSON line per figure and exits 1 when anything is wrong; servers and folders are gone then.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from bench._kill_services import kill_services
from marketplace.core import logs, migrate
from marketplace.devtools.failpoints import names, names_of_forms
from marketplace.devtools.postgres import Postgres
from tests.conftest import PASSWORDS, TEMPLATE, let_tests_act_for_everybody
from tests.faults.kills.draw import ENDINGS, plan
from tests.faults.kills.harness import Chain, Range, killing_range

# Towns in which children die at the same time, each with a sandbox of its own.
SIDE_BY_SIDE = 2
ENOUGH_WRONG = 20


def tell(figure: str, **facts: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps({"bench": "kill", "figure": figure, **facts}), flush=True)


def kill_children(count: int, every: int, seed: int) -> list[str]:
    """Kill children at failpoints so many times; return in words what was wrong."""
    with Postgres.throwaway() as postgres, ExitStack() as stack:
        postgres.create_database(TEMPLATE)
        migrate.upgrade(postgres.url("bootstrap", TEMPLATE), PASSWORDS)
        let_tests_act_for_everybody(postgres.url("bootstrap", TEMPLATE))
        ranges = [stack.enter_context(killing_range(postgres)) for _ in range(SIDE_BY_SIDE)]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(Range.record_all, ranges))
            score = Score(count, every)
            unreached = sorted(set(names()) - set(names_of_forms()) - set(ranges[0].where()))
            score.wrong += [f"no part of the story passes {name}" for name in unreached]
            list(pool.map(_chains, ranges, itertools.count(seed), itertools.repeat(score)))
        tell("child_total", failpoints=len(ranges[0].where()), **score.facts())
        return score.wrong


class Score:
    """What has come of the kills so far, in all towns; safe to use from several threads."""

    def __init__(self, count: int, every: int) -> None:
        """Nobody has died; `count` will, `every` in a row at most."""
        self.left, self.every = count, every
        self.deaths: Counter[str] = Counter()
        self.verified = 0
        self.wrong: list[str] = []
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return how many may die in the next town; 0 when enough have died, or too much is wrong."""
        with self._lock:
            # What is broken everywhere would be found for ever.
            most = min(self.every, self.left) if len(self.wrong) < ENOUGH_WRONG else 0
            self.left -= most
            return most

    def give(self, most: int, chain: Chain, where: str) -> None:
        """Add what came of a town in which `most` might have died."""
        with self._lock:
            self.left += most - len(chain.deaths)
            self.deaths.update(point for _, point in chain.deaths)
            self.verified += 1
            self.wrong += [f"{where} after {chain.deaths}: {one}" for one in chain.wrongs]
            if self.verified % 10 == 0:
                tell("child", **self.facts())

    def facts(self) -> dict[str, Any]:
        """Return the figures: kills, their rate, failpoints hit, towns verified, wrongs."""
        kills, seconds = self.deaths.total(), time.monotonic() - self._began
        return {
            "kills": kills,
            "per_second": round(kills / seconds, 2),
            "hit": len(self.deaths),
            "verified": self.verified,
            "seconds": round(seconds),
            "wrong": len(self.wrong),
        }


def _chains(place: Range, seed: int, score: Score) -> None:
    draw = random.Random(seed)
    endings: list[str] = []
    town = 0
    while most := score.take():
        # Every ending in turn, so that each failpoint gets its share.
        endings = endings or draw.sample(ENDINGS, len(ENDINGS))
        town += 1
        try:
            chain = place.chain(plan(place.passes, draw, endings.pop()), most)
        except BaseException as error:
            score.give(most, Chain([], [repr(error)]), f"seed {seed}, town {town},")
            raise
        score.give(most, chain, f"seed {seed}, town {town},")


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="./dev bench kill", description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="kills of a child at failpoints (2000)")
    parser.add_argument("--services", type=int, default=200, help="kills of whole services (200)")
    parser.add_argument("--every", type=int, default=25, help="verify after so many deaths in one town (25)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    logs.configure()
    tell("seed", seed=given.seed)
    wrong = kill_children(given.n, given.every, given.seed) if given.n else []
    if given.services:
        wrong += kill_services(given.services, given.seed, tell)
    for one in wrong:
        tell("wrong", what=one)
    tell("end", wrong=len(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
