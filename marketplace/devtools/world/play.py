"""Plays the demo world: ninety days over HTTP, the clock moved day by day, told in a line for each week."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from marketplace.devtools import business_time, payday
from marketplace.devtools.drain import drain
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import must
from marketplace.devtools.world import stage
from marketplace.devtools.world.acts import Acts
from marketplace.devtools.world.advice.ground import of_cast
from marketplace.devtools.world.advice.playing import Writing
from marketplace.devtools.world.cast import Cast
from marketplace.devtools.world.plan import Plan
from marketplace.devtools.world.site_control import Control
from marketplace.devtools.world.stage import Run
from marketplace.devtools.world.story import DAYS
from marketplace.devtools.world.till import desk_of

Say = Callable[[str], None]
_WEEK, _BAR = 7, 30
_SETTLE_SECONDS = 600
JOINED_AT_ONCE = "hiking:0"


def play(facts: Mapping[str, Any], plan: Plan, run: Run, control: Control, say: Say) -> dict[str, Any]:
    """Play a plan in an empty world that begins DAYS ago; return logins and keys as they stand in demo.json.

    facts: addresses of the running services; run: runs a python command as whoever runs the machine; control: of
    the shops' sites. Raises DevtoolsError when something does not come out as planned, or the books don't
    agree at the end.
    """
    say(f"the world opens: {len(plan.advisers)} advisers and {len(plan.shoppers)} shoppers, {DAYS} days")
    began = time.monotonic()
    cast = stage.open_world(facts, run, plan.advisers, control)
    keys = {one.facts.host: str(one.key.token) for one in cast.shops.values()}
    control.write(control.read() | {"desk": desk_of(facts, keys)})
    settle(facts)
    opened = time.monotonic()
    say(f"  everybody signed up, the shops are open ({opened - began:.0f} s)")
    _live(cast, plan, control, say)
    return {
        "logins": cast.logins(),
        "api_keys": cast.keys,
        "world": {"seed": plan.seed, "scale": plan.scale},
    }


def settle(facts: Mapping[str, Any], *, is_awake: bool = False) -> None:
    """Wait until nothing is due."""
    left = drain(facts, _SETTLE_SECONDS, is_awake=is_awake)
    must(not left, f"work is still due after {_SETTLE_SECONDS} s", left)


def _live(cast: Cast, plan: Plan, control: Control, say: Say) -> None:
    """Live through the days."""
    facts = cast.facts
    acts = Acts(cast, plan, lambda: settle(facts))
    writing = Writing(of_cast(cast, acts.renewed), plan)
    begin = business_time.offset_now(facts)
    progress = _Progress(len(plan.events), say)
    for day in range(DAYS + 1):
        offset = begin + round(dt.timedelta(days=day).total_seconds())
        if day:
            business_time.set_offset(facts, offset)
            # What yesterday left and what falls due today are done in one round.
            settle(facts, is_awake=True)
        acts.offset = dt.timedelta(seconds=offset)
        control.day = day
        today = plan.of_day(day)
        for one in today:
            try:
                acts.do(one)
            except DevtoolsError as error:
                raise DevtoolsError(f"day {day}: {one}: {error}") from error
        writing.until(day)
        progress.lived(day, len(today))
    writing.close()
    _keep_fetching(cast)
    _open_to_newcomers(cast)
    settle(facts)
    maker = cast.staff["fatima"]
    difference = payday.reconcile(next(iter(cast.shops.values())).job, maker)
    if difference:
        raise DevtoolsError(f"the world does not reconcile: {difference}")
    say(f"  reconciliation EUR {difference:.2f}")


def _keep_fetching(cast: Cast) -> None:
    """Let each shop's feed be fetched from its site from now on: at once, and then every week."""
    for shop in cast.shops.values():
        address = f"https://{shop.facts.host}{shop.facts.feed_path}"
        shop.key.post("feed-sources", {"url": address, "every": "weekly"})


def _open_to_newcomers(cast: Cast) -> None:
    """Let one offer be joined at once from now on, so that somebody new has a link without waiting for a shop."""
    shop, offer = cast.offer(JOINED_AT_ONCE)
    shop.key.call("PATCH", f"offers/{offer['id']}", {"joining": "at_once"})


class _Progress:
    """Tells how far the world is: a bar for each week, and how long is left."""

    def __init__(self, events: int, say: Say) -> None:
        self._events, self._say, self._done, self._began = events, say, 0, time.monotonic()

    def lived(self, day: int, events: int) -> None:
        """Count a day, and tell when a week is over."""
        self._done += events
        if day % _WEEK and day != DAYS:
            return
        # Half of the work is days, half is what happens in them.
        part = (day / DAYS + self._done / self._events) / 2
        passed = time.monotonic() - self._began
        left = f"{passed / part - passed:.0f} s left" if part else "a minute or two left"
        filled = round(part * _BAR)
        bar = "#" * filled + "." * (_BAR - filled)
        self._say(f"  [{bar}] day {day:2d} of {DAYS}, {self._done} of {self._events} events, {left}")


def cpu_seconds(pids: list[int]) -> float:
    """Return how long processes and the children that they waited for have computed, for measurements."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / ticks
