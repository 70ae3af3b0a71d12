"""Drawings of the children's bookshop: covers with a scene and a motif, puzzles, and what lies beside."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.world import (
    motifs_animals,
    motifs_creatures,
    motifs_outside,
    motifs_places,
    motifs_things,
)
from marketplace.devtools.world.draw_coffee import Colours, Words
from marketplace.devtools.world.shapes import (
    Dice,
    clipped,
    dark,
    disc,
    line,
    oval,
    pale,
    placed,
    rect,
    shape,
    turned,
)

MOTIFS = {
    **motifs_animals.MOTIFS,
    **motifs_creatures.MOTIFS,
    **motifs_outside.MOTIFS,
    **motifs_places.MOTIFS,
    **motifs_things.MOTIFS,
}
_NIGHT = frozenset(("moon", "star", "owl", "rocket", "lighthouse", "snow", "key"))
_SEA = frozenset(("whale", "fish", "octopus", "ship", "boat", "island"))
_TINTS = ("red", "blue", "green", "yellow", "plum", "teal", "pink", "orange")


def _night(dice: Dice, by: Colours, tint: str) -> str:
    """A dark sky with stars over hills."""
    sky = dice.pick((by["night"], dark(by["plum"], 30), dark(by["teal"], 45)))
    stars = "".join(
        disc(dice.span(104, 296), dice.span(76, 220), dice.span(2, 4), "#f8e7b0") for _ in range(14)
    )
    return (
        rect(90, 60, 220, 280, sky) + stars + shape("M90 300Q150 262 210 292T310 280V340H90Z", dark(sky, 30))
    )


def _day(dice: Dice, by: Colours, tint: str) -> str:
    """A clear sky, a sun or a cloud, hills."""
    sky, hill = pale(tint, 62), dice.pick((by["green"], by["teal"], by["yellow"]))
    sun = disc(dice.span(124, 276), dice.span(110, 140), 24, "#fffaf0", 'opacity=".8"')
    return (
        rect(90, 60, 220, 280, sky)
        + sun
        + shape("M90 270Q150 226 220 262T310 246V340H90Z", pale(hill, 35))
        + shape("M90 306Q170 270 310 306V340H90Z", hill)
    )


def _sea(dice: Dice, by: Colours, tint: str) -> str:
    """Water in layers below a warm sky."""
    sky = dice.pick((pale(by["orange"], 62), pale(by["pink"], 50), pale(by["teal"], 70)))
    layers = "".join(
        shape(
            f"M90 {232 + 28 * n}q18 -12 36 0t36 0t36 0t36 0t36 0t40 0V340H90Z", pale(by["teal"], 46 - 16 * n)
        )
        for n in range(4)
    )
    return rect(90, 60, 220, 280, sky) + disc(dice.span(130, 270), 210, 34, pale(by["yellow"], 25)) + layers


def _pattern(dice: Dice, by: Colours, tint: str) -> str:
    """One colour with dots or stripes, and a round window for the motif."""
    rows = "".join(disc(104 + 32 * (n % 7), 84 + 34 * (n // 7), 4, pale(tint, 38)) for n in range(56))
    stripes = "".join(line(f"M{70 + 28 * n} 350L{170 + 28 * n} 50", pale(tint, 15), 9) for n in range(9))
    return (
        rect(90, 60, 220, 280, tint) + (rows if dice.below(2) else stripes) + disc(200, 232, 94, by["cream"])
    )


def _title(dice: Dice, ground: str, by: Colours) -> str:
    """Two lines where the title stands, too small to read, and the maker's name."""
    wide = dice.span(60, 84)
    return (
        rect(200 - wide, 82, 2 * wide, 17, ground, 8)
        + rect(200 - wide + 22, 106, 2 * wide - 44, 13, ground, 6)
        + rect(174, 128, 52, 5, ground, 2, 'opacity=".7"')
    )


def _scene(dice: Dice, motif: str, words: Words, by: Colours) -> str:
    """The front of a cover, from (90, 60) to (310, 340)."""
    tint = next((by[word] for word in words if word in by), by[dice.pick(_TINTS)])
    if motif in _NIGHT and dice.below(4):
        ground, back = "#f8e7b0", _night(dice, by, tint)
    elif motif in _SEA:
        ground, back = dark(by["teal"], 30), _sea(dice, by, tint)
    elif dice.below(5) < 2:
        ground, back = by["cream"], _pattern(dice, by, tint)
        return back + placed(MOTIFS[motif](dice, tint), 132, 164, 68) + _title(dice, ground, by)
    else:
        ground, back = dark(tint, 40), _day(dice, by, tint)
    size = dice.span(84, 94)
    return (
        back
        + placed(MOTIFS[motif](dice, tint), 200 - size, 340 - 2 * size - dice.span(0, 8), size)
        + _title(dice, ground, by)
    )


def book(dice: Dice, words: Words, by: Colours) -> str:
    """A book that stands, with its back, its pages and its cover."""
    motif = words[0]
    spine = dark(by[dice.pick(_TINTS)], 10)
    wide_back = 6 if motif != "board" else 16
    pages = rect(96, 66, 222, 280, "#fdf6e6", 3) + line("M316 72V340M312 72V342", "#dccfb8", 2)
    front = clipped(
        "c",
        rect(90, 60, 220, 280, "#000", wide_back),
        _scene(dice, motif, words[1:], by)
        + rect(90, 60, 15, 280, spine)
        + rect(105, 60, 4, 280, "#1d1420", 0, 'opacity=".18"'),
    )
    seal = disc(282, 312, 17, by["cream"]) + disc(282, 312, 12, by["red"]) if dice.below(6) == 0 else ""
    return turned(
        dice.span(-4, 4), rect(98, 70, 226, 280, "#3a2418", 4, 'opacity=".18"') + pages + front + seal
    )


def puzzle(dice: Dice, words: Words, by: Colours) -> str:
    """A picture in four pieces, one of which is not in its place."""
    scene = _scene(dice, words[0], (), by)
    seam = (
        "M200 60V124q-22 -8 -22 14t22 14V246q22 -8 22 14t-22 14V340"
        "M90 200H140q-8 -22 14 -22t14 22H246q-8 22 14 22t14 -22H310"
    )
    whole = clipped("p", rect(90, 60, 220, 280, "#000", 10), scene) + line(seam, "#fffaf0", 5)
    gap = rect(202, 274, 110, 68, "#fffaf0", 8)
    piece = turned(
        14,
        rect(248, 290, 84, 58, dark(by["teal"], 10), 8) + disc(248, 318, 13, dark(by["teal"], 10)),
        290,
        320,
    )
    return turned(dice.span(-3, 3), whole + gap) + piece


def puppet(dice: Dice, words: Words, by: Colours) -> str:
    """Five puppets for the fingers of a hand."""
    hand = rect(118, 236, 164, 108, "#e8c39a", 46) + "".join(
        rect(106 + 40 * n, 150 - (0, 26, 34, 22, -8)[n], 32, 130, "#e8c39a", 15) for n in range(5)
    )
    heads = "".join(
        rect(102 + 40 * n, 134 - (0, 26, 34, 22, -8)[n], 40, 66, colour, 18)
        + placed(MOTIFS[name](dice, colour), 96 + 40 * n, 92 - (0, 26, 34, 22, -8)[n], 26)
        for n, (name, colour) in enumerate(
            (
                ("fox", by["orange"]),
                ("owl", by["plum"]),
                ("tree", by["green"]),
                ("mouse", by["teal"]),
                ("bear", by["yellow"]),
            )
        )
    )
    return hand + heads


def bookmark(dice: Dice, words: Words, by: Colours) -> str:
    """Three bookmarks with tassels."""
    out = []
    for number, (colour, motif) in enumerate((("blue", "moon"), ("red", "fox"), ("green", "owl"))):
        x, tint = 96 + 74 * number, by[colour]
        card = (
            rect(x, 92, 62, 236, tint, 6)
            + rect(x + 6, 98, 50, 224, pale(tint, 65), 4)
            + placed(MOTIFS[motif](dice, tint), x + 9, 250, 22)
            + line(f"M{x + 16} 150h30M{x + 16} 164h20", tint, 5)
        )
        out.append(
            turned(
                8 * number - 8,
                card
                + line(f"M{x + 31} 104q-10 -30 6 -50", by["yellow"], 5)
                + disc(x + 31, 106, 6, by["cream"]),
                200,
                330,
            )
        )
    return "".join(out)


def cushion(dice: Dice, words: Words, by: Colours) -> str:
    """A cushion like a stair, with an open book."""
    out = shape(
        "M70 330V250Q70 232 90 232H180V190Q180 172 200 172H312Q330 172 330 190V330Q200 350 70 330Z", by["red"]
    ) + shape(
        "M180 232V190Q180 172 200 172H312Q330 172 330 190V214H206Q184 216 180 232Z", pale(by["red"], 26)
    )
    return (
        out
        + shape("M70 262V250Q70 232 90 232H184V262Z", pale(by["red"], 22))
        + shape("M204 160Q232 136 258 156Q286 136 314 160V108Q286 86 258 104Q232 86 204 108Z", by["cream"])
        + line("M258 106V156", by["blue"], 4)
        + line(
            "M216 118q18 -10 32 -2M216 132q18 -10 32 -2M270 116q18 -8 32 2M270 130q18 -8 32 2", "#c8b89c", 3
        )
    )


def parcel(dice: Dice, words: Words, by: Colours) -> str:
    """A parcel with a book in it each month."""
    out = (
        shape("M86 190L200 148L314 190L200 236Z", "#d9b381")
        + shape("M86 190L200 236V344L86 298Z", "#c69b64")
        + shape("M314 190L200 236V344L314 298Z", "#b58852")
    )
    band = shape("M134 172L250 214V322L274 312V206L160 163Z", by["red"], 'opacity=".9"')
    return (
        placed(MOTIFS["owl"](dice, by["plum"]), 152, 66, 48)
        + out
        + band
        + oval(140, 270, 22, 26, by["cream"], 'opacity=".85"')
    )


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "book": book, "puzzle": puzzle, "puppet": puppet, "bookmark": bookmark, "cushion": cushion, "parcel": parcel,
}  # fmt: skip
