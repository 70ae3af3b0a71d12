"""Drawings of the coffee shop, third part: what one drinks from, and gifts."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.world.draw_brewing import steam
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
    ridges,
    shape,
    turned,
)


def cup(dice: Dice, words: Words, by: Colours) -> str:
    """Cups of all kinds: small, wide, tall, of glass, for the road."""
    kind, tint = (
        (words[0] if words else "mug"),
        colour_of(words[1:], by, "white" if "white" in by and "clay" in by else "base"),
    )
    coffee = by.get("dark", "#5a3426")
    if kind == "travel" or kind == "fold":
        steps = [(126 + 10 * n, 148 - 20 * n) for n in range(3)] if kind == "fold" else []
        if steps:
            return "".join(
                rect(200 - w // 2, 170 + 52 * n, w, 56, mixd, 8)
                for n, ((_, w), mixd) in enumerate(
                    zip(steps, (by["base"], pale(by["base"], 15), dark(by["base"], 12)), strict=True)
                )
            )
        return (
            shape("M146 130H254L240 340H160Z", by["green"])
            + shape("M218 130H254L240 340H214Z", dark(by["green"], 16))
            + rect(136, 104, 128, 32, by["dark"], 12)
            + rect(152, 210, 96, 52, by["wood"], 4)
        )
    if kind == "glass":
        high = 60 if "low" in words else 0
        shapes = [(136, by["base"]), (264, by["wood"])]
        return "".join(
            shape(f"M{x - 48} {160 + high}H{x + 48}L{x + 36} 338H{x - 36}Z", by["glass"])
            + shape(f"M{x - 38} {204 + high}H{x + 38}L{x + 29} 326H{x - 29}Z", coffee)
            + rect(x - 39, 186 + high, 78, 26, by["white"], 8)
            for x, _ in shapes
        )
    if kind == "bowl":
        return "".join(
            shape(f"M{x - 52} {y}H{x + 52}Q{x + 44} {y + 72} {x} {y + 72}T{x - 52} {y}Z", colour)
            + oval(x, y, 52, 13, dark(colour, 12))
            + oval(x, y + 3, 42, 9, coffee)
            for x, y, colour in ((138, 206, by["clay"]), (262, 206, by["blue"]), (200, 264, by["white"]))
        )
    wide, high = {"espresso": (58, 92), "wide": (92, 104), "mug": (70, 150)}[kind]
    top = 330 - high
    saucer = oval(200, 334, 118, 15, dark(tint, 12)) + oval(200, 330, 112, 12, tint) if kind != "mug" else ""
    foot = wide // 2 if kind != "mug" else wide - 6
    body = (
        f"M{200 - wide} {top}H{200 + wide}Q{200 + wide - 4} 330 {200 + foot - 14}"
        f" 332H{200 - foot + 14}Q{200 - wide + 4} 330 {200 - wide} {top}Z"
    )
    out = (
        saucer
        + line(f"M{200 + wide - 4} {top + 22}q48 0 34 36t-46 26", dark(tint, 8), 13)
        + shape(body, tint)
    )
    if "mountain" in words or (kind == "mug" and dice.below(2)):
        out += clipped(
            "m", shape(body, "#000"), ridges(dice, [pale(by["blue"], 45), by["blue"]], top + 70, 340, 300, 24)
        )
    elif kind == "mug":
        out += clipped("m", shape(body, "#000"), rect(100, 282, 200, 60, by["base"]))
    out += oval(200, top, wide, 13, dark(tint, 14)) + oval(200, top + 3, wide - 9, 9, coffee)
    if kind == "wide":
        out += shape(f"M200 {top + 10}q-38 -6 -22 -12q16 -2 22 5q6 -7 22 -5q16 6 -22 12Z", by["white"])
    return out + steam(182, top - 26)


def jug(dice: Dice, words: Words, by: Colours) -> str:
    """A jug for milk, or a whisk."""
    if words[:1] == ("whisk",):
        return turned(
            dice.span(14, 26),
            rect(178, 72, 44, 128, by["black"], 20)
            + disc(200, 100, 8, by["red"])
            + line("M200 200V300", by["steel"], 7)
            + oval(200, 312, 26, 20, "none", f'stroke="{by["steel"]}" stroke-width="7"'),
        )
    body = colour_of(words, by, "steel")
    out = line("M252 186q72 0 58 62t-62 56", dark(body, 26), 14) + shape(
        "M140 150L108 132L150 126H256L270 322Q206 346 136 322Z", body
    )
    out += shape("M222 126H256L270 322Q254 332 234 335Z", dark(body, 14)) + oval(
        200, 134, 54, 13, by["white"]
    )
    return out + line("M158 170L152 300", pale(body, 60), 6)


def scale(dice: Dice, words: Words, by: Colours) -> str:
    """A flat scale with a cup on it."""
    body = colour_of(words, by, "white")
    out = (
        rect(84, 282, 232, 54, dark(body, 22), 14)
        + rect(84, 270, 232, 52, body, 14)
        + rect(206, 284, 88, 26, by["black"], 6)
    )
    digits = "".join(rect(218 + 18 * n, 290, 9, 14, "#bfe3c8", 2) for n in range(dice.span(3, 4)))
    return (
        out
        + digits
        + shape("M112 200H196L186 270H122Z", by["base"])
        + oval(154, 200, 42, 10, by["dark"])
        + line("M196 214q30 2 -4 36", by["base"], 9)
    )


def papers(dice: Dice, words: Words, by: Colours) -> str:
    """Filters for coffee; a bottle with a filter for water where nobody has clay."""
    if "clay" not in by:
        return (
            rect(160, 190, 80, 150, "#d7e6ea", 18)
            + rect(160, 262, 80, 78, by["blue"], 16)
            + rect(170, 100, 60, 96, by["black"], 12)
            + rect(186, 66, 28, 40, by["orange"], 8)
            + "".join(rect(180 + 12 * n, 122, 5, 56, pale(by["black"], 35)) for n in range(4))
        )
    paper = {"steel": by["steel"], "cloth": by["white"]}.get("".join(words), pale(by["wood"], 62))
    sheets = "".join(
        turned(
            n * 8 - 14,
            shape("M96 140Q200 96 304 140L226 322H174Z", dark(paper, 4 + 4 * (3 - n)))
            + line("M200 150L200 312", dark(paper, 18), 3),
            200,
            330,
        )
        for n in range(4)
    )
    return sheets + (
        line("M122 158L196 316M278 158L204 316M160 150L198 312M240 150L202 312", dark(paper, 26), 3)
        if "steel" in words
        else ""
    )


def giftcard(dice: Dice, words: Words, by: Colours) -> str:
    """A gift card in its envelope."""
    tint, second = by["base"], by.get("light", by.get("yellow", "#efb944"))
    envelope = rect(74, 206, 252, 136, pale(tint, 68), 8)
    card = turned(
        -7,
        rect(92, 112, 216, 140, tint, 14)
        + clipped(
            "c",
            rect(92, 112, 216, 140, "#000", 14),
            disc(256, 158, 26, second) + ridges(dice, [pale(tint, 30), dark(tint, 22)], 208, 262, 330),
        ),
    )
    return (
        card
        + envelope
        + shape("M74 214L200 296L326 214V334Q326 342 318 342H82Q74 342 74 334Z", pale(tint, 80))
        + line("M78 216L200 296L322 216", pale(tint, 45), 4)
    )


def tasting(dice: Dice, words: Words, by: Colours) -> str:
    """A table with five cups for an evening."""
    cups = "".join(
        shape(f"M{96 + 46 * n} 236h38l-6 44h-26Z", colour) + oval(115 + 46 * n, 236, 19, 6, by["dark"])
        for n, colour in enumerate((by["white"], by["base"], by["blue"], by["light"], by["green"]))
    )
    lamp = (
        line("M200 0V74", by["dark"], 5)
        + shape("M146 118Q160 70 200 70T254 118Z", by["red"])
        + shape("M150 118H250L330 280H70Z", by["light"], 'opacity=".22"')
    )
    return (
        lamp
        + rect(72, 280, 256, 20, by["wood"], 6)
        + rect(94, 300, 16, 44, dark(by["wood"], 20))
        + rect(290, 300, 16, 44, dark(by["wood"], 20))
        + cups
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "cup": cup,
    "jug": jug,
    "scale": scale,
    "filter": papers,
    "giftcard": giftcard,
    "tasting": tasting,
}
