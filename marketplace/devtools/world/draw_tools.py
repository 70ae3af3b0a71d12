"""Drawings of small tools, of either shop: what keeps things going."""

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
    placed,
    rect,
    shape,
    turned,
)


def tamper(dice: Dice, words: Words, by: Colours) -> str:
    """A tamper of steel with a grip."""
    grip = colour_of(words, by, "wood")
    out = (
        rect(132, 268, 136, 66, by["steel"], 8)
        + rect(216, 268, 52, 66, dark(by["steel"], 16), 8)
        + rect(182, 214, 36, 60, dark(by["steel"], 8))
    )
    return (
        out
        + shape("M164 220Q140 116 200 98Q260 116 236 220Z", grip)
        + shape("M214 102Q260 116 236 220H214Z", dark(grip, 16))
    )


def tool(dice: Dice, words: Words, by: Colours) -> str:
    """Small things with a handle, on a folded cloth."""
    tint = dice.pick((by["base"], by["blue"], by["green"]))
    cloth = turned(
        -6,
        rect(92, 236, 216, 92, pale(tint, 62), 8)
        + rect(92, 252, 216, 8, pale(tint, 30))
        + rect(92, 304, 216, 8, pale(tint, 30)),
    )
    kind = words[0] if words else ""
    if kind in ("knock", "drawer", "screen"):
        out = rect(104, 176, 192, 160, tint, 18) + rect(104, 176, 192, 36, dark(tint, 32), 16)
        return (
            out
            + rect(92, 190, 216, 18, "#332e2d", 9)
            + (disc(200, 272, 13, by["wood"]) if kind == "drawer" else "")
        )
    if kind == "portafilter":
        return cloth + turned(
            24,
            rect(60, 210, 150, 30, by["wood"], 14)
            + rect(200, 216, 40, 18, by["steel"])
            + disc(280, 225, 52, by["steel"])
            + disc(280, 225, 38, by["dark"]),
        )
    if kind in ("basket", "mat"):
        return (
            oval(200, 280, 110, 46, dark(by["steel"], 25))
            + shape("M90 220L104 290Q200 336 296 290L310 220Z", by["steel"])
            + oval(200, 220, 110, 40, dark(by["steel"], 12))
            + oval(200, 224, 88, 28, by.get("dark", by["black"]))
        )
    if kind in ("whistle", "repair", "tick"):
        return _small(kind, by, tint)
    head = {
        "needles": "".join(line(f"M{184 + 8 * n} 190L{176 + 12 * n} 300", by["steel"], 3) for n in range(5)),
        "thermo": line("M200 180V322", by["steel"], 8)
        + disc(200, 150, 46, by["white"])
        + disc(200, 150, 46, "none", f'stroke="{tint}" stroke-width="10"')
        + line("M200 150L222 128", by["red"], 6),
    }.get(kind, line("M200 200V300", by["steel"], 16) + line("M200 300q-22 20 0 30", by["steel"], 12))
    grip = (
        ""
        if kind == "thermo"
        else rect(176, 92, 48, 112, by["wood"], 20) + rect(204, 92, 20, 112, dark(by["wood"], 16), 10)
    )
    return cloth + turned(dice.span(14, 38), grip + head)


def _small(kind: str, by: Colours, tint: str) -> str:
    """A whistle on its cord, a pouch for repairs, or two hooks for ticks."""
    if kind == "whistle":
        cord = line("M140 120q60 -70 120 0t-70 100", by["black"], 7)
        return (
            cord
            + rect(92, 214, 190, 52, tint, 12)
            + disc(262, 262, 62, tint)
            + disc(262, 262, 26, dark(tint, 24))
        )
    if kind == "repair":
        out = (
            rect(92, 190, 216, 148, tint, 20)
            + rect(92, 190, 216, 46, dark(tint, 20), 20)
            + disc(200, 236, 9, by["steel"])
        )
        patch = turned(
            -9, rect(128, 256, 64, 56, by["sand"], 8) + line("M136 264h48v40h-48Z", by["brown"], 3)
        )
        return (
            out
            + patch
            + line("M226 306L286 254", by["steel"], 6)
            + line("M286 254q30 -24 8 -60t20 -70", by["red"], 4)
        )
    hook = line("M176 110V250q0 40 34 44M176 250q4 26 40 22", tint, 15)
    return hook + placed(hook, 150, 110, 70)


def care(dice: Dice, words: Words, by: Colours) -> str:
    """A bottle, a tin, tablets, a brush, laces or soles: what keeps things going."""
    tint, kind = dice.pick((by["base"], by["blue"], by["green"])), (words[0] if words else "")
    if kind in ("tin", "tabs"):
        return (
            oval(200, 300, 112, 40, dark(tint, 28))
            + rect(88, 246, 224, 56, tint)
            + oval(200, 246, 112, 40, pale(tint, 22))
            + oval(200, 246, 84, 28, by["sand"] if "sand" in by else by["white"])
            + disc(190, 242, 20, dark(tint, 8))
        )
    if kind == "brush":
        bristles = "".join(line(f"M{118 + 14 * n} 250v58", by.get("clay", by["steel"]), 7) for n in range(7))
        return turned(
            -18,
            bristles
            + rect(104, 210, 116, 46, by["wood"], 14)
            + rect(206, 218, 132, 28, by["wood"], 13)
            + disc(318, 232, 6, dark(by["wood"], 35)),
        )
    if kind == "laces":
        return line("M96 300q40 -150 90 -60t80 -50t40 100t-110 40t-70 -40", tint, 13) + line(
            "M96 300l-10 26M196 330l-14 14", by["black"], 8
        )
    if kind in ("insole", "sole"):
        one = (
            "M150 330Q110 330 116 268Q122 220 108 170Q104 92 152"
            " 92Q198 96 190 176Q184 226 190 276Q192 330 150 330Z"
        )
        rest = (
            "".join(line(f"M124 {130 + 26 * n}H178", dark(tint, 28), 8) for n in range(3))
            if kind == "sole"
            else oval(152, 150, 24, 40, pale(tint, 35))
        )
        foot = shape(one, tint) + rest + oval(152, 292, 22, 24, dark(tint, 18))
        return foot + f'<g transform="translate(400 0) scale(-1 1)">{foot}</g>'
    out = (
        rect(146, 164, 108, 174, tint, 16)
        + rect(218, 164, 36, 174, dark(tint, 14), 14)
        + rect(176, 128, 48, 40, dark(tint, 30))
        + rect(168, 92, 64, 42, by["white"], 10)
    )
    return out + rect(146, 218, 108, 76, pale(tint, 75)) + shape("M200 228q30 40 0 54q-30 -14 0 -54Z", tint)


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {"tamper": tamper, "tool": tool, "care": care}
