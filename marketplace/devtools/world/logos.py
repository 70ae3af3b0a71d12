"""The signs of the three shops: a mark alone, or with the name beside it."""

from __future__ import annotations

from marketplace.devtools.world.shapes import PALETTES, dark, disc, line, oval, pale, rect, shape
from marketplace.devtools.world.shops import shop

_FONT = "ui-rounded,system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"


def logo(key: str, *, wide: bool = False) -> bytes:
    """Return a shop's mark (400 by 400), or mark and name side by side, as SVG.

    Raises DevtoolsError when there is no such shop.
    """
    facts, strong = shop(key), PALETTES[key].page["strong"]
    mark = {"coffee": _coffee, "hiking": _hiking, "books": _books}[key](strong)
    size, name = "400 400", ""
    if wide:
        size = f"{452 + 132 * len(facts.name)} 400"
        name = (
            f'<text x="440" y="268" font-family="{_FONT}" font-size="200" font-weight="700" letter-spacing="-4" '
            f'fill="{PALETTES[key].page["ink"]}">{facts.name}</text>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">{mark}{name}</svg>'.encode()


def _coffee(strong: str) -> str:
    """A cup whose steam is a mountain."""
    peak = shape("M118 176L178 84L206 126L228 100L282 176Z", pale(strong, 85)) + shape(
        "M178 84L206 126L190 138L178 124L160 136L154 122Z", "#d9a441"
    )
    cup = shape("M108 190H292Q290 306 232 316H168Q110 306 108 190Z", "#fffaf3") + line(
        "M292 214q52 -2 42 36t-60 34", "#fffaf3", 17
    )
    return (
        rect(10, 10, 380, 380, strong, 110)
        + peak
        + cup
        + shape("M108 190H292Q292 206 290 216H110Q108 206 108 190Z", dark(strong, 45))
    )


def _hiking(strong: str) -> str:
    """A quail on a path."""
    body = shape(
        "M86 246Q78 158 168 146Q206 82 252 116L288 132L256 146Q262 262 172 278Q110 282 86 246Z", "#fbfcf7"
    )
    wing = shape("M112 240Q126 176 206 192Q196 262 140 264Z", "#dda63a") + line(
        "M130 238q26 -30 60 -32M138 252q24 -24 50 -28", strong, 6
    )
    plume = (
        line("M214 112Q212 76 250 76", "#fbfcf7", 10)
        + disc(252, 78, 9, "#dda63a")
        + disc(236, 130, 8, dark(strong, 40))
    )
    return (
        rect(10, 10, 380, 380, strong, 110)
        + body
        + wing
        + plume
        + line("M152 278v30M184 276v32", "#dda63a", 9)
        + line("M84 316Q150 300 200 318T320 312", "#fbfcf7", 11)
    )


def _books(strong: str) -> str:
    """An owl whose wings are an open book."""
    eyes = "".join(
        disc(x, 168, 45, "#fffbf4") + disc(x, 168, 24, "#efb944") + disc(x, 168, 13, "#2b2440")
        for x in (152, 248)
    )
    book = shape(
        "M200 248Q150 206 84 228V318Q150 296 200 334Q250 296 316 318V228Q250 206 200 248Z", "#fffbf4"
    )
    lines = line(
        "M108 252q36 -8 70 10M108 278q36 -8 70 10M292 252q-36 -8 -70 10M292 278q-36 -8 -70 10",
        pale(strong, 55),
        7,
    )
    ears = shape("M106 148L96 74L168 118Z", "#fffbf4") + shape("M294 148L304 74L232 118Z", "#fffbf4")
    return (
        rect(10, 10, 380, 380, strong, 110)
        + ears
        + eyes
        + shape("M184 190H216L200 222Z", "#e07f3a")
        + book
        + lines
        + line("M200 250V330", strong, 6)
        + oval(200, 340, 3, 3, strong)
    )
