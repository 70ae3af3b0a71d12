"""Which kills to make: every failpoint once, or any passing of any failpoint, drawn by a seed."""

from __future__ import annotations

import random

Where = dict[str, list[tuple[str, int]]]
Kill = tuple[str, str, int]
# A failpoint, and at which of its next passings to die.
Target = tuple[str, int]

# Parts of the story that go together in one town, in any order, before and after one of the endings.
DAILY = (
    "market",
    "market_at_once",
    "visits",
    "orders",
    "stuck",
    "funding",
    "account",
    "disputes",
    "claims",
    "evidence",
    "stores",
    "advice",
    "news",
)
ENDINGS = (
    "account_gone",
    "payday",
    "payday_rejected",
    "payday_without_news",
    "payday_on_credit",
    "restored",
    "payday_refused",
    "payday_unanswered",
    "payday_adopted",
    "payday_unchecked",
    "payday_key_taken",
)
_DEATHS_OF_A_DAY = 7
_DEATHS_OF_AN_ENDING = 14


def _one(where: Where, draw: random.Random, point: str) -> Kill:
    part, times = draw.choice(where[point])
    return point, part, draw.randint(1, times)


def drawn(where: Where, draw: random.Random, count: int) -> list[Kill]:
    """Return so many kills at failpoints that are all equally likely."""
    points = sorted(where)
    return [_one(where, draw, draw.choice(points)) for _ in range(count)]


def targets(passes: list[str], draw: random.Random, points: list[str]) -> list[Target]:
    """Return where to die to hit each of these failpoints at any of its passings, in the order of the part.

    passes: all failpoints that the part passes, in order. A child begins behind the death of the one before, more or
    less: what it asks for again passes some failpoints again, so it may die a little earlier than drawn.
    """
    spots = {draw.choice([spot for spot, name in enumerate(passes) if name == point]) for point in points}
    found = []
    last = 0
    for spot in sorted(spots):
        found.append((passes[spot], passes[last : spot + 1].count(passes[spot])))
        last = spot + 1
    return found


def plan(passes: dict[str, list[str]], draw: random.Random, ending: str) -> list[tuple[str, list[Target]]]:
    """Draw a day of one town: a part, the ending, and the other parts for as long as somebody has to die."""
    days = draw.sample(DAILY, len(DAILY))
    counts = dict.fromkeys(days, _DEATHS_OF_A_DAY) | {ending: _DEATHS_OF_AN_ENDING}
    return [
        (part, targets(passes[part], draw, draw.choices(sorted(set(passes[part])), k=counts[part])))
        for part in (days[0], ending, *days[1:])
    ]


def shares(where: Where, draw: random.Random) -> dict[str, list[str]]:
    """Divide all failpoints among the parts that pass them, each to one."""
    found: dict[str, list[str]] = {}
    points = sorted(where)
    draw.shuffle(points)
    for point in points:
        # The part that has the fewest so far, so that no town sees all the deaths.
        part = min((part for part, _ in where[point]), key=lambda one: len(found.get(one, [])))
        found.setdefault(part, []).append(point)
    return found
