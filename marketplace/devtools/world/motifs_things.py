"""Things for the covers of children's books, each in a square of 200 by 200."""

from __future__ import annotations

from marketplace.devtools.world.motifs_animals import EYE, Motif
from marketplace.devtools.world.motifs_outside import BLUE, CREAM, GREEN, PLUM, RED, TEAL, WOOD, YELLOW
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


def robot(dice: Dice, tint: str) -> str:
    """A robot with a heart."""
    tint = dice.pick((TEAL, "#8796a5", RED))
    return (
        line("M100 34V14", EYE, 5)
        + disc(100, 10, 9, YELLOW)
        + line("M46 126q-34 10 -30 44M154 126q34 -8 28 -44", EYE, 9)
        + disc(16, 174, 12, tint)
        + disc(182, 80, 12, tint)
        + rect(52, 32, 96, 68, tint, 18)
        + rect(62, 46, 76, 36, EYE, 14)
        + disc(82, 64, 9, YELLOW)
        + disc(118, 64, 9, YELLOW)
        + rect(88, 98, 24, 14, EYE)
        + rect(44, 108, 112, 78, dark(tint, 12), 16)
        + shape(
            "M100 170q-26 -18 -18 -32q10 -10 18 4q8 -14 18 -4q8 14 -18 32Z", RED if tint != RED else CREAM
        )
        + rect(62, 184, 24, 16, EYE, 5)
        + rect(114, 184, 24, 16, EYE, 5)
    )


def umbrella(dice: Dice, tint: str) -> str:
    """An umbrella in the rain."""
    one = dice.pick((RED, YELLOW, TEAL))
    rain = line(
        "".join(f"M{dice.span(-20, 220)} {dice.span(-40, 190)}l-5 17" for _ in range(15)), "#a9c8d8", 4
    )
    return (
        rain
        + line("M100 20V160q0 22 22 20", WOOD, 8)
        + shape("M6 106Q14 16 100 12T194 106Q174 84 147 106Q124 84 100 106Q76 84 53 106Q26 84 6 106Z", one)
        + shape("M100 12Q62 40 53 106Q76 84 100 106Q124 84 147 106Q138 40 100 12Z", pale(one, 32))
        + line("M100 12V2", EYE, 6)
    )


def kite(dice: Dice, tint: str) -> str:
    """A kite on its string."""
    return (
        line("M108 116Q70 150 96 170T60 210", EYE, 3)
        + shape("M118 -2L178 52L108 122L62 46Z", RED)
        + shape("M118 -2L178 52L62 46Z", YELLOW)
        + shape("M118 -2L114 49L62 46Z", TEAL)
        + "".join(
            turned(
                24 * n,
                shape(
                    f"M{90 - 5 * n} {142 + 22 * n}l-15 -8v16ZM{90 - 5 * n} {142 + 22 * n}l15 -8v16Z",
                    (RED, YELLOW, TEAL)[n],
                ),
            )
            for n in range(1)
        )
        + oval(20, 60, 34, 13, CREAM)
        + oval(170, 150, 38, 14, CREAM)
    )


def key(dice: Dice, tint: str) -> str:
    """A key with a bow like a clover."""
    return turned(
        -28,
        "".join(
            disc(x, y, 27, YELLOW) + disc(x, y, 12, dark(YELLOW, 45))
            for x, y in ((100, 14), (74, 50), (126, 50))
        )
        + rect(90, 60, 20, 130, YELLOW, 8)
        + rect(106, 140, 34, 16, YELLOW, 4)
        + rect(106, 168, 26, 16, YELLOW, 4)
        + rect(90, 60, 7, 130, dark(YELLOW, 22), 3),
        100,
        100,
    )


def clock(dice: Dice, tint: str) -> str:
    """A clock with two bells."""
    marks = "".join(turned(30 * n, rect(97, 44, 6, 14, EYE, 2), 100, 106) for n in range(12))
    return (
        disc(52, 38, 26, YELLOW)
        + disc(148, 38, 26, YELLOW)
        + line("M58 174L40 196M142 174L160 196", EYE, 10)
        + disc(100, 106, 80, RED)
        + disc(100, 106, 66, CREAM)
        + marks
        + turned(dice.span(0, 11) * 30, line("M100 106V70", EYE, 8), 100, 106)
        + turned(dice.span(0, 11) * 30, line("M100 106V56", EYE, 5), 100, 106)
        + disc(100, 106, 8, EYE)
    )


def gear(dice: Dice, tint: str) -> str:
    """Gears that fit."""

    def one(x: int, y: int, radius: int, colour: str) -> str:
        teeth = "".join(
            turned(36 * n, rect(x - 9, y - radius - 13, 18, 22, colour, 4), x, y) for n in range(10)
        )
        return (
            teeth
            + disc(x, y, radius, colour)
            + disc(x, y, radius - 15, pale(colour, 35))
            + disc(x, y, 9, EYE)
        )

    return one(74, 74, 52, RED) + one(152, 140, 36, TEAL) + one(58, 168, 25, YELLOW)


def crown(dice: Dice, tint: str) -> str:
    """A crown on a cushion."""
    return (
        shape("M14 150Q100 122 186 150L178 198Q100 214 22 198Z", PLUM)
        + shape("M30 56L66 96L100 30L134 96L170 56L158 150H42Z", YELLOW)
        + rect(40, 138, 120, 20, "#d99a35", 5)
        + "".join(disc(x, y, 10, c) for x, y, c in ((30, 52, RED), (100, 24, TEAL), (170, 52, RED)))
        + "".join(disc(66 + 34 * n, 148, 6, CREAM) for n in range(3))
    )


def cake(dice: Dice, tint: str) -> str:
    """A cake with candles."""
    candles = "".join(
        rect(64 + 30 * n, 34, 10, 40, (TEAL, RED, PLUM)[n])
        + shape(f"M{69 + 30 * n} 10q12 16 0 24q-12 -8 0 -24Z", YELLOW)
        for n in range(3)
    )
    return (
        oval(100, 184, 104, 18, CREAM)
        + rect(24, 120, 152, 60, "#e7b27c", 10)
        + shape(
            "M24 128Q24 112 40 112H160Q176 112 176 128Q166 154 150 134"
            "Q136 160 120 136Q106 160 90 136Q74 158 58 134Q40 152 24 128Z",
            "#e79a8b",
        )
        + rect(48, 72, 104, 44, "#d99a6a", 8)
        + shape(
            "M48 80Q48 68 60 68H140Q152 68 152 80Q140 100 126 84Q112 102 98 84Q84 102 70 84Q58 98 48 80Z",
            CREAM,
        )
        + candles
    )


def pot(dice: Dice, tint: str) -> str:
    """A pot of soup with what goes in."""
    return (
        shape("M54 20L82 56L66 66Z", "#e07f3a")
        + line("M52 18l-6 -14M54 18l4 -16", GREEN, 5)
        + disc(116, 40, 19, RED)
        + line("M116 22v-10", GREEN, 5)
        + oval(156, 54, 13, 22, PLUM)
        + shape("M22 96H178L168 182Q100 200 32 182Z", TEAL)
        + shape("M140 96H178L168 182Q154 187 138 190Z", dark(TEAL, 16))
        + oval(100, 96, 80, 17, "#e3a237")
        + line("M22 114q-24 8 -6 26M178 114q24 8 6 26", EYE, 9)
    )


def ball(dice: Dice, tint: str) -> str:
    """A ball of glass."""
    return (
        oval(100, 188, 70, 12, EYE, 'opacity=".25"')
        + disc(100, 104, 78, "#cfe6ea")
        + shape("M100 66L134 91L121 131H79L66 91Z", BLUE)
        + line("M100 66V28M134 91L170 78M121 131L144 162M79 131L56 162M66 91L30 78", BLUE, 6)
        + line("M50 70q16 -28 44 -34", "#ffffff", 9)
    )


def letters(dice: Dice, tint: str) -> str:
    """Blocks with shapes of letters."""
    a = line("M0 44L20 0L40 44M9 28H31", CREAM, 8)
    b = line("M6 0V44H22q14 -2 12 -13t-14 -10H6M6 0H20q12 2 10 11t-12 10", CREAM, 8)
    c = line("M36 8q-16 -16 -30 2t0 28t30 -2", CREAM, 8)
    blocks = ((10, 112, -6, RED, a), (106, 112, 7, TEAL, b), (58, 22, 3, PLUM, c))
    return "".join(
        turned(
            angle,
            rect(x, y, 86, 86, colour, 12) + f'<g transform="translate({x + 23} {y + 21})">{sign}</g>',
            x + 43,
            y + 43,
        )
        for x, y, angle, colour, sign in blocks
    )


def chart(dice: Dice, tint: str) -> str:
    """A map with a cross on it."""
    return (
        shape("M8 40L68 22L132 44L192 24V164L132 184L68 162L8 180Z", "#f0dcae")
        + shape("M68 22L132 44V184L68 162Z", "#e2c88f")
        + line("M30 140Q60 90 96 118T160 70", RED, 6, 'stroke-dasharray="3 14"')
        + line("M152 56l20 22M172 56l-20 22", RED, 8)
        + shape("M84 84l16 -26l16 26Z", GREEN)
        + shape("M36 84l14 -22l14 22Z", GREEN)
        + line("M130 140q10 -8 20 0t20 0", BLUE, 6)
    )


def pencil(dice: Dice, tint: str) -> str:
    """A pencil that draws its own line."""
    return line("M4 180Q50 130 84 172T150 176T196 150", RED, 7) + turned(
        40,
        rect(82, -10, 36, 120, YELLOW)
        + rect(106, -10, 12, 120, "#d99a35")
        + rect(82, -30, 36, 24, "#e79a8b", 8)
        + rect(82, -10, 36, 12, "#9aa3b0")
        + shape("M82 110H118L100 152Z", "#f0d3a5")
        + shape("M93 136H107L100 152Z", EYE),
        100,
        90,
    )


MOTIFS: dict[str, Motif] = {
    "robot": robot,
    "umbrella": umbrella,
    "kite": kite,
    "key": key,
    "clock": clock,
    "gear": gear,
    "crown": crown,
    "cake": cake,
    "pot": pot,
    "ball": ball,
    "letters": letters,
    "map": chart,
    "pencil": pencil,
}
