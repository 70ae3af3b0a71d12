"""Pictures on the pages of the demo world: a few products beside each other in a place of their own, drawn as SVG."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.world.drawings import KINDS
from marketplace.devtools.world.shapes import (
    PALETTES,
    Dice,
    dark,
    disc,
    line,
    oval,
    pale,
    placed,
    rect,
    ridges,
    shape,
)
from marketplace.devtools.world.shops import product

_WIDE, _HIGH = 800, 450


def _table(dice: Dice) -> str:
    """A kitchen table before a wall of tiles."""
    wall = rect(0, 0, _WIDE, 320, "#efe2cd")
    tiles = "".join(line(f"M0 {y}H{_WIDE}", "#e4d3b8", 3) for y in range(40, 320, 70))
    tiles += "".join(line(f"M{x} 0V320", "#e4d3b8", 3) for x in range(60, _WIDE, 110))
    return wall + tiles + rect(0, 320, _WIDE, 130, "#b27c47") + rect(0, 320, _WIDE, 14, dark("#b27c47", 18))


def _mountains(dice: Dice) -> str:
    """A pasture with ranges behind it, early in the day."""
    sky = rect(0, 0, _WIDE, _HIGH, "#dfeaec") + disc(640, 92, 46, "#f6dfa6")
    far = ridges(dice, ("#b9cbd0", "#93aeb0", "#6f9288"), 170, _HIGH, _WIDE, 44)
    return sky + far + shape(f"M0 330Q220 296 430 330T{_WIDE} 316V{_HIGH}H0Z", "#7f9a5d")


def _shelf(dice: Dice) -> str:
    """A shelf of a library, with backs of books above."""
    backs, x = "", 16
    while x < _WIDE - 50:
        wide, high = dice.span(24, 52), dice.span(84, 122)
        tint = dice.pick(tuple(PALETTES["books"].by.values()))
        backs += rect(x, 132 - high, wide, high, pale(tint, 34), 3) + rect(
            x, 150 - high, wide, 6, pale(tint, 70)
        )
        x += wide + dice.span(2, 7)
    wood = rect(0, 132, _WIDE, 18, "#9a6a3f") + rect(0, 396, _WIDE, 54, "#9a6a3f")
    return rect(0, 0, _WIDE, _HIGH, "#f3e5cf") + backs + wood + rect(0, 396, _WIDE, 10, dark("#9a6a3f", 20))


def _platform(dice: Dice) -> str:
    """A platform under a grey sky from which it rains."""
    drops = "".join(
        line(f"M{x} {y}l-7 24", "#9db4bf", 3)
        for x, y in ((dice.span(10, 790), dice.span(0, 320)) for _ in range(70))
    )
    rails = rect(0, 352, _WIDE, 98, "#8d9296") + rect(0, 352, _WIDE, 12, "#f2efe6")
    roof = shape("M0 40L360 12V34L0 66Z", "#5e6d70") + rect(300, 30, 14, 322, "#5e6d70")
    return rect(0, 0, _WIDE, _HIGH, "#c9d6dc") + roof + drops + rails


# The place, and what stands in it: SKU, x, y of the corner and size in percent.
_SCENES: dict[str, tuple[Callable[[Dice], str], tuple[tuple[str, int, int, int], ...]]] = {
    "molens": (_table, (("BK-065", 20, 80, 74), ("BK-003", 250, 36, 86), ("BK-067", 510, 80, 74))),
    "rugzak": (_mountains, (("KP-062", 120, 40, 96), ("KP-118", 440, 60, 88))),
    "plank": (_shelf, (("UK-012", 40, 142, 70), ("UK-020", 276, 142, 70), ("UK-029", 508, 142, 70))),
    "perron": (_platform, (("KP-033", 20, 70, 78), ("KP-040", 268, 70, 78), ("KP-160", 506, 62, 78))),
}


def scene(name: str) -> bytes:
    """Return a picture by its name: SVG of 800 by 450. Raises DevtoolsError when a product in it is missing."""
    place, things = _SCENES[name]
    drawn = place(Dice(name))
    for sku, x, y, percent in things:
        found = product(sku)
        if found is None:
            raise DevtoolsError(f"there is no {sku} to draw")
        kind, *words = found.drawing.split(":")
        thing = KINDS[kind](Dice(sku), tuple(words), PALETTES[found.shop].by)
        drawn += placed(oval(200, 343, 128, 15, "#3a2418", 'opacity=".16"') + thing, x, y, percent)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}">{drawn}</svg>'.encode()
