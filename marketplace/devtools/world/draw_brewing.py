"""Drawings of the coffee shop, second part: what one brews with."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.world.draw_coffee import Colours, Words, colour_of
from marketplace.devtools.world.shapes import (
    Dice,
    clipped,
    dark,
    disc,
    line,
    oval,
    pale,
    rect,
    shape,
)


def steam(x: int, y: int) -> str:
    """Steam above something hot."""
    return line(
        f"M{x} {y}q-12 -16 0 -32t0 -32M{x + 28} {y - 6}q-12 -14 0 -28t0 -28", "#ffffff", 6, 'opacity=".75"'
    )


def _jug(by: Colours, x: int, y: int, full: int) -> str:
    """A glass jug that is full to so many units from its bottom."""
    glass = shape(
        f"M{x - 44} {y - 96}H{x + 44}L{x + 66} {y - 20}Q{x + 70}"
        f" {y} {x + 48} {y}H{x - 48}Q{x - 70} {y} {x - 66} {y - 20}Z",
        by["glass"],
    )
    inside = clipped("j", glass.replace(by["glass"], "#000"), rect(x - 80, y - full, 160, full, by["dark"]))
    return (
        glass
        + inside
        + line(f"M{x + 48} {y - 84}q58 4 28 62", dark(by["glass"], 25), 8)
        + rect(x - 46, y - 104, 92, 11, by["wood"], 5)
    )


def _cone(x: int, y: int, colour: str) -> str:
    ribs = f"M{x - 30} {y - 62}L{x - 12} {y - 12}M{x} {y - 62}V{y - 12}M{x + 30} {y - 62}L{x + 12} {y - 12}"
    out = shape(f"M{x - 64} {y - 78}H{x + 64}L{x + 20} {y - 2}H{x - 20}Z", colour) + line(
        ribs, dark(colour, 14), 4
    )
    return (
        out
        + rect(x - 68, y - 86, 136, 12, pale(colour, 35), 6)
        + rect(x - 58, y - 4, 116, 11, dark(colour, 16), 5)
    )


def pour(dice: Dice, words: Words, by: Colours) -> str:
    """A jug with a cone above it, a jug with a waist, or a tower."""
    kind = words[0] if words else "glass"
    if kind == "waist":
        glass = "M134 88L188 204L130 316Q126 338 150 340H250Q274 338 270 316L212 204L266 88Z"
        out = shape(glass, by["glass"]) + clipped(
            "k", shape(glass, "#000"), rect(100, 282, 200, 70, by["dark"])
        )
        out += shape("M150 88L194 178H206L250 88Z", by["white"]) + shape(
            "M166 120L194 178H206L234 120Z", by["dark"]
        )
        return out + rect(168, 186, 64, 38, by["wood"], 10) + line("M168 205H232", dark(by["wood"], 30), 4)
    if kind == "tower":
        out = line("M120 340V70H280V340", by["wood"], 13) + oval(200, 104, 46, 12, pale(by["glass"], 40))
        out += (
            shape("M154 104H246L214 166H186Z", by["glass"])
            + rect(176, 184, 48, 62, by["dark"], 8)
            + rect(176, 172, 48, 22, by["glass"], 6)
        )
        return (
            out
            + line("M200 250V262", by["dark"], 4)
            + _jug(by, 200, 336, dice.span(26, 48))
            + rect(92, 332, 216, 14, by["wood"], 6)
        )
    if kind == "stand":
        out = line("M96 334H304M112 334V168H288V334", by["wood"], 14) + rect(88, 328, 224, 18, by["wood"], 6)
        return (
            out
            + _cone(154, 170, by["white"])
            + _cone(252, 170, by["base"])
            + "".join(rect(x, 270, 52, 58, colour, 9) for x, colour in ((126, by["blue"]), (226, by["clay"])))
        )
    cone = {"clay": by["clay"], "glass": by["white"]}.get(kind, by["white"])
    return steam(190, 88) + _jug(by, 200, 338, dice.span(34, 58)) + _cone(200, 236, cone)


def dripper(dice: Dice, words: Words, by: Colours) -> str:
    """A cone on a mug."""
    colour = colour_of(words, by, "white")
    mug = rect(146, 240, 108, 98, dice.pick((by["blue"], by["green"], by["wood"])), 16) + line(
        "M256 262q40 6 -2 52", by["dark"], 10
    )
    return (
        mug
        + _cone(200, 236, colour)
        + shape("M142 150Q200 118 258 150L250 162H150Z", by["white"])
        + oval(200, 152, 44, 9, by["dark"])
    )


def press(dice: Dice, words: Words, by: Colours) -> str:
    """A French press, or a travel press."""
    colour = colour_of(words, by, "base")
    body = by["glass"] if not {"steel", "clay", "travel"} & set(words) else colour
    out = rect(146, 146, 108, 190, body, 12)
    if body == by["glass"]:
        out += rect(146, 220, 108, 112, by["dark"], 10) + rect(
            146, 206 + dice.below(12), 108, 12, pale(by["wood"], 20)
        )
        out += line("M150 160V332M250 160V332M148 250H252", dark(colour, 10), 9)
    else:
        out += rect(222, 146, 32, 190, dark(colour, 14), 12) + line("M152 250H248", pale(colour, 40), 5)
    handle = "" if "travel" in words else line("M256 176q62 6 50 62t-48 56", by["dark"], 14)
    return (
        out
        + handle
        + rect(138, 126, 124, 26, dark(colour, 24), 11)
        + line("M200 126V84", by["steel"], 8)
        + disc(200, 78, 16, by["dark"])
    )


def moka(dice: Dice, words: Words, by: Colours) -> str:
    """A stovetop pot with eight sides, or the iron ring below it."""
    body = colour_of(words, by, "steel")
    if words[:1] == ("ring",):
        return (
            oval(200, 282, 118, 46, by["black"])
            + oval(200, 276, 118, 46, pale(by["black"], 14))
            + oval(200, 276, 40, 15, by["black"])
            + line("M96 276H150M250 276H304M200 234V254M200 298V320", by["black"], 7)
        )
    out = (
        shape("M140 232H260L282 340H118Z", body)
        + shape("M226 232H260L282 340H240Z", dark(body, 18))
        + rect(138, 214, 124, 22, dark(body, 30), 5)
    )
    out += shape("M146 214L130 112L116 98L160 104H262L254 214Z", pale(body, 14)) + shape(
        "M222 104H262L254 214H220Z", dark(body, 8)
    )
    out += (
        shape("M134 106L200 74L266 106Z", dark(body, 18))
        + disc(200, 72, 12, by["dark"])
        + line("M262 122H318L308 206", by["dark"], 15)
    )
    return out + disc(150, 266, 6, by["light"]) + (steam(112, 88) if dice.below(2) else "")


def kettle(dice: Dice, words: Words, by: Colours) -> str:
    """A kettle with a spout like a swan's neck."""
    body = colour_of(words, by, "steel")
    out = line("M150 306C84 300 112 190 62 158", body, 15) + shape(
        "M150 192H268L292 326Q210 346 132 326Z", body
    )
    out += (
        shape("M240 192H268L292 326Q276 333 256 335Z", dark(body, 15))
        + oval(209, 192, 60, 13, dark(body, 22))
        + disc(209, 172, 12, by["wood"])
    )
    return (
        out
        + line("M266 206C352 176 356 292 286 308", by["wood"] if dice.below(2) else by["dark"], 17)
        + line("M158 226L150 300", pale(body, 55), 6)
    )


def drip(dice: Dice, words: Words, by: Colours) -> str:
    """A filter machine with its jug."""
    body = colour_of(words, by, "base")
    out = (
        rect(104, 92, 72, 248, body, 12)
        + rect(104, 92, 196, 60, dark(body, 14), 12)
        + rect(112, 112, 20, 130, by["glass"], 8)
    )
    out += rect(112, 112 + dice.span(20, 70), 20, 60, "#8fb8c4", 8) + shape(
        "M190 152H284L266 208H208Z", dark(body, 32)
    )
    return (
        out
        + rect(104, 324, 202, 18, dark(body, 34), 8)
        + _jug(by, 234, 324, dice.span(36, 66))
        + disc(152, 300, 7, by["light"])
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "pour": pour,
    "dripper": dripper,
    "press": press,
    "moka": moka,
    "kettle": kettle,
    "drip": drip,
}
