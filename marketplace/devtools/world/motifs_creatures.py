"""Other creatures for the covers of children's books, each in a square of 200 by 200."""

from __future__ import annotations

from marketplace.devtools.world.motifs_animals import EYE, Motif, body, eyes
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


def whale(dice: Dice, tint: str) -> str:
    """A whale that blows."""
    tint = dice.pick(("#3f668f", "#2f7d82", "#5a6a9a"))
    hull = shape(
        "M14 116Q16 66 88 66Q140 68 160 104Q172 112 176 92Q160 82 164 58Q182 60"
        " 186 76Q192 58 200 62Q200 88 190 96Q192 146 140 158H72Q16 156 14 116Z",
        tint,
    )
    belly = shape("M16 124Q70 132 150 128Q140 158 110 158H72Q24 156 16 124Z", "#eef0ea") + line(
        "M46 132q4 12 14 20M74 134q4 12 12 22M102 134q2 12 8 20", "#b9c4cc", 3
    )
    return (
        hull
        + belly
        + disc(48, 104, 6, EYE)
        + disc(50, 102, 2, "#ffffff")
        + line("M88 62q0 -26 -24 -30M88 62q0 -30 24 -34M88 60V24", "#a9d2dc", 7)
        + shape("M100 136Q112 176 136 168Q124 150 128 134Z", dark(tint, 18))
    )


def fish(dice: Dice, tint: str) -> str:
    """Fish that swim along."""
    drawn = []
    for number, colour in enumerate(("#e07f3a", "#efb944", "#b9384a")):
        x, y, wide = 84 + 28 * (number % 2), 44 + 56 * number, dice.span(40, 52)
        drawn.append(
            shape(f"M{x + wide - 8} {y}L{x + wide + 30} {y - 22}V{y + 22}Z", dark(colour, 14))
            + oval(x, y, wide, 25, colour)
            + line(f"M{x + 4} {y - 18}q10 18 0 36M{x + 20} {y - 14}q8 14 0 28", pale(colour, 45), 5)
            + disc(x - wide + 20, y - 5, 6, "#ffffff")
            + disc(x - wide + 19, y - 5, 3, EYE)
        )
    return "".join(drawn) + "".join(disc(24, 110 - 28 * n, 5, "#dff0f0") for n in range(3))


def octopus(dice: Dice, tint: str) -> str:
    """An octopus with its arms out."""
    tint = dice.pick(("#c9543f", "#70436c", "#d57a8c"))
    arms = "".join(
        line(
            f"M{64 + 24 * n} 112q{-44 + 29 * n} 30 {-34 + 22 * n} 62t{-14 + 9 * n} 18",
            dark(tint, 8 * (n % 2)),
            17,
        )
        for n in range(4)
    )
    return (
        arms
        + shape("M42 92Q40 20 100 18T158 92Q158 130 100 132T42 92Z", tint)
        + "".join(disc(62 + dice.below(70), 38 + dice.below(20), 5, pale(tint, 40)) for _ in range(4))
        + eyes(dice, 82, 24, size=7, white=True)
        + line("M88 108q12 10 24 0", EYE, 4)
    )


def giraffe(dice: Dice, tint: str) -> str:
    """A giraffe with a long neck."""
    tint, spot = "#efc169", "#b5713a"
    neck = shape("M84 200L92 84H130L142 200Z", tint) + "".join(
        oval(104 + 14 * (n % 2), 104 + 24 * n, 10, 9, spot) for n in range(4)
    )
    head = (
        shape("M84 44Q106 28 138 42L140 86Q128 100 104 94L62 88Q48 74 60 62Z", tint)
        + oval(64, 76, 17, 14, pale(tint, 40))
        + disc(58, 72, 3, EYE)
        + disc(98, 58, 6, EYE)
        + oval(152, 48, 20, 9, tint)
    )
    return (
        line("M108 40V14M126 40V16", spot, 6)
        + disc(108, 12, 7, spot)
        + disc(126, 14, 7, spot)
        + neck
        + head
        + line("M60 84q10 6 22 2", EYE, 3)
    )


def dragon(dice: Dice, tint: str) -> str:
    """A dragon that is rather kind."""
    tint = dice.pick(("#4c7a5a", "#2f7d82", "#70436c"))
    wings = shape("M60 128L4 76L30 128L8 150L54 158Z", dark(tint, 24)) + shape(
        "M140 128L196 76L170 128L192 150L146 158Z", dark(tint, 24)
    )
    spikes = shape("M76 36L84 8L96 32L104 4L112 32L122 10L126 38Z", "#efb944")
    head = shape(
        "M52 72Q52 30 100 30T148 72Q150 96 134 104Q132 128 100 128T66 104Q50 96 52 72Z", tint
    ) + oval(100, 108, 36, 21, pale(tint, 30))
    flame = (
        shape("M100 120Q84 142 98 168Q100 150 108 166Q120 142 100 120Z", "#e07f3a") if dice.below(2) else ""
    )
    return (
        wings
        + body(tint, "#f2dca0")
        + line("M78 168h44M74 184h52", "#d9b970", 4)
        + spikes
        + head
        + eyes(dice, 68, 24, size=7, white=True)
        + disc(88, 104, 4, EYE)
        + disc(112, 104, 4, EYE)
        + flame
    )


def bird(dice: Dice, tint: str) -> str:
    """A bird that flies, with a letter."""
    tint = dice.pick(("#c9543f", "#33527f", "#4c7a5a"))
    hull = (
        shape("M20 96Q54 60 108 78Q150 74 160 100Q140 142 84 138Q44 136 20 96Z", tint)
        + shape("M20 96L-4 78L2 112Z", dark(tint, 22))
        + shape("M70 96Q96 24 150 10Q144 70 116 108Z", dark(tint, 16))
        + shape("M82 92Q104 46 142 24Q132 68 108 100Z", pale(tint, 22))
    )
    return (
        hull
        + disc(146, 94, 19, tint)
        + disc(150, 90, 5, "#ffffff")
        + disc(151, 90, 3, EYE)
        + shape("M162 92L190 100L162 106Z", "#efb944")
        + rect(126, 140, 54, 36, "#fff6e6", 3)
        + line("M128 142l25 18l25 -18", "#c9543f", 3)
        + line("M170 104L156 140", EYE, 2)
    )


def snail(dice: Dice, tint: str) -> str:
    """A snail on its way."""
    shell = dice.pick(("#c9543f", "#2f7d82", "#e3a237"))
    return (
        shape("M8 172Q40 150 110 152Q150 150 158 96L176 94Q186 172 140 174Z", "#d9b48a")
        + disc(88, 110, 56, shell)
        + line("M88 110m-38 4a38 38 0 1 1 40 34a26 26 0 1 1 22 -32a14 14 0 1 1 -26 -6", pale(shell, 45), 8)
        + line("M160 98L152 66M172 96L182 66", "#d9b48a", 6)
        + disc(152, 64, 6, EYE)
        + disc(182, 64, 6, EYE)
        + line("M160 122q8 6 14 0", EYE, 3)
    )


def sheep(dice: Dice, tint: str) -> str:
    """A sheep."""
    wool = "".join(
        disc(x, y, 31, "#fbf4e6")
        for x, y in (
            (60, 126),
            (100, 112),
            (140, 126),
            (52, 156),
            (148, 156),
            (100, 160),
            (76, 148),
            (126, 148),
        )
    )
    return (
        rect(70, 174, 15, 26, EYE, 5)
        + rect(116, 174, 15, 26, EYE, 5)
        + wool
        + oval(60, 82, 19, 9, "#4d4450")
        + oval(140, 82, 19, 9, "#4d4450")
        + oval(100, 94, 36, 42, "#4d4450")
        + disc(82, 58, 17, "#fbf4e6")
        + disc(102, 52, 20, "#fbf4e6")
        + disc(120, 58, 17, "#fbf4e6")
        + disc(86, 90, 7, "#ffffff")
        + disc(114, 90, 7, "#ffffff")
        + disc(87, 91, 4, EYE)
        + disc(113, 91, 4, EYE)
    )


def turtle(dice: Dice, tint: str) -> str:
    """A turtle that does nothing."""
    return (
        oval(168, 132, 27, 21, "#9ab573")
        + disc(176, 126, 4, EYE)
        + rect(44, 148, 28, 24, "#9ab573", 10)
        + rect(108, 148, 28, 24, "#9ab573", 10)
        + shape("M18 154Q26 66 92 64Q158 68 160 154Z", "#4c7a5a")
        + line("M62 150L74 106L52 84M74 106H112L132 84M112 106L122 150M18 154H160", "#86ad72", 7)
    )


def bee(dice: Dice, tint: str) -> str:
    """A bee with its path."""
    return line("M8 184Q50 130 20 96T60 40", EYE, 4, 'stroke-dasharray="2 12"') + turned(
        -18,
        oval(84, 66, 24, 40, "#dcebec", 'opacity=".9"')
        + oval(128, 64, 24, 40, "#eef6f4", 'opacity=".9"')
        + oval(106, 118, 60, 42, "#efb944")
        + rect(84, 80, 15, 77, EYE, 7)
        + rect(116, 79, 15, 78, EYE, 7)
        + disc(158, 108, 5, EYE)
        + line("M156 82q6 -20 18 -22", EYE, 4),
        106,
        110,
    )


def duck(dice: Dice, tint: str) -> str:
    """A duck with two that follow."""

    def one(x: int, y: int, size: int) -> str:
        return (
            f'<g transform="translate({x} {y}) scale(.{size})">'
            + shape("M10 90Q20 160 90 160T176 92Q150 110 120 96Q120 88 118 60H52Q48 100 10 90Z", "#efb944")
            + disc(86, 44, 42, "#efb944")
            + shape("M44 44L4 54L44 66Z", "#e07f3a")
            + disc(74, 36, 6, EYE)
            + "</g>"
        )

    return (
        one(56, 34, 80)
        + one(14, 120, 36)
        + one(98, 134, 36)
        + line("M0 186q16 -10 32 0t32 0t32 0t32 0t32 0t32 0", "#8fc0cc", 7)
    )


MOTIFS: dict[str, Motif] = {
    "whale": whale,
    "fish": fish,
    "octopus": octopus,
    "giraffe": giraffe,
    "dragon": dragon,
    "bird": bird,
    "snail": snail,
    "sheep": sheep,
    "turtle": turtle,
    "bee": bee,
    "duck": duck,
}
