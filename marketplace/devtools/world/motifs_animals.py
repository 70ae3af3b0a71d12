"""Furry animals for the covers of children's books, each in a square of 200 by 200."""

from __future__ import annotations

from collections.abc import Callable

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

EYE = "#2b2030"
Motif = Callable[[Dice, str], str]


def eyes(dice: Dice, y: int, apart: int, *, size: int = 6, white: bool = False) -> str:
    """Two eyes that look the same way."""
    look = dice.span(-2, 2)
    drawn = ""
    for x in (100 - apart, 100 + apart):
        drawn += disc(x, y, size + 7, "#fffaf0") if white else ""
        drawn += disc(x + look, y, size, EYE) + disc(x + look + 2, y - 2, max(size // 3, 1), "#ffffff")
    return drawn


def body(tint: str, belly: str) -> str:
    """What is below the head: a round body with its belly."""
    return shape("M48 200Q46 140 100 136Q154 140 152 200Z", tint) + oval(100, 192, 30, 36, belly)


def fox(dice: Dice, tint: str) -> str:
    """A fox that looks at you."""
    tint, white = "#d4662f", "#f9e3c4"
    tail = shape("M140 200Q200 186 186 132Q168 120 160 150Q158 176 130 188Z", tint) + shape(
        "M186 132Q168 120 162 146Q176 156 188 148Z", white
    )
    ears = (
        shape("M50 62L46 8L92 40Z", tint)
        + shape("M150 62L154 8L108 40Z", tint)
        + shape("M58 50L54 24L78 40Z", dark(tint, 45))
        + shape("M142 50L146 24L122 40Z", dark(tint, 45))
    )
    head = (
        shape("M42 76Q50 34 100 32Q150 34 158 76L100 140Z", tint)
        + shape("M42 76Q70 74 100 136L58 104Z", white)
        + shape("M158 76Q130 74 100 136L142 104Z", white)
    )
    return tail + body(tint, white) + ears + head + eyes(dice, 78, 26) + oval(100, 130, 10, 8, EYE)


def bear(dice: Dice, tint: str) -> str:
    """A bear."""
    tint = dice.pick(("#8a5a3c", "#6d4a3a", "#e9e2d6"))
    ears = "".join(disc(x, 40, 21, tint) + disc(x, 42, 11, pale(tint, 35)) for x in (52, 148))
    nose = (
        oval(100, 106, 28, 21, pale(tint, 48))
        + oval(100, 97, 11, 8, EYE)
        + line("M100 104v9q-8 8 -14 2M100 113q8 8 14 2", EYE, 3)
    )
    return body(tint, pale(tint, 32)) + ears + oval(100, 86, 62, 55, tint) + nose + eyes(dice, 76, 26, size=5)


def rabbit(dice: Dice, tint: str) -> str:
    """A rabbit with one ear that hangs."""
    tint = dice.pick(("#cbb8a4", "#b9a08c", "#f2e8dc"))
    ears = turned(-12, oval(74, 24, 16, 46, tint) + oval(74, 28, 8, 34, "#e79a8b"), 74, 60) + turned(
        dice.span(10, 40), oval(126, 24, 16, 46, tint) + oval(126, 28, 8, 34, "#e79a8b"), 126, 60
    )
    return (
        ears
        + body(tint, "#fffaf0")
        + oval(100, 96, 52, 46, tint)
        + eyes(dice, 90, 22)
        + oval(100, 106, 7, 5, "#d0687a")
        + line("M100 111v8M64 112l-26 -4M64 118l-24 8M136 112l26 -4M136 118l24 8", EYE, 2)
        + rect(94, 118, 12, 12, "#ffffff", 3)
    )


def cat(dice: Dice, tint: str) -> str:
    """A cat with stripes."""
    tint = dice.pick(("#4d4a58", "#d99a45", "#8c8894"))
    ears = (
        shape("M46 70L44 16L86 42Z", tint)
        + shape("M154 70L156 16L114 42Z", tint)
        + shape("M54 56L53 32L72 44Z", "#e79a8b")
        + shape("M146 56L147 32L128 44Z", "#e79a8b")
    )
    tail = line("M146 190q50 -8 34 -66", tint, 17)
    marks = line("M100 38v20M84 42l4 14M116 42l-4 14", dark(tint, 40), 6)
    return (
        tail
        + body(tint, pale(tint, 40))
        + ears
        + oval(100, 86, 58, 50, tint)
        + marks
        + eyes(dice, 84, 25, size=7, white=True)
        + shape("M92 104h16l-8 9Z", "#e79a8b")
        + line("M60 108H26M62 116l-32 10M140 108h34M138 116l32 10", pale(tint, 70), 3)
    )


def mouse(dice: Dice, tint: str) -> str:
    """A mouse with large ears and a scarf."""
    tint, scarf = "#9a93a0", dice.pick(("#c9543f", "#efb944", "#2f7d82"))
    ears = "".join(disc(x, 50, 34, tint) + disc(x, 52, 22, "#e8b3ac") for x in (44, 156))
    return (
        line("M146 192q52 6 44 -54", "#e8b3ac", 6)
        + ears
        + body(tint, "#efe6e0")
        + shape("M52 80Q56 40 100 40T148 80Q140 132 100 136Q60 132 52 80Z", tint)
        + rect(62, 132, 76, 18, scarf, 9)
        + rect(112, 140, 20, 44, dark(scarf, 12), 6)
        + eyes(dice, 86, 22)
        + oval(100, 120, 9, 7, "#d0687a")
    )


def owl(dice: Dice, tint: str) -> str:
    """An owl on a branch."""
    tint = dice.pick(("#7a5a86", "#8a5f3d", "#4d6b88"))
    rows = "".join(
        line(f"M{66 + 8 * (n % 2)} {132 + 15 * n}q8 10 16 0q8 10 16 0q8 10 16 0", pale(tint, 40), 4)
        for n in range(3)
    )
    body = (
        shape("M44 60Q36 16 62 26Q100 40 138 26Q164 16 156 60V140Q150 192 100 192T44 140Z", tint)
        + oval(100, 142, 42, 44, pale(tint, 22))
        + rows
    )
    wings = shape("M44 90Q20 140 54 176Q60 130 44 90Z", dark(tint, 20)) + shape(
        "M156 90Q180 140 146 176Q140 130 156 90Z", dark(tint, 20)
    )
    look = dice.span(-4, 4)
    eyes = "".join(
        disc(x, 80, 29, "#fff3df") + disc(x + look, 80, 16, "#efb944") + disc(x + look, 80, 9, EYE)
        for x in (72, 128)
    )
    return (
        line("M6 190H194", "#6b4a35", 13)
        + line("M160 188l18 -22", "#6b4a35", 7)
        + wings
        + body
        + eyes
        + shape("M91 92H109L100 112Z", "#e07f3a")
        + line("M84 190v6M94 190v6M108 190v6M118 190v6", "#e07f3a", 6)
    )


def hedgehog(dice: Dice, tint: str) -> str:
    """A hedgehog from the side."""
    spikes = "".join(
        turned(-78 + 15 * n, shape("M92 24L100 66H84Z", dark("#7a5542", 6 * (n % 3))), 92, 132)
        for n in range(12)
    )
    return (
        spikes
        + shape("M22 164Q22 84 96 78Q152 82 160 164Z", "#7a5542")
        + shape("M112 110Q150 96 192 148Q194 164 160 166H110Z", "#e8c8a0")
        + disc(190, 148, 9, EYE)
        + disc(152, 134, 5, EYE)
        + disc(122, 118, 13, "#d9ad80")
        + rect(50, 162, 24, 16, "#d9ad80", 7)
        + rect(122, 162, 24, 16, "#d9ad80", 7)
        + disc(66, 70, 13, "#b9384a")
        + line("M66 60q4 -10 12 -10", "#4c7a5a", 4)
    )


def cow(dice: Dice, tint: str) -> str:
    """A cow or, in wool, a sheep's neighbour."""
    horns = line("M58 52Q40 40 48 20M142 52Q160 40 152 20", "#e8d9b8", 9)
    ears = oval(34, 74, 22, 12, EYE) + oval(166, 74, 22, 12, "#f7efe2")
    return (
        body("#f7efe2", "#f2c3b8")
        + horns
        + ears
        + shape("M54 60Q60 38 100 38T146 60L138 118Q100 136 62 118Z", "#f7efe2")
        + shape("M54 60Q60 38 88 38Q96 74 76 96L58 88Z", EYE)
        + oval(100, 120, 42, 25, "#e9a79b")
        + disc(86, 120, 6, "#b96a62")
        + disc(114, 120, 6, "#b96a62")
        + disc(78, 76, 8, "#ffffff")
        + disc(78, 76, 5, EYE)
        + disc(124, 76, 6, EYE)
        + line("M134 136q20 8 22 -16", "#4c7a5a", 4)
    )


def elephant(dice: Dice, tint: str) -> str:
    """An elephant with a flower."""
    tint = "#8f97a8"
    ears = (
        oval(42, 84, 38, 46, dark(tint, 12))
        + oval(158, 84, 38, 46, dark(tint, 12))
        + oval(44, 86, 22, 30, "#d9a7a0")
        + oval(156, 86, 22, 30, "#d9a7a0")
    )
    trunk = line("M100 100Q104 156 84 172T50 164", tint, 27) + line("M96 128h14M92 144h14", dark(tint, 18), 4)
    return (
        body(tint, pale(tint, 25))
        + ears
        + oval(100, 80, 50, 52, tint)
        + trunk
        + eyes(dice, 74, 22, size=5)
        + line("M48 160V118", "#4c7a5a", 4)
        + "".join(turned(72 * n, oval(48, 102, 8, 12, "#efb944"), 48, 112) for n in range(5))
        + disc(48, 112, 7, "#c9543f")
    )


MOTIFS: dict[str, Motif] = {
    "fox": fox,
    "bear": bear,
    "rabbit": rabbit,
    "cat": cat,
    "mouse": mouse,
    "owl": owl,
    "hedgehog": hedgehog,
    "cow": cow,
    "elephant": elephant,
}
