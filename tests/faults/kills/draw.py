"""Which kills to make: every failpoint once, or any passing of any failpoint, drawn by a seed."""

from __future__ import annotations

import random

Where = dict[str, list[tuple[str, int]]]
Kill = tuple[str, str, int]


def _one(where: Where, draw: random.Random, point: str) -> Kill:
    part, times = draw.choice(where[point])
    return point, part, draw.randint(1, times)


def all_once(where: Where, draw: random.Random) -> list[Kill]:
    """Return one kill at each failpoint, at any of its passings, in random order."""
    points = sorted(where)
    draw.shuffle(points)
    return [_one(where, draw, point) for point in points]


def drawn(where: Where, draw: random.Random, count: int) -> list[Kill]:
    """Return so many kills at failpoints that are all equally likely."""
    points = sorted(where)
    return [_one(where, draw, draw.choice(points)) for _ in range(count)]
