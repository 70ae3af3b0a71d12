"""Buildings and vehicles for the covers of children's books, each in a square of 200 by 200."""

from __future__ import annotations

from marketplace.devtools.world.motifs_animals import EYE, Motif
from marketplace.devtools.world.motifs_outside import BLUE, CREAM, GREEN, PLUM, RED, TEAL, WOOD, YELLOW, waves
from marketplace.devtools.world.shapes import (
    Dice,
    dark,
    disc,
    line,
    oval,
    rect,
    shape,
    turned,
)


def train(dice: Dice, tint: str) -> str:
    """A train with smoke."""
    smoke = "".join(disc(46 - 17 * n, 40 - 9 * n, 13 + 4 * n, CREAM) for n in range(3))
    return (
        smoke
        + rect(36, 60, 20, 44, EYE)
        + rect(28, 54, 36, 12, RED, 4)
        + rect(20, 96, 100, 58, TEAL, 12)
        + rect(108, 52, 74, 102, RED, 8)
        + rect(122, 70, 46, 36, CREAM, 5)
        + rect(100, 42, 90, 15, EYE, 5)
        + "".join(
            disc(x, 162, r, EYE) + disc(x, 162, r - 10, YELLOW) for x, r in ((44, 19), (90, 19), (150, 25))
        )
        + shape("M20 154L0 178H28Z", EYE)
        + line("M-20 188H220", WOOD, 7)
    )


def bus(dice: Dice, tint: str) -> str:
    """A bus full of animals."""
    heads = (
        disc(52, 84, 15, "#d4662f")
        + disc(100, 82, 16, "#fff3df")
        + disc(148, 84, 15, "#9a93a0")
        + "".join(disc(x, 82, 3, EYE) for x in (47, 57, 95, 105, 143, 153))
    )
    return (
        rect(8, 44, 184, 122, YELLOW, 24)
        + "".join(rect(30 + 48 * n, 62, 42, 42, "#cfe6ea", 8) for n in range(3))
        + heads
        + rect(8, 122, 184, 13, RED)
        + disc(56, 168, 23, EYE)
        + disc(144, 168, 23, EYE)
        + disc(56, 168, 10, CREAM)
        + disc(144, 168, 10, CREAM)
        + disc(182, 148, 8, CREAM)
    )


def castle(dice: Dice, tint: str) -> str:
    """A castle with flags."""
    stone = dice.pick(("#c9b7a6", "#d9a7a0", "#9aa3b8"))
    towers = "".join(
        rect(x, y, 40, 200 - y, dark(stone, 6 * n))
        + shape(f"M{x - 8} {y}L{x + 20} {y - 46}L{x + 48} {y}Z", dice.pick((RED, BLUE, PLUM)))
        + rect(x + 14, y + 24, 12, 24, EYE, 6)
        for n, (x, y) in enumerate(((12, 92), (148, 92), (80, 62)))
    )
    wall = (
        rect(30, 132, 140, 68, stone)
        + "".join(rect(34 + 28 * n, 120, 17, 16, stone) for n in range(5))
        + shape("M80 200V166Q100 138 120 166V200Z", WOOD)
    )
    return towers + wall + line("M100 16V-6", EYE, 3) + shape("M100 -8l22 7l-22 7Z", YELLOW)


def house(dice: Dice, tint: str) -> str:
    """A house whose windows are lit."""
    wall = dice.pick((RED, TEAL, "#d9a7a0"))
    lit = "".join(
        rect(x, y, 28, 32, YELLOW if dice.below(3) else EYE, 3)
        + line(f"M{x + 14} {y}v32M{x} {y + 16}h28", CREAM, 3)
        for x, y in ((54, 104), (118, 104), (118, 152))
    )
    return (
        rect(126, 22, 22, 54, dark(wall, 30))
        + disc(142, 8, 10, CREAM)
        + disc(156, -8, 13, CREAM)
        + rect(38, 86, 124, 114, wall)
        + shape("M18 94L100 18L182 94Z", dark(wall, 40))
        + lit
        + rect(54, 150, 32, 50, WOOD, 4)
        + disc(79, 178, 3, YELLOW)
    )


def school(dice: Dice, tint: str) -> str:
    """A school with a clock and a queue."""
    return (
        house(dice, tint)
        + disc(100, 64, 15, CREAM)
        + line("M100 64v-9M100 64l7 4", EYE, 3)
        + "".join(
            disc(8 + 20 * n, 180, 8, (YELLOW, RED, BLUE)[n % 3]) + rect(1 + 20 * n, 187, 14, 14, EYE, 5)
            for n in range(2)
        )
    )


def lighthouse(dice: Dice, tint: str) -> str:
    """A lighthouse with its beams."""
    beams = shape("M100 46L240 10V80Z", YELLOW, 'opacity=".5"') + shape(
        "M100 46L-40 14V78Z", YELLOW, 'opacity=".5"'
    )
    tower = (
        shape("M76 66H124L136 178H64Z", CREAM)
        + shape("M73 92H127L130 116H70Z", RED)
        + shape("M67 142H133L136 166H65Z", RED)
    )
    return (
        beams
        + tower
        + rect(80, 30, 40, 36, YELLOW)
        + shape("M72 32Q100 -4 128 32Z", RED)
        + rect(66, 62, 68, 9, EYE, 4)
        + rect(92, 120, 16, 20, EYE, 8)
        + shape("M30 182Q60 156 100 172T178 182V200H30Z", "#6f6a72")
        + waves(188, BLUE)
    )


def bridge(dice: Dice, tint: str) -> str:
    """A bridge that hangs."""
    cables = "".join(line(f"M{56 + 12 * n} 134V{60 + (n - 4) * (n - 4) * 4}", EYE, 2) for n in range(9))
    return (
        line("M52 20Q104 120 152 20M52 20L-30 120M152 20L230 120", RED, 7)
        + cables
        + rect(43, 14, 18, 176, RED, 4)
        + rect(143, 14, 18, 176, RED, 4)
        + rect(-30, 130, 260, 15, EYE)
        + rect(82, 108, 42, 22, YELLOW, 6)
        + disc(92, 130, 7, EYE)
        + disc(114, 130, 7, EYE)
        + waves(178, BLUE)
    )


def tent(dice: Dice, tint: str) -> str:
    """A tent that glows."""
    one = dice.pick((RED, GREEN, "#e07f3a"))
    return (
        oval(100, 184, 116, 16, dark(GREEN, 20))
        + shape("M100 40L192 184H8Z", one)
        + shape("M100 40L192 184H132Z", dark(one, 16))
        + shape("M100 66L132 184H68Z", YELLOW)
        + shape("M100 66L112 184H88Z", "#fff3c8")
        + line("M100 40V24", WOOD, 6)
    )


def balloon(dice: Dice, tint: str) -> str:
    """A hot air balloon."""
    one = dice.pick((RED, TEAL, PLUM))
    return (
        shape("M100 4Q176 8 174 80Q166 118 122 150H78Q34 118 26 80Q24 8 100 4Z", one)
        + shape("M100 4Q132 30 130 84Q126 120 108 150H92Q74 120 70 84Q68 30 100 4Z", YELLOW)
        + shape("M100 4Q112 40 110 84Q108 124 104 150H96Q92 124 90 84Q88 40 100 4Z", CREAM)
        + line("M80 150l6 22M120 150l-6 22", EYE, 3)
        + rect(80, 170, 40, 28, WOOD, 6)
    )


def rocket(dice: Dice, tint: str) -> str:
    """A rocket that goes up."""
    one = dice.pick((RED, TEAL))
    return turned(
        24,
        shape("M82 150Q70 186 100 210Q130 186 118 150Z", YELLOW)
        + shape("M90 150Q86 176 100 190Q114 176 110 150Z", "#e07f3a")
        + shape("M66 108L36 156L70 146ZM134 108L164 156L130 146Z", dark(one, 20))
        + shape("M100 -8Q146 40 134 150H66Q54 40 100 -8Z", CREAM)
        + shape("M100 -8Q124 16 131 50H69Q76 16 100 -8Z", one)
        + disc(100, 82, 20, BLUE)
        + disc(100, 82, 13, "#bfe0e6"),
        100,
        100,
    )


def bike(dice: Dice, tint: str) -> str:
    """A bicycle with a basket."""
    wheels = "".join(
        disc(x, 144, 42, "none", f'stroke="{EYE}" stroke-width="8"')
        + line(f"M{x - 36} 144h72M{x} 108v72", "#b9aeb4", 2)
        for x in (44, 156)
    )
    return (
        wheels
        + line("M44 144L76 84H132L98 144ZM76 84L98 144M132 84L156 144M132 84L126 58H148", RED, 8)
        + line("M64 76H92", EYE, 10)
        + rect(136, 62, 46, 32, WOOD, 6)
        + disc(150, 56, 10, YELLOW)
        + disc(168, 56, 10, PLUM)
        + disc(98, 144, 10, EYE)
    )


MOTIFS: dict[str, Motif] = {
    "train": train,
    "bus": bus,
    "castle": castle,
    "house": house,
    "school": school,
    "lighthouse": lighthouse,
    "bridge": bridge,
    "tent": tent,
    "balloon": balloon,
    "rocket": rocket,
    "bike": bike,
}
