"""Sky, sea and woods for the covers of children's books, each in a square of 200 by 200."""

from __future__ import annotations

from marketplace.devtools.world.motifs_animals import EYE, Motif
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

RED, BLUE, GREEN, YELLOW, CREAM = "#c9543f", "#33527f", "#4c7a5a", "#efb944", "#fff3df"
WOOD, TEAL, PLUM = "#9a6a43", "#2f7d82", "#70436c"


def waves(y: int, colour: str) -> str:
    """Three rows of waves."""
    return "".join(
        line(f"M-30 {y + 17 * n}q18 -13 36 0" + "t36 0" * 6, pale(colour, 18 * n), 8) for n in range(3)
    )


def moon(dice: Dice, tint: str) -> str:
    """A moon that sleeps, on a line of clouds."""
    face = (
        line("M74 92q10 8 20 0M112 92q10 8 20 0", EYE, 4)
        + line("M92 118q12 10 22 -2", EYE, 4)
        + disc(72, 112, 9, "#f2b98a")
    )
    cloud = oval(60, 166, 56, 21, CREAM) + oval(132, 172, 60, 21, CREAM) + oval(96, 152, 36, 21, CREAM)
    return (
        disc(102, 98, 84, YELLOW, 'opacity=".22"')
        + disc(102, 98, 66, "#f6d77a")
        + disc(132, 66, 10, "#e9c45f")
        + disc(140, 118, 7, "#e9c45f")
        + face
        + cloud
    )


def ship(dice: Dice, tint: str) -> str:
    """A ship under sail."""
    sail = dice.pick((RED, CREAM, YELLOW))
    return (
        line("M100 18V146", WOOD, 7)
        + shape("M106 22Q176 60 168 122H106Z", sail)
        + shape("M94 34Q40 70 36 122H94Z", pale(sail, 35))
        + shape("M100 6L136 16L100 26Z", BLUE)
        + shape("M18 134H182L160 178H44Z", dark(WOOD, 14))
        + rect(18, 134, 164, 11, pale(WOOD, 25))
        + "".join(disc(70 + 30 * n, 160, 7, YELLOW) for n in range(3))
        + waves(178, TEAL)
    )


def boat(dice: Dice, tint: str) -> str:
    """A boat folded from paper."""
    return (
        shape("M100 40L156 122H44Z", pale(RED, 72))
        + shape("M100 40L156 122H100Z", pale(RED, 52))
        + shape("M8 110L62 124H138L192 110L154 174H46Z", CREAM)
        + shape("M138 124L192 110L154 174H100Z", "#e8d5ba")
        + line("M62 124L100 174", "#d9c3a2", 3)
        + waves(176, BLUE)
    )


def forest(dice: Dice, tint: str) -> str:
    """Firs, near and far, with a path."""
    drawn = [shape("M88 200Q108 160 92 138Q100 128 110 138Q126 166 124 200Z", "#e2c391")]
    for number in range(7):
        x, y, high = 6 + 31 * number, 170 + dice.below(28), dice.span(74, 138)
        tone = dice.pick((GREEN, "#3c6650", "#6b9468", "#2c5049"))
        drawn.append(
            rect(x - 4, y - 12, 9, 20, WOOD)
            + shape(
                f"M{x} {y - high}L{x + 20} {y - high // 2}H{x + 12}L{x + 30}"
                f" {y - 6}H{x - 30}L{x - 12} {y - high // 2}H{x - 20}Z",
                tone,
            )
        )
    return "".join(drawn) + disc(60, 188, 4, YELLOW) + disc(70, 188, 4, YELLOW)


def tree(dice: Dice, tint: str) -> str:
    """A tree with its roots."""
    crown = "".join(
        disc(x, y, 40, tone)
        for x, y, tone in ((62, 70, GREEN), (138, 70, "#6b9468"), (100, 44, "#5c8a5e"), (100, 86, GREEN))
    )
    fruit = "".join(disc(dice.span(40, 160), dice.span(28, 100), 7, RED) for _ in range(6))
    return (
        line("M100 170q-30 6 -58 28M100 170q4 16 -12 34M100 170q32 4 60 30M106 172q8 14 16 30", WOOD, 8)
        + shape("M88 180L94 96H108L116 180Z", WOOD)
        + crown
        + fruit
    )


def star(dice: Dice, tint: str) -> str:
    """A star with a tail."""
    return (
        line("M60 40L-10 -10M44 74L-30 40M84 24L44 -20", YELLOW, 7, 'opacity=".6"')
        + shape("M112 22L134 76L192 80L148 118L162 174L112 144L62 174L76 118L32 80L90 76Z", YELLOW)
        + shape("M112 22L134 76L192 80L148 118L162 174L112 144Z", "#e3a237")
        + disc(96, 100, 6, EYE)
        + disc(128, 100, 6, EYE)
        + line("M102 118q10 9 20 0", EYE, 4)
    )


def sun(dice: Dice, tint: str) -> str:
    """A sun with rays."""
    rays = "".join(
        turned(30 * n, shape("M100 -2L112 34H88Z", "#e07f3a" if n % 2 else YELLOW), 100, 100)
        for n in range(12)
    )
    return (
        rays
        + disc(100, 100, 60, YELLOW)
        + line("M74 92q8 -9 16 0M110 92q8 -9 16 0", EYE, 4)
        + line("M82 112q18 20 36 0", EYE, 5)
        + disc(68, 112, 8, "#e98f5a")
        + disc(132, 112, 8, "#e98f5a")
    )


def snow(dice: Dice, tint: str) -> str:
    """A snowman under falling snow."""
    flakes = "".join(
        disc(dice.span(-20, 220), dice.span(-40, 150), dice.span(3, 6), "#ffffff") for _ in range(16)
    )
    return (
        oval(100, 196, 150, 26, "#ffffff")
        + disc(100, 148, 50, "#f6f4ee")
        + disc(100, 78, 36, "#fffdf8")
        + shape("M100 80L142 90L100 94Z", "#e07f3a")
        + disc(88, 68, 5, EYE)
        + disc(110, 68, 5, EYE)
        + rect(66, 104, 68, 16, RED, 8)
        + rect(116, 110, 18, 42, dark(RED, 12), 6)
        + rect(74, 12, 52, 38, EYE, 3)
        + rect(60, 42, 80, 11, EYE, 5)
        + line("M54 138L10 104M146 138L190 112", WOOD, 7)
        + flakes
    )


def mountain(dice: Dice, tint: str) -> str:
    """A mountain with a cap."""
    tone = dice.pick(("#7a8aa8", GREEN, PLUM))
    return (
        shape("M100 20L214 196H-14Z", tone)
        + shape("M100 20L214 196H130Z", dark(tone, 16))
        + shape("M100 20L136 76L116 68L102 90L84 70L64 76Z", "#fffdf6")
        + shape("M74 30Q100 -26 126 30Q100 40 74 30Z", RED)
        + disc(100, -4, 11, CREAM)
        + disc(86, 112, 5, EYE)
        + disc(114, 112, 5, EYE)
        + line("M90 128q10 8 20 0", EYE, 4)
        + shape("M-14 196Q40 160 90 190T214 182V210H-14Z", GREEN)
    )


def island(dice: Dice, tint: str) -> str:
    """An island with a palm."""
    palm = "".join(
        turned(
            -80 + 40 * n, shape("M104 56Q128 16 104 -8Q84 20 104 56Z", GREEN if n % 2 else "#6b9468"), 104, 56
        )
        for n in range(5)
    )
    return (
        shape("M20 168Q60 116 110 132T184 168Z", "#ecd093")
        + line("M92 140Q88 90 104 56", WOOD, 11)
        + palm
        + shape("M124 142h26l10 -16h10l-2 26h-44Z", RED)
        + rect(122, 150, 48, 7, EYE, 3)
        + waves(170, TEAL)
    )


def flower(dice: Dice, tint: str) -> str:
    """Flowers of three kinds."""
    drawn = []
    for x, y, petal in ((50, 90, RED), (104, 46, YELLOW), (156, 84, PLUM)):
        drawn.append(
            line(f"M{x} {y}Q{x + 8} 150 {x - 2} 204", GREEN, 7)
            + shape(f"M{x + 2} 160q30 -26 38 2q-20 16 -38 -2Z", "#6b9468")
            + "".join(turned(72 * n, oval(x, y - 25, 15, 20, petal), x, y) for n in range(5))
            + disc(x, y, 13, CREAM)
        )
    return "".join(drawn)


MOTIFS: dict[str, Motif] = {
    "moon": moon,
    "ship": ship,
    "boat": boat,
    "forest": forest,
    "tree": tree,
    "star": star,
    "sun": sun,
    "snow": snow,
    "mountain": mountain,
    "island": island,
    "flower": flower,
}
