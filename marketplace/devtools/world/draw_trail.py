"""Drawings of the hiking shop, third part: bottles, light, maps and guide books."""

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
    ridges,
    shape,
    turned,
)


def bottle(dice: Dice, words: Words, by: Colours) -> str:
    """A bottle or a flask."""
    tint = colour_of(words, by, dice.pick(("steel", "green", "blue")))
    out = shape("M152 160Q152 138 172 126V106H228V126Q248 138 248 160V326Q200 344 152 326Z", tint) + shape(
        "M222 122Q248 138 248 160V326Q236 332 218 334Z", dark(tint, 15)
    )
    out += rect(166, 74, 68, 38, by["black"], 10) + (
        rect(164, 62, 72, 56, dark(tint, 32), 12)
        if "thermos" in words
        else line("M180 74q20 -34 40 0", by["black"], 9)
    )
    return (
        out
        + clipped(
            "b",
            rect(152, 214, 96, 76, "#000"),
            rect(150, 214, 100, 76, pale(tint, 55))
            + ridges(dice, [pale(tint, 20), dark(tint, 20)], 256, 294, 300),
        )
        + line("M166 172V310", pale(tint, 60), 5)
    )


def bladder(dice: Dice, words: Words, by: Colours) -> str:
    """A soft bag for water."""
    tint = pale(by["blue"], 40)
    hose = (
        ""
        if "bottle" in words
        else line("M200 318Q206 366 270 336T330 190", by["blue"], 9) + rect(318, 164, 24, 34, by["orange"], 8)
    )
    return (
        shape("M132 104H268Q288 220 268 310Q200 336 132 310Q112 220 132 104Z", tint)
        + shape(
            "M122 196Q200 214 278 196Q286 260 268 310Q200 336 132 310Q116 260 122 196Z",
            by["blue"],
            'opacity=".55"',
        )
        + rect(124, 86, 152, 26, dark(by["blue"], 20), 9)
        + disc(200, 152, 24, by["white"])
        + hose
    )


def poles(dice: Dice, words: Words, by: Colours) -> str:
    """Two poles that cross, or one stick of hazel."""
    tint = colour_of(words, by, dice.pick(("orange", "blue", "red")))

    def one(x: int) -> str:
        return (
            line(f"M{x} 90V300", tint, 9)
            + line(f"M{x} 300V338", by["steel"], 5)
            + rect(x - 11, 58, 22, 70, by["black"], 10)
            + line(f"M{x} 68q34 10 6 56", by["sand"], 5)
            + oval(x, 306, 20, 6, by["black"])
            + rect(x - 7, 196, 14, 18, by["steel"], 4)
        )

    if "wood" in words:
        return turned(
            12,
            line("M200 66Q212 200 200 330", by["wood"], 15)
            + line("M198 74q46 30 4 70", by["brown"], 6)
            + rect(194, 322, 12, 24, by["steel"], 4),
        )
    return turned(17, one(186)) + turned(-17, one(214))


def lamp(dice: Dice, words: Words, by: Colours) -> str:
    """A lamp for the head, or a lantern."""
    if "lantern" in words:
        return (
            disc(200, 230, 130, by["yellow"], 'opacity=".25"')
            + line("M170 170q30 -70 60 0", by["black"], 8)
            + rect(160, 164, 80, 22, by["green"], 9)
            + rect(154, 184, 92, 116, "#fff3cf", 40)
            + rect(164, 296, 72, 28, by["green"], 9)
        )
    tint = colour_of(words, by, "orange")
    return (
        shape("M232 190L392 110V300L232 224Z", by["yellow"], 'opacity=".4"')
        + line("M196 206C60 150 50 300 190 300", tint, 25)
        + line("M196 206C78 164 70 284 190 292", pale(tint, 35), 5)
        + rect(160, 166, 84, 78, by["black"], 18)
        + disc(216, 205, 28, by["white"])
        + disc(216, 205, 17, by["yellow"])
    )


def compass(dice: Dice, words: Words, by: Colours) -> str:
    """A compass on its plate."""
    needle = turned(
        dice.span(12, 70),
        shape("M200 152L214 214H186Z", by["red"]) + shape("M200 276L214 214H186Z", by["white"]),
        200,
        214,
    )
    lid = (
        shape("M112 96H288V142H112Z", by["black"]) + rect(136, 76, 128, 62, "#c9dde2", 8)
        if "mirror" in words
        else ""
    )
    return (
        lid
        + rect(106, 122, 188, 216, pale(by["yellow"], 45), 18)
        + line("M122 306h8M122 286h14M122 266h8M122 246h14", by["brown"], 4)
        + disc(200, 214, 82, by["black"])
        + disc(200, 214, 68, "#e9e4d2")
        + needle
        + disc(200, 214, 9, by["black"])
        + line("M200 148v8M200 272v8M134 214h8M258 214h8", by["brown"], 5)
    )


def binoculars(dice: Dice, words: Words, by: Colours) -> str:
    """Binoculars."""
    return (
        "".join(
            shape(f"M{x - 26} 96H{x + 26}L{x + 50} 300Q{x} 326 {x - 50} 300Z", tint)
            + oval(x, 302, 50, 20, by["black"])
            + oval(x, 302, 37, 14, "#7d9fb4")
            + rect(x - 30, 82, 60, 26, by["black"], 9)
            for x, tint in ((138, by["green"]), (262, dark(by["green"], 10)))
        )
        + rect(168, 150, 64, 40, by["black"], 9)
        + disc(200, 140, 18, by["steel"])
    )


def knife(dice: Dice, words: Words, by: Colours) -> str:
    """A folding knife."""
    return turned(
        -24,
        shape("M194 212L340 190Q352 206 330 224L194 236Z", by["steel"])
        + rect(70, 196, 150, 54, by["wood"], 26)
        + rect(70, 226, 150, 24, dark(by["wood"], 18), 12)
        + disc(204, 222, 8, by["steel"])
        + turned(
            -70, shape("M160 200h70v12l-6 6l-6 -6l-6 6l-6 -6l-6 6h-40Z", dark(by["steel"], 14)), 160, 206
        ),
    )


def firstaid(dice: Dice, words: Words, by: Colours) -> str:
    """A first aid kit."""
    return (
        rect(88, 156, 224, 178, by["red"], 26)
        + rect(88, 238, 224, 96, dark(by["red"], 12), 26)
        + line("M88 236H312", pale(by["red"], 40), 6)
        + rect(176, 186, 48, 118, by["white"], 8)
        + rect(141, 221, 118, 48, by["white"], 8)
        + line("M170 156q30 -44 60 0", dark(by["red"], 35), 11)
    )


def towel(dice: Dice, words: Words, by: Colours) -> str:
    """A folded towel."""
    return "".join(
        rect(98, 186 + 38 * n, 204, 44, tint, 18) + line(f"M118 {222 + 38 * n}H282", dark(tint, 14), 3)
        for n, tint in enumerate((by["blue"], pale(by["blue"], 25), by["sand"], pale(by["orange"], 20)))
    )


def cart(dice: Dice, words: Words, by: Colours) -> str:
    """A cart on one wheel that follows its walker."""
    return (
        line("M62 132L170 226L300 256", by["steel"], 11)
        + turned(
            12,
            rect(150, 132, 150, 108, by["orange"], 18) + rect(150, 186, 150, 54, dark(by["orange"], 14), 18),
        )
        + disc(236, 292, 54, by["black"])
        + disc(236, 292, 34, by["steel"])
        + disc(236, 292, 8, by["black"])
    )


def sheet(dice: Dice, words: Words, by: Colours) -> str:
    """A folded map with heights, water and a path."""
    tint = colour_of(words, by, "green")
    land = rect(80, 110, 240, 210, pale(tint, 58))
    land += "".join(
        oval(dice.span(130, 180), dice.span(170, 210), 84 - 22 * n, 58 - 16 * n, pale(tint, 44 - 13 * n))
        for n in range(3)
    )
    land += line(
        f"M80 {dice.span(240, 280)}Q160 {dice.span(210, 300)} 220 262T330 {dice.span(200, 290)}",
        "#8bb6c9",
        11,
    )
    land += line(
        f"M110 310Q140 {dice.span(220, 250)} 200 {dice.span(190, 230)}T296 130",
        by["red"],
        5,
        'stroke-dasharray="3 11"',
    ) + disc(292, 134, 9, by["red"])
    folds = "".join(rect(140 + 60 * n, 110, 30, 210, "#2b2a26", more='opacity=".08"') for n in range(3))
    cover = (
        rect(80, 110, 60, 210, tint)
        + rect(90, 126, 40, 9, by["white"], 4)
        + rect(90, 142, 26, 7, by["white"], 3)
        + shape("M84 320L104 268L118 292L128 276L138 320Z", dark(tint, 28))
    )
    return turned(
        dice.span(-6, 6),
        land
        + folds
        + cover
        + rect(80, 110, 240, 210, "none", more=f'stroke="{dark(tint, 30)}" stroke-width="3"'),
    )


def guide(dice: Dice, words: Words, by: Colours) -> str:
    """A guide book with a landscape on its cover."""
    tint = colour_of(words, by, dice.pick(("blue", "green", "orange")))
    view = (
        rect(112, 84, 184, 252, pale(tint, 55))
        + disc(dice.span(160, 250), dice.span(180, 200), 22, by["yellow"])
        + ridges(dice, [pale(tint, 30), tint, dark(tint, 25)], 230, 340, 300, 30)
    )
    view += line("M196 340Q170 312 214 292T200 256", pale(by["sand"], 45), 9)
    cover = rect(104, 82, 200, 258, by["white"], 5) + clipped(
        "g",
        rect(108, 78, 188, 258, "#000", 5),
        view
        + rect(108, 78, 188, 62, dark(tint, 12))
        + rect(124, 94, 120, 11, by["white"], 5)
        + rect(124, 114, 76, 9, pale(tint, 55), 4),
    )
    return turned(
        dice.span(-5, 5), cover + rect(108, 78, 14, 258, dark(tint, 34)) + rect(276, 300, 12, 60, by["red"])
    )


def brolly(dice: Dice, words: Words, by: Colours) -> str:
    """An umbrella."""
    return (
        line("M200 100V318q0 24 24 20", by["wood"], 9)
        + shape(
            "M60 220Q76 92 200 88Q324 92 340 220Q316 196 292 220Q270 196 246"
            " 220Q222 196 200 220Q178 196 154 220Q130 196 108 220Q84 196 60 220Z",
            by["steel"],
        )
        + shape("M200 88Q324 92 340 220Q316 196 292 220Q280 140 200 88Z", dark(by["steel"], 14))
        + line("M200 88Q150 130 154 216M200 88Q252 130 246 216", dark(by["steel"], 24), 3)
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "bottle": bottle,
    "bladder": bladder,
    "poles": poles,
    "lamp": lamp,
    "compass": compass,
    "binoculars": binoculars,
    "knife": knife,
    "firstaid": firstaid,
    "towel": towel,
    "cart": cart,
    "map": sheet,
    "guide": guide,
    "brolly": brolly,
}
