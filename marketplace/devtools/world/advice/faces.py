"""Portraits of the advisers of the demo world, drawn as SVG: a few shapes each, and nobody that lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketplace.devtools.world.shapes import INK, dark, disc, line, oval, pale, rect, shape


@dataclass(frozen=True, slots=True)
class Face:
    """What somebody looks like: colours, the name of their hair, and what they wear (`more`)."""

    skin: str
    hair: str
    tint: str
    top: str
    back: str
    more: tuple[str, ...] = ()


# Wesley and Daan never sent one.
FACES = {
    "bram": Face("#e9bd98", "short", "#5b3a24", "#33463f", "#e7d6bd", ("beard", "apron")),
    "noor": Face("#f0c9a6", "tail", "#9a5b2c", "#4f7f86", "#f1ddcf"),
    "ruben": Face("#d9a47c", "short", "#6f655c", "#b9472f", "#d7e3dd", ("stubble", "scarf")),
    "hanneke": Face("#f1d3ba", "bob", "#c9c4bc", "#70436c", "#efe2c6", ("glasses",)),
    "yara": Face("#c98f66", "wrap", "#2f7d82", "#e0b04a", "#f3dcd6"),
    "lieke": Face("#f2cdab", "long", "#d9a95a", "#41637f", "#dfe8d8"),
    "tobias": Face("#efc7a4", "curls", "#8a3f24", "#e3a237", "#e2e4ee", ("glasses",)),
    "gerard": Face("#f0cdb4", "crown", "#dcd8d2", "#65794a", "#ece2d0", ("glasses", "collar")),
    "meilin": Face("#f0cba0", "fringe", "#2c2524", "#d57a8c", "#e6ebd9"),
    "fenna": Face("#f3d0b2", "bun", "#b5622f", "#4c7a5a", "#f6e8bf"),
}


def portrait(adviser: str) -> bytes:
    """Return the portrait of an adviser: SVG of 400 by 400, the same each time."""
    face = FACES[adviser]
    behind, before = HAIR[face.hair](face.tint, face.skin)
    body = shape("M48 400Q56 296 158 280H242Q344 296 352 400Z", face.top)
    neck = rect(170, 226, 60, 76, dark(face.skin, 10), 28)
    head = oval(200, 178, 70, 86, face.skin) + "".join(
        disc(x, 184, 14, dark(face.skin, 6)) for x in (130, 270)
    )
    drawn = behind + body + neck + _worn(face, over_head=False) + head
    drawn += _looks(face) + before + _worn(face, over_head=True)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400">'
        f"{rect(0, 0, 400, 400, face.back)}{disc(200, 190, 168, pale(face.back, 45))}{drawn}</svg>"
    ).encode()


def _looks(face: Face) -> str:
    """Eyes, nose and mouth, and the beard around it."""
    beard = ""
    if "beard" in face.more:
        beard = shape(
            "M131 192Q138 286 200 286T269 192Q262 226 238 222Q200 212 162 222Q138 226 131 192Z", face.tint
        )
    if "stubble" in face.more:
        beard = shape(
            "M134 206Q142 264 200 264T266 206Q254 236 200 230Q146 236 134 206Z", dark(face.skin, 20)
        )
    eyes = disc(172, 176, 6, INK) + disc(228, 176, 6, INK)
    # What covers the head says nothing of the brows.
    tint = dark(face.skin, 55) if face.hair == "wrap" else dark(face.tint, 20)
    brows = line("M158 156q13 -8 27 -1M215 155q14 -7 27 1", tint, 6)
    return (
        beard
        + eyes
        + brows
        + line("M200 180q9 20 -3 27", dark(face.skin, 24), 5)
        + line("M178 234q22 15 44 0", dark(face.skin, 52), 6)
    )


def _worn(face: Face, *, over_head: bool) -> str:
    found = ""
    if over_head and "glasses" in face.more:
        found += "".join(
            f'<circle cx="{x}" cy="177" r="24" fill="none" stroke="{INK}" stroke-width="5"/>'
            for x in (171, 229)
        ) + line("M195 174q5 -5 10 0M147 174L131 168M253 174L269 168", INK, 5)
    if not over_head and "apron" in face.more:
        found += shape("M132 400V316H268V400Z", "#b27c47") + line(
            "M150 318Q152 290 168 278M250 318Q248 290 232 278", "#b27c47", 11
        )
    if not over_head and "scarf" in face.more:
        found += shape("M150 276Q200 310 250 276L260 312Q200 342 140 312Z", "#dda63a")
    if not over_head and "collar" in face.more:
        found += shape(
            "M158 278L200 322L242 278L264 296L222 352L200 330L178 352L136 296Z", pale(face.top, 55)
        )
    return found


def _short(tint: str, _skin: str) -> tuple[str, str]:
    return "", shape("M128 176Q122 84 200 84T272 176Q264 132 240 122Q196 138 150 122Q136 138 128 176Z", tint)


def _tail(tint: str, _skin: str) -> tuple[str, str]:
    behind = shape("M250 110Q332 120 316 250Q306 282 286 262Q300 190 246 150Z", tint)
    return behind, shape("M128 178Q120 82 200 84T272 178Q262 126 208 116Q146 128 128 178Z", tint)


def _bob(tint: str, _skin: str) -> tuple[str, str]:
    behind = shape("M112 250Q92 74 200 74T288 250Q262 268 244 250H156Q138 268 112 250Z", tint)
    return behind, shape("M130 170Q128 92 200 90T270 170Q236 146 222 116Q180 152 130 170Z", dark(tint, 8))


def _long(tint: str, _skin: str) -> tuple[str, str]:
    behind = shape("M116 334Q88 74 200 74T284 334Q250 350 236 320V240H164V320Q150 350 116 334Z", tint)
    return behind, shape("M130 186Q122 90 200 88T270 186Q252 134 200 110Q148 134 130 186Z", pale(tint, 16))


def _wrap(tint: str, _skin: str) -> tuple[str, str]:
    behind = shape("M108 290Q84 66 200 66T292 290Q252 320 200 316T108 290Z", dark(tint, 16))
    around = (
        "M126 190Q118 78 200 78T274 190Q276 250 236 276Q282 272 286 206Q296 64 200 62T114 206Q118 272 164 276"
        "Q124 250 126 190Z"
    )
    return behind, shape(around, tint) + line("M126 132Q196 92 272 128", pale(tint, 26), 7)


def _curls(tint: str, _skin: str) -> tuple[str, str]:
    at = (
        (134, 150),
        (136, 116),
        (160, 92),
        (192, 80),
        (226, 86),
        (254, 106),
        (268, 142),
        (184, 112),
        (224, 116),
    )
    return "", "".join(disc(x, y, 27, dark(tint, 5 * (place % 3))) for place, (x, y) in enumerate(at))


def _crown(tint: str, _skin: str) -> tuple[str, str]:
    sides = "M126 196Q116 150 136 128Q140 160 134 200ZM274 196Q284 150 264 128Q260 160 266 200Z"
    return "", shape(sides, tint) + line("M170 228Q186 216 200 224Q214 216 230 228", tint, 11)


def _fringe(tint: str, _skin: str) -> tuple[str, str]:
    behind = shape("M114 284Q94 76 200 76T286 284Q262 290 250 276V200H150V276Q138 290 114 284Z", tint)
    return behind, shape("M128 178Q120 86 200 86T272 178L262 148Q200 134 138 148Z", tint)


def _bun(tint: str, _skin: str) -> tuple[str, str]:
    behind = disc(200, 66, 38, dark(tint, 10))
    return behind, shape("M128 180Q120 84 200 84T272 180Q266 128 228 112Q176 142 128 180Z", tint)


HAIR: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "short": _short, "tail": _tail, "bob": _bob, "long": _long, "wrap": _wrap, "curls": _curls, "crown": _crown,
    "fringe": _fringe, "bun": _bun,
}  # fmt: skip
