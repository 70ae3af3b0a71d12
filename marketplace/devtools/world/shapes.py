"""The few shapes that all drawings are built of, the colours of each shop, and dice that always fall the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INK = "#2f2622"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a shop: `page` for its pages by the names of their style, `backs` behind drawings, `by` by name."""

    page: Mapping[str, str]
    backs: Sequence[str]
    by: Mapping[str, str]


def _page(paper: str, wash: str, ink: str, soft: str, strong: str, line: str) -> dict[str, str]:
    return {"paper": paper, "wash": wash, "ink": ink, "soft": soft, "strong": strong, "line": line}


PALETTES = {
    "coffee": Palette(
        _page("#fffaf3", "#f5e8d6", "#33231a", "#776355", "#a3431f", "#ead9c3"),
        ("#f3e3cd", "#ecd7c3", "#e7dcc4", "#f0ddd0", "#e3dccf"),
        {
            "base": "#b9532f", "light": "#d9a441", "medium": "#c0683a", "dark": "#5a3426", "decaf": "#7a8f86",
            "red": "#a83b2d", "blue": "#41637f", "green": "#65794a", "black": "#332e2d", "white": "#f7f1e6",
            "steel": "#b4b8b9", "wood": "#b27c47", "clay": "#bfa78c", "glass": "#cfe0de",
        },
    ),
    "hiking": Palette(
        _page("#fbfcf7", "#e6eddf", "#1f2b23", "#5e6d61", "#2c6548", "#d7e0d0"),
        ("#dfe8d8", "#e8e6d3", "#d7e4e2", "#ece2d0", "#e1e5ea"),
        {
            "base": "#4f7a5c", "red": "#b9472f", "blue": "#3f6b8a", "green": "#58793f", "yellow": "#dda63a",
            "orange": "#d4742f", "grey": "#7f8784", "black": "#3a3d3c", "white": "#f2efe6", "sand": "#c8a873",
            "brown": "#84573a", "purple": "#75577e", "steel": "#b3babb", "wood": "#a9763f",
        },
    ),
    "books": Palette(
        _page("#fffbf4", "#fbe9d7", "#2b2440", "#6f6680", "#b23a4e", "#efdcc8"),
        ("#f8e3cc", "#f3dcd6", "#e2e4ee", "#e6ebd9", "#f6e8bf"),
        {
            "base": "#c9543f", "red": "#b9384a", "blue": "#33527f", "green": "#4c7a5a", "board": "#e3a237",
            "yellow": "#efb944", "cream": "#fff3df", "night": "#28305a", "plum": "#70436c", "teal": "#2f7d82",
            "pink": "#e79a8b", "orange": "#e07f3a",
        },
    ),
}  # fmt: skip


class Dice:
    """Throws that depend on a word alone."""

    def __init__(self, word: str) -> None:
        """Take the word that they depend on, such as a SKU."""
        self._word, self._throws = word, 0

    def below(self, number: int) -> int:
        """Return 0 to number - 1."""
        self._throws += 1
        digest = hashlib.sha256(f"{self._word}.{self._throws}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % number

    def span(self, low: int, high: int) -> int:
        """Return low to high, both included."""
        return low + self.below(high - low + 1)

    def pick(self, among: Sequence[str]) -> str:
        """Return one of several."""
        return among[self.below(len(among))]


def mix(colour: str, other: str, percent: int) -> str:
    """Return a colour with so many percent of another in it; both as #rrggbb."""
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{(one * (100 - percent) + two * percent) // 100:02x}" for one, two in pairs)


def dark(colour: str, percent: int = 22) -> str:
    """Return a colour in the shade."""
    return mix(colour, "#23161c", percent)


def pale(colour: str, percent: int = 30) -> str:
    """Return a colour in the light."""
    return mix(colour, "#fffaf0", percent)


def rect(x: int, y: int, width: int, height: int, fill: str, round_: int = 0, more: str = "") -> str:
    """Return a rectangle with corners rounded by `round_`."""
    corner = f' rx="{round_}"' if round_ else ""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"{corner} fill="{fill}"{_more(more)}/>'


def disc(x: int, y: int, radius: int, fill: str, more: str = "") -> str:
    """Return a circle."""
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"{_more(more)}/>'


def oval(x: int, y: int, wide: int, high: int, fill: str, more: str = "") -> str:
    """Return an ellipse by its half axes."""
    return f'<ellipse cx="{x}" cy="{y}" rx="{wide}" ry="{high}" fill="{fill}"{_more(more)}/>'


def shape(d: str, fill: str, more: str = "") -> str:
    """Return a filled path."""
    return f'<path d="{d}" fill="{fill}"{_more(more)}/>'


def line(d: str, colour: str, width: int = 6, more: str = "") -> str:
    """Return a stroke with round ends."""
    return (
        f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" '
        f'stroke-linejoin="round"{_more(more)}/>'
    )


def turned(degrees: int, inner: str, x: int = 200, y: int = 210) -> str:
    """Return shapes turned around a point."""
    return f'<g transform="rotate({degrees} {x} {y})">{inner}</g>' if degrees else inner


def placed(inner: str, x: int, y: int, percent: int = 100) -> str:
    """Return shapes moved, and scaled to so many percent."""
    size = f"{percent // 100}.{percent % 100:02d}"
    return f'<g transform="translate({x} {y}) scale({size})">{inner}</g>'


def clipped(name: str, window: str, inner: str) -> str:
    """Return shapes seen through a window; `name` must be unique in the picture."""
    return f'<clipPath id="{name}">{window}</clipPath><g clip-path="url(#{name})">{inner}</g>'


def ridges(
    dice: Dice, colours: Sequence[str], top: int, bottom: int, width: int = 400, step: int = 26
) -> str:
    """Return ranges of mountains from the back to the front, from x 0 to `width`."""
    drawn = []
    for number, colour in enumerate(colours):
        base, x = top + number * step, -30
        points = [f"M-40 {bottom}L-40 {base + 30}"]
        while x < width:
            rise, half = dice.span(24, 62), dice.span(34, 70)
            points.append(f"L{x + half} {base - rise + number * 6}L{x + 2 * half} {base + 26}")
            x += 2 * half
        drawn.append(shape("".join(points) + f"L{x} {bottom}Z", colour))
    return "".join(drawn)


def _more(more: str) -> str:
    return f" {more}" if more else ""
