"""Drawings of the hiking shop, second part: tents, beds and stoves."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.world.draw_coffee import Colours, Words, colour_of
from marketplace.devtools.world.shapes import (
    Dice,
    dark,
    disc,
    line,
    oval,
    pale,
    rect,
    shape,
    turned,
)


def _firs(dice: Dice, colour: str, y: int) -> str:
    return "".join(
        shape(f"M{x} {y - high}L{x + 20} {y}H{x - 20}Z", mixed)
        for x, high, mixed in (
            (dice.span(46, 66), 74, colour),
            (dice.span(84, 96), 52, pale(colour, 14)),
            (dice.span(330, 352), 84, colour),
        )
    )


def tent(dice: Dice, words: Words, by: Colours) -> str:
    """A tent on a meadow: ridge, dome or tunnel by the throw."""
    tint = colour_of(words, by, dice.pick(("orange", "green", "yellow")))
    ground = oval(200, 330, 168, 26, pale(by["green"], 30)) + _firs(dice, pale(by["green"], 22), 318)
    if dice.below(2):
        out = shape("M60 326Q96 138 200 126Q304 138 340 326Z", tint) + shape(
            "M200 126Q304 138 340 326H236Q246 220 200 126Z", dark(tint, 14)
        )
        out += shape("M200 126Q150 220 150 326H246Q246 220 200 126Z", dark(tint, 34)) + shape(
            "M200 126Q176 220 150 326H122Q150 220 200 126Z", pale(tint, 35)
        )
        out += line("M60 326Q96 138 200 126T340 326", dark(tint, 30), 5)
    else:
        out = (
            shape("M200 132L338 326H62Z", tint)
            + shape("M200 132L338 326H238Z", dark(tint, 16))
            + shape("M200 170L240 326H160Z", dark(tint, 42))
        )
        out += shape("M200 170L178 256L136 326H160Z", pale(tint, 40)) + line("M200 132V112", by["wood"], 7)
    return (
        ground
        + out
        + line("M62 326L38 342M338 326L362 342", by["brown"], 4)
        + "".join(disc(dice.span(110, 300), dice.span(334, 344), 3, by["white"]) for _ in range(5))
    )


def tarp(dice: Dice, words: Words, by: Colours) -> str:
    """A sheet between two poles, or one on the ground."""
    tint = dice.pick((by["green"], by["blue"], by["orange"]))
    if "ground" in words:
        return (
            shape("M72 300L150 220H328L268 300Z", tint)
            + shape("M72 300H268L328 220V236L270 318H72Z", dark(tint, 24))
            + line("M120 268H300", pale(tint, 40), 4)
        )
    return (
        _firs(dice, pale(by["green"], 24), 330)
        + line("M86 336V170M314 336V170", by["wood"], 9)
        + shape("M60 226L200 122L340 226L296 246L200 170L104 246Z", tint)
        + shape("M200 122L340 226L296 246L200 170Z", dark(tint, 16))
        + line("M60 226L30 334M340 226L370 334", by["sand"], 4)
    )


def pegs(dice: Dice, words: Words, by: Colours) -> str:
    """Tent pegs."""
    return "".join(
        turned(
            n * 11 - 22,
            line(f"M{132 + 34 * n} 108V310", by["steel"], 12)
            + line(f"M{132 + 34 * n} 122h18", by["steel"], 11)
            + line(f"M{136 + 34 * n} 126q22 22 4 44", by["orange"], 5),
            200,
            300,
        )
        for n in range(5)
    )


def hammock(dice: Dice, words: Words, by: Colours) -> str:
    """A hammock between two trees."""
    trees = (
        rect(52, 70, 32, 274, by["brown"], 8)
        + rect(318, 70, 32, 274, dark(by["brown"], 12), 8)
        + disc(66, 70, 54, by["green"])
        + disc(336, 66, 60, dark(by["green"], 10))
    )
    return (
        trees
        + line("M84 150L128 190M318 150L272 190", by["sand"], 5)
        + shape("M120 184Q200 330 280 184Q200 250 120 184Z", by["orange"])
        + shape("M136 206Q200 292 264 206Q200 320 136 206Z", dark(by["orange"], 16))
    )


def sleeping(dice: Dice, words: Words, by: Colours) -> str:
    """A sleeping bag."""
    tint, inside = colour_of(words, by, "orange"), dice.pick((by["yellow"], by["sand"], by["white"]))
    body = shape("M200 60Q276 62 280 150L258 318Q200 346 142 318L120 150Q124 62 200 60Z", tint) + shape(
        "M246 78Q278 96 280 150L258 318Q240 327 220 331Z", dark(tint, 15)
    )
    seams = "".join(
        line(
            f"M{126 + 3 * n} {176 + 34 * n}Q200 {196 + 34 * n} {274 - 3 * n} {176 + 34 * n}",
            dark(tint, 24),
            4,
        )
        for n in range(4)
    )
    return turned(
        dice.span(-9, 9),
        body
        + seams
        + shape("M200 74Q256 78 250 136Q200 178 150 136Q144 78 200 74Z", inside)
        + oval(200, 122, 36, 22, pale(inside, 45))
        + line("M254 132L236 318", pale(tint, 55), 4),
    )


def mat(dice: Dice, words: Words, by: Colours) -> str:
    """A mat, rolled or flat, a pillow or a seat."""
    tint = colour_of(words, by, dice.pick(("blue", "green", "grey")))
    if {"pillow", "seat"} & set(words):
        return (
            shape("M92 190Q200 160 308 190Q330 260 308 322Q200 344 92 322Q70 260 92 190Z", tint)
            + shape("M270 182L308 190Q330 260 308 322L262 330Q292 256 270 182Z", dark(tint, 14))
            + line("M120 220Q200 204 262 218M118 290Q200 306 258 296", pale(tint, 35), 6)
        )
    roll = (
        rect(84, 210, 216, 116, tint, 20)
        + oval(300, 268, 34, 58, dark(tint, 18))
        + oval(300, 268, 20, 36, pale(tint, 25))
        + oval(300, 268, 8, 15, dark(tint, 35))
    )
    waves = "".join(line(f"M{104 + 32 * n} 214v108", dark(tint, 14), 5) for n in range(5))
    return roll + waves + rect(128, 204, 15, 128, by["black"], 6) + rect(234, 204, 15, 128, by["black"], 6)


def chair(dice: Dice, words: Words, by: Colours) -> str:
    """A folding chair."""
    return (
        line("M120 332L250 220M280 332L150 220", by["steel"], 11)
        + shape("M112 118Q200 96 288 118L276 250Q200 286 124 250Z", by["orange"])
        + shape("M124 214Q200 244 276 214L276 250Q200 286 124 250Z", dark(by["orange"], 22))
    )


def stove(dice: Dice, words: Words, by: Colours) -> str:
    """A stove that burns gas, spirit or wood."""
    flame = shape(
        "M170 152Q150 110 186 84Q182 108 200 72Q222 104 216 112Q234 92 232 132Q236 152 222 160H178Z",
        by["orange"],
    ) + shape("M184 156Q176 128 200 108Q222 130 214 158Z", by["yellow"])
    if "wood" in words:
        holes = "".join(disc(140 + 30 * n, 312, 9, by["orange"]) for n in range(5))
        return (
            flame
            + turned(20, rect(190, 120, 14, 80, by["wood"], 5))
            + shape("M124 166H276L290 338H110Z", by["steel"])
            + shape("M238 166H276L290 338H250Z", dark(by["steel"], 16))
            + holes
            + rect(116, 158, 168, 16, dark(by["steel"], 28), 6)
        )
    can = (
        shape(
            "M122 250Q122 222 160 218H240Q278 222 278 250V318Q200 352 122 318Z",
            by["red"] if "spirit" not in words else by["wood"],
        )
        + rect(122, 264, 156, 34, by["white"])
        + line("M140 281h70", by["blue"], 7)
    )
    arms = line("M142 162H258M166 186L142 162V150M234 186L258 162V150", by["steel"], 9)
    legs = line("M178 200L96 338M222 200L304 338", by["steel"], 9) if "legs" in words else ""
    return flame + legs + can + rect(182, 164, 36, 58, dark(by["steel"], 22), 7) + arms


def pot(dice: Dice, words: Words, by: Colours) -> str:
    """A pot or a pan."""
    metal = by["steel"]
    if "pan" in words:
        return (
            oval(160, 262, 104, 40, dark(metal, 45))
            + oval(160, 254, 104, 38, dark(metal, 28))
            + oval(160, 256, 84, 28, by["black"])
            + turned(-12, rect(256, 238, 110, 20, by["wood"], 9), 256, 250)
            + oval(150, 254, 44, 15, by["yellow"])
        )
    top = 150 if "tall" in words else 206
    out = (
        shape(f"M118 {top}H282L276 322Q200 342 124 322Z", metal)
        + shape(f"M236 {top}H282L276 322Q258 330 240 332Z", dark(metal, 16))
        + oval(200, top, 82, 18, dark(metal, 30))
    )
    return (
        out
        + oval(200, top - 8, 84, 17, pale(metal, 22))
        + rect(190, top - 34, 20, 20, by["black"], 7)
        + line(f"M282 {top + 26}q54 8 40 64t-44 24", by["orange"], 8)
        + line(f"M146 {top + 40}V300", pale(metal, 55), 6)
    )


def spork(dice: Dice, words: Words, by: Colours) -> str:
    """A spoon that is a fork."""
    return turned(
        28,
        rect(188, 170, 24, 176, by["green"], 11)
        + oval(200, 118, 44, 64, by["green"])
        + oval(200, 122, 30, 46, dark(by["green"], 16))
        + line("M186 62v28M214 62v28M200 58v28", by["sand"], 5),
    )


def meal(dice: Dice, words: Words, by: Colours) -> str:
    """A pouch with a dried meal."""
    tint = colour_of(words, by, "orange")
    out = (
        shape("M118 88H282L292 330Q200 346 108 330Z", tint)
        + rect(114, 78, 172, 30, dark(tint, 26), 4)
        + oval(200, 226, 72, 66, by["white"])
        + oval(200, 232, 56, 46, pale(by["yellow"], 20))
    )
    return (
        out
        + "".join(
            disc(
                dice.span(162, 238),
                dice.span(210, 256),
                dice.span(7, 11),
                dice.pick((by["red"], by["green"], by["brown"])),
            )
            for _ in range(8)
        )
        + line("M140 128H240", pale(tint, 70), 8)
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "tent": tent,
    "tarp": tarp,
    "pegs": pegs,
    "hammock": hammock,
    "sleeping": sleeping,
    "mat": mat,
    "chair": chair,
    "stove": stove,
    "pot": pot,
    "spork": spork,
    "meal": meal,
}
