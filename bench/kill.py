"""Processes die by SIGKILL, and afterwards not a cent, an order or a click is missing or there twice.

`./dev bench kill [--n N] [--services M] [--every E] [--seed S]`. First N kills of one child at the failpoints of the
story that tests/faults/kills plays: up to E deaths in a row in one town, each child going on where the last one died;
then all is drained and verified, and the next town begins. Then M kills of whole services (web, edge, worker, shipper,
sandbox, PostgreSQL) of a running product under clicks, orders, refunds and payout runs, drained and verified at the
end. Prints a JSON line per figure and exits 1 when anything is wrong; servers and folders are gone then.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from typing import Any

from bench._kill_services import kill_services
from marketplace.core import logs, migrate
from marketplace.devtools.failpoints import names
from marketplace.devtools.postgres import Postgres
from tests.conftest import PASSWORDS, TEMPLATE, let_tests_act_for_everybody
from tests.faults.kills.harness import Range, killing_range


def tell(figure: str, **facts: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps({"bench": "kill", "figure": figure, **facts}), flush=True)


def kill_children(count: int, every: int, seed: int) -> list[str]:
    """Kill children at failpoints so many times; return in words what was wrong."""
    draw = random.Random(seed)
    wrong: list[str] = []
    with Postgres.throwaway() as postgres:
        postgres.create_database(TEMPLATE)
        migrate.upgrade(postgres.url("bootstrap", TEMPLATE), PASSWORDS)
        let_tests_act_for_everybody(postgres.url("bootstrap", TEMPLATE))
        with killing_range(postgres) as place:
            place.record_all()
            unreached = sorted(set(names()) - set(place.where()))
            wrong += [f"no part of the story passes {name}" for name in unreached]
            wrong += _chains(place, draw, count, every)
    return wrong


def _chains(place: Range, draw: random.Random, count: int, every: int) -> list[str]:
    wrong: list[str] = []
    waiting: list[str] = []
    dead = verified = 0
    hit: set[str] = set()
    began = time.monotonic()
    parts = sorted(place.places)
    while dead < count:
        # Every part in turn, so that each failpoint gets its share.
        waiting = waiting or draw.sample(parts, len(parts))
        part = waiting.pop()
        chain = place.chain(part, draw, min(every, count - dead))
        dead, verified = dead + len(chain.points), verified + 1
        hit.update(chain.points)
        wrong += [f"{part} after {chain.points[-3:]}: {one}" for one in chain.wrongs]
        if verified % 10 == 0 or dead >= count:
            seconds = time.monotonic() - began
            tell(
                "child", kills=dead, per_second=round(dead / seconds, 2), verified=verified, wrong=len(wrong)
            )
    tell(
        "child_total",
        kills=dead,
        failpoints=len(place.where()),
        hit=len(hit),
        verified=verified,
        wrong=len(wrong),
    )
    return wrong


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
