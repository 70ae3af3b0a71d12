"""Drawings of the coffee shop, first part: bags with mountains, boxes, tins, machines and grinders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
)  # fmt: skip

Colours = Mapping[str, str]
Words = tuple[str, ...]


def colour_of(words: Words, by: Colours, otherwise: str) -> str:
    """Return the colour that the last of the words names, or the one called `otherwise`."""
    return next((by[word] for word in reversed(words) if word in by), by[otherwise])


def _bean(x: int, y: int, degrees: int, colour: str) -> str:
    inner = oval(x, y, 13, 9, colour) + line(f"M{x - 11} {y + 1}q6 -6 11 -1t11 -2", dark(colour, 40), 2)
    return turned(degrees, inner, x, y)


def bag(dice: Dice, words: Words, by: Colours) -> str:
    """A bag with side folds and a label of the mountains where the coffee grew."""
    body = by.get(words[0], by["medium"]) if words else by["medium"]
    accent = (
        colour_of(words[1:], by, dice.pick(("base", "blue", "green", "red"))) if words[1:] else by["light"]
    )
    if words[:1] == ("light",):
        body, accent = by["white"], colour_of(words[1:], by, "light")
    sky = pale(accent, 72)
    label = rect(134, 168, 132, 128, sky)
    label += disc(dice.span(165, 235), dice.span(190, 208), dice.span(11, 17), pale(by["light"], 10))
    label += ridges(dice, [pale(accent, 45), pale(accent, 15), dark(accent, 18)], 226, 300, 280, 17)
    out = shape("M112 96L288 96L294 338Q200 350 106 338Z", body)
    out += shape("M112 96L130 96L126 341L106 338Z", dark(body, 14)) + shape(
        "M270 96L288 96L294 338L274 341Z", dark(body, 20)
    )
    out += rect(112, 78, 176, 22, dark(body, 30), 3) + line("M118 112H282", dark(body, 18), 2)
    out += clipped(
        "l", rect(134, 150, 132, 146, "#000", 8), rect(134, 150, 132, 22, dark(accent, 25)) + label
    )
    out += (
        line("M146 161H212", pale(accent, 80), 4)
        + disc(252, 161, 4, pale(accent, 80))
        + disc(200, 130, 6, dark(body, 35))
    )
    out += line("M150 312H250M172 324H228", pale(body, 55) if words[:1] != ("light",) else dark(body, 30), 4)
    roast = by["dark"] if words[:1] != ("light",) else by["wood"]
    beans = "".join(
        _bean(dice.span(84, 132) + n * 66, dice.span(338, 350), dice.span(0, 170), roast) for n in range(4)
    )
    return turned(dice.span(-3, 3), out) + beans


def box(dice: Dice, words: Words, by: Colours) -> str:
    """A gift box, a set of sachets or a flat parcel for the letter box."""
    body = colour_of((dice.pick(("base", "blue", "green", "red")),), by, "base")
    if words[:1] == ("letter",):
        out = shape("M70 190L300 150L336 290L106 332Z", body) + shape(
            "M106 332L336 290L336 306L108 348Z", dark(body, 30)
        )
        out += shape("M150 205L262 186L282 262L170 283Z", pale(body, 75))
        return (
            out
            + line("M176 232L250 219M181 250L228 242", dark(body, 20), 5)
            + _bean(296, 180, 30, by["dark"])
        )
    if words[:1] == ("sachet",):
        parts = []
        for number in range(3):
            tint = pale(body, number * 22)
            x = 92 + number * 70
            flap = rect(x, 110, 84, 224, tint, 4) + rect(x, 110, 84, 20, dark(tint, 20), 3)
            flap += clipped(
                f"s{number}",
                rect(x + 12, 170, 60, 90, "#000", 30),
                rect(x, 170, 90, 90, pale(tint, 75)) + ridges(dice, [dark(tint, 10)], 225, 262, 330),
            )
            parts.append(turned(number * 7 - 7, flap, 200, 330))
        return "".join(parts)
    front = rect(80, 170, 240, 168, body, 6) + rect(80, 170, 240, 40, dark(body, 16))
    lid = rect(70, 146, 260, 40, dark(body, 28), 6)
    window = clipped(
        "w",
        rect(108, 222, 184, 92, "#000", 46),
        rect(100, 222, 200, 92, pale(body, 75))
        + ridges(dice, [pale(body, 40), dark(body, 15)], 278, 320, 320),
    )
    bow = shape("M200 148C150 92 112 120 196 146C280 116 252 92 200 148Z", by["light"]) + rect(
        190, 146, 20, 40, by["light"]
    )
    return front + lid + window + bow


def tin(dice: Dice, words: Words, by: Colours) -> str:
    """A round tin, a crock, or a rack of glass tubes."""
    body = colour_of(words, by, "clay")
    if words[:1] == ("tubes",):
        tubes = "".join(
            rect(98 + n * 36, 140, 26, 160, by["glass"], 13)
            + rect(98 + n * 36, 190 + dice.below(24), 26, 100, by["dark"], 12)
            + rect(96 + n * 36, 128, 30, 18, by["wood"], 5)
            for n in range(6)
        )
        return (
            tubes + rect(78, 250, 244, 88, by["wood"], 10) + rect(78, 250, 244, 16, pale(by["wood"], 25), 8)
        )
    out = shape("M108 150H292V322Q200 352 108 322Z", body) + shape(
        "M246 150H292V322Q270 332 246 337Z", dark(body, 16)
    )
    picture = rect(108, 196, 184, 84, pale(body, 68)) + ridges(
        dice, [pale(body, 35), dark(body, 12)], 252, 292, 300
    )
    out += clipped("t", rect(108, 196, 184, 84, "#000"), picture)
    lid = by["wood"] if words[:1] == ("clay",) or not words else dark(body, 30)
    return (
        out
        + oval(200, 150, 92, 20, dark(lid, 15))
        + rect(108, 122, 184, 28, lid)
        + oval(200, 122, 92, 19, pale(lid, 18))
    )


def machine(dice: Dice, words: Words, by: Colours) -> str:
    """An espresso machine: classic, with a lever, or one that does everything itself."""
    kind = words[0] if words else "classic"
    body = colour_of(words, by, "steel" if kind != "auto" else "black")
    trim = dark(body, 28)
    cup = shape("M178 282H226L220 314H184Z", by["white"]) + line("M226 290q14 2 6 16", by["white"], 5)
    if kind == "auto":
        out = (
            rect(112, 92, 176, 248, body, 18)
            + rect(130, 116, 140, 62, trim, 10)
            + rect(142, 196, 116, 124, dark(body, 45), 10)
        )
        out += "".join(disc(158 + 42 * n, 147, 11, pale(body, 50 if n else 70)) for n in range(3))
        out += rect(176, 196, 48, 36, trim, 8) + line("M192 238V262M208 238V262", by["dark"], 4) + cup
        return out + rect(128, 318, 144, 16, trim, 6) + rect(126, 76, 148, 20, pale(body, 20), 9)
    if kind == "lever":
        out = (
            rect(120, 306, 160, 34, trim, 10)
            + rect(136, 216, 44, 96, body, 8)
            + rect(120, 150, 136, 72, body, 22)
        )
        out += turned(
            dice.span(16, 28),
            line("M200 160V62", by["steel"], 11) + rect(188, 34, 24, 50, by["wood"], 11),
            200,
            160,
        )
        out += (
            rect(180, 218, 52, 20, trim, 5)
            + rect(226, 222, 72, 13, by["wood"], 6)
            + line("M206 242V266", by["dark"], 5)
        )
        return out + disc(150, 186, 15, by["white"]) + line("M150 186L158 177", by["red"], 3) + cup
    out = (
        rect(92, 98, 216, 74, body, 12)
        + rect(92, 98, 216, 18, pale(body, 35), 9)
        + rect(104, 170, 52, 152, dark(body, 10))
    )
    out += (
        rect(154, 170, 140, 152, dark(body, 42))
        + rect(84, 318, 236, 24, trim, 8)
        + rect(162, 310, 124, 9, by["steel"], 3)
    )
    out += (
        rect(170, 172, 64, 22, by["steel"], 4)
        + rect(182, 194, 40, 16, trim, 4)
        + rect(222, 196, 82, 14, by["wood"], 7)
    )
    out += (
        line("M194 212v44M210 212v44", by["dark"], 5) + cup + line("M270 172v38q0 26 -10 40", by["steel"], 7)
    )
    out += disc(126, 140, 15, by["white"]) + line("M126 140l7 -8", by["red"], 3)
    out += "".join(disc(176 + 30 * n, 142, 8, trim) for n in range(3)) + disc(286, 142, 13, by["wood"])
    cups = "".join(rect(112 + 46 * n, 78, 34, 20, by["white"], 4) for n in range(dice.span(1, 4)))
    return cups + out


def grinder(dice: Dice, words: Words, by: Colours) -> str:
    """A grinder with a crank, or one with a plug."""
    kind, tint = (words[0] if words else "hand"), colour_of(words[1:], by, "steel")
    if kind == "electric":
        out = shape("M138 92H262L246 168H154Z", by["glass"], 'opacity=".9"') + shape(
            "M146 128H254L246 168H154Z", by["dark"]
        )
        out += "".join(
            _bean(166 + 17 * n, 124 + dice.below(9), dice.span(0, 160), by["wood"]) for n in range(5)
        )
        out += (
            rect(132, 80, 136, 16, dark(tint, 35), 7)
            + rect(142, 166, 116, 132, tint, 12)
            + rect(222, 166, 36, 132, dark(tint, 14), 12)
        )
        out += rect(150, 186, 100, 22, dark(tint, 30), 8) + "".join(
            rect(158 + 13 * n, 190, 4, 14, pale(tint, 55)) for n in range(7)
        )
        out += disc(200, 234, 14, pale(tint, 45)) + shape("M182 250H218L210 268H190Z", dark(tint, 40))
        return (
            out
            + rect(126, 324, 148, 18, dark(tint, 32), 8)
            + rect(142, 290, 20, 40, dark(tint, 10))
            + rect(172, 280, 62, 46, by["glass"], 8)
            + rect(172, 302, 62, 24, by["dark"], 6)
        )
    if "box" in words or "wall" in words:
        wood = by["wood"]
        out = (
            rect(120, 206, 160, 124, wood, 8)
            + rect(120, 206, 160, 18, pale(wood, 20), 6)
            + rect(142, 262, 116, 48, dark(wood, 22), 4)
        )
        out += (
            disc(200, 286, 8, by["light"])
            + shape("M146 206Q200 120 254 206Z", by["steel"])
            + rect(112, 326, 176, 16, dark(wood, 30), 5)
        )
        return out + line("M200 152V132H284", dark(by["steel"], 35), 9) + rect(272, 98, 24, 38, by["red"], 11)
    tall = 40 if "short" in words else 0
    out = rect(158, 128 + tall, 84, 212 - tall, tint if "clay" not in words else by["clay"], 16)
    out += rect(216, 128 + tall, 26, 212 - tall, dark(tint, 14), 14)
    wood = by["wood"]
    out += rect(154, 212 + tall // 2, 92, 62, wood, 6) + line(
        f"M166 {228 + tall // 2}H228M172 {250 + tall // 2}H236", dark(wood, 18), 3
    )
    out += rect(150, 118 + tall, 100, 22, dark(tint, 35), 9)
    crank = line(f"M200 {118 + tall}V{96 + tall}H{dice.span(296, 312)}", dark(by["steel"], 30), 11)
    return (
        out
        + crank
        + rect(290, 52 + tall, 28, 46, wood, 13)
        + "".join(_bean(100 + 26 * n, 336 + dice.below(8), dice.span(0, 160), by["dark"]) for n in range(2))
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "bag": bag, "box": box, "tin": tin, "machine": machine, "grinder": grinder,
}  # fmt: skip
