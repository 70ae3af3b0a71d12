"""The plan of the demo world: ninety days as dated events, worked out from a seed and a scale. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.devtools.world.diary import Diary
from marketplace.devtools.world.events import Event
from marketplace.devtools.world.people import Adviser, advisers
from marketplace.devtools.world.shoppers import Shopper, shoppers
from marketplace.devtools.world.story import CAST, CODES, DAYS, STORY_ONLY, tell
from marketplace.devtools.world.trade import Market

SEED = 2026


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part and everything that happens, in order: days 0 (the opening) to 90 (now)."""

    seed: int
    scale: int
    advisers: tuple[Adviser, ...]
    shoppers: tuple[Shopper, ...]
    events: tuple[Event, ...]

    def of_day(self, day: int) -> tuple[Event, ...]:
        """Return what happens on a day, in order."""
        return tuple(one for one in self.events if one.day == day)


def plan(seed: int = SEED, scale: int = 1) -> Plan:
    """Return the plan of a world; the same seed and scale give the same, on any machine.

    scale: 1 to 100; so many times forty shoppers with all that they do, and as many more advisers as may sign up.
    """
    people, buyers = advisers(scale), shoppers(scale)
    diary = Diary()
    tell(diary, people)
    market = Market(seed, diary, people, CODES, STORY_ONLY)
    for shopper in buyers:
        if shopper.key not in CAST:
            market.visit(shopper)
    happens = diary.close()
    if happens[-1].day > DAYS:
        raise AssertionError(f"the plan passes now: {happens[-1]}")
    return Plan(seed, scale, people, buyers, happens)
