"""Simulated worlds beside a model, as many steps as one likes: every figure compared after every step.

`./dev bench simulate [--steps N] [--seed S] [--processes P] [--shrink N]`. One JSON line a world that broke, with the
line that plays it again and the last steps before it; one line a minute of how far it is; one at the end. A single
world is played again by its seed: `--seed S --steps` at most 500. Exit code 1 when anything was found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from marketplace.devtools.throwaway import memory_folder
from tests.simulation.environment import environment
from tests.simulation.furniture import Furnisher
from tests.simulation.story import LONGEST, plan, play, shown, shrink

Report = dict[str, Any]


def worlds(seeds: list[tuple[int, int]], tries: int, reports: multiprocessing.Queue[Report]) -> None:
    """Play (seed, steps) pairs one after the other in this process; report each world, and what it cost at the end."""
    # What the product logs about faults that were planned would drown what was found.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        with environment(Path(folder)) as here:
            made = Furnisher(here).made
            for seed, steps in seeds:
                story = play(here, made, seed, plan(seed, steps))
                report: Report = {"steps": len(story.played), "broken": story.broken}
                if story.broken:
                    short = shrink(here, made, story, tries) if tries else story
                    report |= {
                        "seed": seed,
                        "step": story.trace[-1].split(" |")[0],
                        "again": story.command,
                        "trace": story.trace[-10:],
                        "shortest": {"seed": seed, "steps": shown(short.played), "broken": short.broken},
                    }
                reports.put(report)
        # The server is gone by now, so that what it used counts too.
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        reports.put({"cpu": sum(one.ru_utime + one.ru_stime for one in used)})


def main() -> int:
    """Run the bench; 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first world; the next ones count on")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--shrink", type=int, default=60, help="how often a broken story is tried shorter")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    whole, rest = divmod(options.steps, LONGEST)
    lengths = [LONGEST] * whole + [rest] * bool(rest)
    seeds = [(first + number, length) for number, length in enumerate(lengths)]
    context = multiprocessing.get_context("spawn")
    reports: multiprocessing.Queue[Report] = context.Queue()
    shares = [share for number in range(options.processes) if (share := seeds[number :: options.processes])]
    workers = [context.Process(target=worlds, args=(share, options.shrink, reports)) for share in shares]
    for worker in workers:
        worker.start()
    findings = listen(reports, workers, len(shares), first)
    for worker in workers:
        worker.join()
    return int(findings > 0 or any(worker.exitcode for worker in workers))


def listen(reports: multiprocessing.Queue[Report], workers: list[Any], wanted: int, first: int) -> int:
    """Print what the workers report until all are done; return how many worlds broke."""
    begun = told = time.monotonic()
    done: dict[str, float] = {"steps": 0, "worlds": 0, "findings": 0, "cpu": 0, "ended": 0}
    while done["ended"] < wanted and (not reports.empty() or any(worker.is_alive() for worker in workers)):
        if reports.empty():
            time.sleep(0.2)
            continue
        report = reports.get()
        if "cpu" in report:
            done["cpu"] += report["cpu"]
            done["ended"] += 1
            continue
        done["steps"] += report["steps"]
        done["worlds"] += 1
        if report["broken"]:
            done["findings"] += 1
            say(
                {"finding": report["broken"]}
                | {name: one for name, one in report.items() if name != "broken"}
            )
        if time.monotonic() - told >= 60:
            told = time.monotonic()
            say({"name": "simulate", "so_far": True} | summary(done, first, told - begun))
    figures = summary(done, first, time.monotonic() - begun)
    per_thousand = round(1000 * done["cpu"] / done["steps"], 1) if done["steps"] else None
    say({"name": "simulate"} | figures | {"cpu_seconds_per_1000_steps": per_thousand})
    return int(done["findings"])


def summary(done: dict[str, float], first: int, seconds: float) -> Report:
    """Return the figures so far."""
    counts = {name: int(done[name]) for name in ("steps", "worlds", "findings")}
    return counts | {
        "first_seed": first,
        "seconds": round(seconds),
        "per_second": round(done["steps"] / seconds, 1),
    }


def say(line: Report) -> None:
    """Print a JSON line at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
