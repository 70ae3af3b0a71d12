"""Drawings of the hiking shop, first part: what one wears and carries."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.devtools.world.draw_coffee import Colours, Words, colour_of
from marketplace.devtools.world.shapes import Dice, dark, disc, line, oval, pale, rect, shape, turned

LACE = "#f3ead8"


def boot(dice: Dice, words: Words, by: Colours) -> str:
    """A boot with its sole, laces and loop; a low shoe; a sandal."""
    tint = colour_of(words, by, dice.pick(("brown", "sand")))
    sole, edge = "#3b332e", dark(tint, 28)
    lugs = "".join(rect(92 + 26 * n, 326, 16, 13, sole, 2) for n in range(9))
    base = (
        shape("M86 296H316Q330 300 326 328H92Q82 318 86 296Z", sole)
        + rect(88, 296, 236, 11, pale(tint, 45), 5)
        + lugs
    )
    if "sandal" in words:
        straps = line("M118 290Q134 236 182 290M196 290Q230 232 286 288M104 286Q92 216 160 232", tint, 19)
        return (
            base
            + straps
            + line("M118 286Q138 240 176 286", pale(tint, 30), 5)
            + rect(222, 244, 28, 18, by["steel"], 5)
        )
    if words[:1] == ("low",):
        upper = (
            "M92 298Q84 236 104 212Q118 204 134 212L150 232Q172"
            " 238 190 222L214 206Q254 262 306 270Q328 278 322 298Z"
        )
        out = (
            base + shape(upper, tint) + shape("M92 298Q84 236 104 212Q118 204 134 212Q122 260 140 298Z", edge)
        )
        out += shape("M262 254Q284 266 306 270Q328 278 322 298H252Q250 270 262 254Z", edge)
        return (
            out
            + "".join(line(f"M{184 + 20 * n} {236 + 9 * n}l24 -16", LACE, 6) for n in range(3))
            + line("M112 214l-8 -18", edge, 8)
        )
    upper = "M94 298Q86 214 104 118Q142 104 186 114L192 186Q208 232 258 248Q312 254 324 280L322 298Z"
    out = base + shape(upper, tint) + shape("M94 298Q86 214 98 150Q120 220 118 258Q134 282 130 298Z", edge)
    out += shape("M268 250Q312 256 324 280L322 298H258Q252 268 268 250Z", edge) + shape(
        "M104 118Q142 104 186 114L187 134Q144 124 102 136Z", pale(tint, 40)
    )
    out += shape("M160 128L188 130L194 190Q208 226 232 240L206 254Q176 226 168 190Z", dark(tint, 14))
    laces = "".join(line(f"M{160 + 3 * n} {146 + 21 * n}l{32 + n} -6", LACE, 6) for n in range(3))
    laces += line("M176 216l28 -16M190 240l26 -20", LACE, 6)
    return (
        out
        + laces
        + line("M108 120q-10 -28 10 -32", edge, 9)
        + line("M126 270Q160 250 214 268", dark(tint, 16), 4)
    )


def sock(dice: Dice, words: Words, by: Colours) -> str:
    """A pair of socks with bands."""
    tint, second = colour_of(words, by, "grey"), dice.pick((by["red"], by["yellow"], by["orange"]))
    outline = (
        "M150 86H226V216Q228 240 256 256L298 282Q322 308 292 328Q262 344 226 324L166 284Q146 266 150 236Z"
    )
    one = (
        shape(outline, tint)
        + rect(146, 78, 84, 34, pale(tint, 30), 8)
        + rect(150, 126, 76, 14, second)
        + rect(150, 150, 76, 7, pale(second, 40))
    )
    one += shape("M256 256L298 282Q322 308 292 328Q278 336 258 334Q240 300 256 256Z", second) + shape(
        "M150 222Q152 266 166 284L188 296Q204 256 150 222Z", second
    )
    return (
        f'<g transform="translate(-44 -6)">{one.replace(tint, dark(tint, 14))}</g>'
        + f'<g transform="translate(18 4)">{one}</g>'
    )


def gaiter(dice: Dice, words: Words, by: Colours) -> str:
    """A gaiter with buttons."""
    tint, top = by["orange"] if "short" in words else by["black"], 170 if "short" in words else 80
    out = shape(f"M142 {top}H258L274 300Q300 316 306 334H110Q112 316 130 300Z", tint) + shape(
        f"M216 {top}H258L274 300Q300 316 306 334H236Z", dark(tint, 22)
    )
    return (
        out
        + rect(138, top - 6, 124, 18, by["red"], 7)
        + "".join(disc(208, y, 6, by["steel"]) for y in range(top + 34, 310, 32))
        + line("M130 334q70 22 140 0", by["sand"], 7)
    )


def jacket(dice: Dice, words: Words, by: Colours) -> str:
    """A jacket with a hood and a zip."""
    tint = colour_of(words, by, "base")
    arms = shape("M132 138L74 176L58 316L102 322L128 214Z", dark(tint, 12)) + shape(
        "M268 138L326 176L342 316L298 322L272 214Z", dark(tint, 20)
    )
    body = shape("M132 134Q200 114 268 134L278 336Q200 348 122 336Z", tint) + shape(
        "M200 122Q236 122 268 134L278 336Q240 343 200 344Z", dark(tint, 9)
    )
    hood = shape("M142 140Q140 62 200 58Q260 62 258 140Q200 174 142 140Z", dark(tint, 16)) + shape(
        "M160 136Q160 82 200 80Q240 82 240 136Q200 160 160 136Z", dark(tint, 48)
    )
    zip_ = line("M200 156V342", pale(tint, 60), 5) + rect(195, 170, 10, 18, by["yellow"], 4)
    pockets = line("M150 262l22 34M250 262l-22 34", dark(tint, 38), 6) + rect(226, 190, 32, 8, by["steel"], 3)
    if dice.below(2):
        body += shape("M128 224L124 252Q200 264 276 252L274 224Q200 236 128 224Z", dark(tint, 24))
    return (
        arms
        + body
        + hood
        + zip_
        + pockets
        + rect(60, 300, 42, 16, dark(tint, 36), 5)
        + rect(298, 300, 42, 16, dark(tint, 40), 5)
    )


def shirt(dice: Dice, words: Words, by: Colours) -> str:
    """A shirt."""
    tint = colour_of(words, by, "green")
    out = shape(
        "M144 108L84 138L60 208L106 226L126 190L124 330Q200 342 276"
        " 330L274 190L294 226L340 208L316 138L256 108Q200 142 144 108Z",
        tint,
    )
    out += shape(
        "M274 190L294 226L340 208L316 138L256 108Q268 160 276 330Q250 335 232 337Z", dark(tint, 12)
    ) + line("M146 110Q200 152 254 110", pale(tint, 35), 9)
    return out + "".join(
        line(f"M126 {220 + 30 * n}Q200 {230 + 30 * n} 274 {220 + 30 * n}", pale(tint, 22), 5)
        for n in range(dice.span(0, 3))
    )


def pants(dice: Dice, words: Words, by: Colours) -> str:
    """Trousers."""
    tint = colour_of(words, by, "sand")
    out = (
        shape("M136 80H264L284 336H218L200 172L182 336H116Z", tint)
        + shape("M214 80H264L284 336H240L216 160Z", dark(tint, 14))
        + rect(132, 74, 136, 24, dark(tint, 28), 6)
    )
    return (
        out
        + rect(190, 78, 22, 16, by["steel"], 3)
        + line("M150 116l-12 44M250 116l12 44", dark(tint, 32), 5)
        + line("M128 232h58M214 232h62", dark(tint, 24 if dice.below(2) else 0), 5)
    )


def hat(dice: Dice, words: Words, by: Colours) -> str:
    """A woollen cap, a hat with a brim, or a tube for the neck."""
    tint, second = dice.pick((by["red"], by["blue"], by["orange"])), by["white"]
    if "brim" in words:
        crown = shape("M126 262Q116 150 200 146Q284 150 274 262Z", by["sand"]) + shape(
            "M230 150Q284 160 274 262H240Z", dark(by["sand"], 14)
        )
        return (
            oval(200, 276, 152, 46, dark(by["sand"], 10))
            + oval(200, 268, 152, 44, by["sand"])
            + crown
            + rect(124, 238, 152, 24, tint, 5)
            + line("M120 296q-14 44 26 50", by["brown"], 5)
        )
    if "tube" in words:
        return (
            shape("M128 120Q200 92 272 120L286 320Q200 348 114 320Z", tint)
            + oval(200, 120, 72, 22, dark(tint, 32))
            + line("M124 200q76 26 152 0M118 246q80 28 164 0M120 160q76 24 158 0", pale(tint, 45), 8)
        )
    ribs = "".join(line(f"M{124 + 19 * n} 276v44", dark(tint, 30), 5) for n in range(9))
    cap = shape("M112 280Q104 126 200 122Q296 126 288 280Z", tint) + line(
        "M128 226l18 -20l18 20l18 -20l18 20l18 -20l18 20l18 -20l18 20", second, 9
    )
    return (
        cap
        + disc(200, 108, 32, second)
        + disc(208, 114, 20, dark(second, 8))
        + rect(100, 264, 200, 64, dark(tint, 12), 18)
        + ribs
    )


def glove(dice: Dice, words: Words, by: Colours) -> str:
    """A glove."""
    tint = by["blue"]
    fingers = "".join(rect(142 + 29 * n, 96 - (18, 30, 22, 0)[n], 26, 130, tint, 13) for n in range(4))
    out = (
        fingers + rect(142, 176, 113, 124, tint, 16) + turned(-38, rect(86, 176, 30, 96, tint, 15), 116, 240)
    )
    return (
        out
        + rect(136, 292, 124, 46, dark(tint, 24), 10)
        + rect(136, 304, 124, 9, by["orange"])
        + line("M168 204q30 18 62 0", pale(tint, 35), 6)
    )


def backpack(dice: Dice, words: Words, by: Colours) -> str:
    """A pack for a day or a week, for the hips, for a child, or the cover of one."""
    kind, tint = words[0] if words else "day", colour_of(words, by, "base")
    if "hip" in words:
        bag = line("M44 216Q200 166 356 216", dark(tint, 35), 22) + shape(
            "M104 198Q200 172 296 198L286 292Q200 316 114 292Z", tint
        )
        return (
            bag
            + line("M124 226Q200 206 276 226", by["yellow"], 7)
            + rect(52, 204, 34, 26, by["black"], 6)
            + shape("M130 248Q200 232 270 248L264 292Q200 306 136 292Z", dark(tint, 14))
        )
    if "cover" in words:
        tint = by["yellow"]
        return (
            shape("M112 326Q88 150 140 104Q200 70 260 104Q312 150 288 326Q200 352 112 326Z", tint)
            + line(
                "M126 140Q200 190 274 140M116 220Q200 262 284 220M120 310Q200 338 280 310", dark(tint, 16), 6
            )
            + disc(200, 206, 15, by["white"])
        )
    wide, top = (78, 112) if kind == "day" else (88, 84)
    left, right = 200 - wide, 200 + wide
    straps = line(f"M{left - 2} 180q-34 60 -8 138M{right + 2} 180q34 60 8 138", dark(tint, 42), 15)
    body = rect(left, top + 30, 2 * wide, 306 - top, tint, 34) + rect(
        right - 70, top + 30, 70, 306 - top, dark(tint, 8), 34
    )
    lid = shape(
        f"M{left - 6} {top + 72}Q{left - 4} {top} 200 {top - 6}Q{right + 4}"
        f" {top} {right + 6} {top + 72}Q200 {top + 98} {left - 6} {top + 72}Z",
        dark(tint, 20),
    )
    pocket = rect(left + 22, 232, 2 * wide - 44, 84, dark(tint, 12), 20) + line(
        f"M{left + 34} 256H{right - 34}", pale(tint, 55), 6
    )
    buckle = line(
        f"M{left + 42} {top + 66}V{top + 132}M{right - 42} {top + 66}V{top + 132}", by["sand"], 11
    ) + "".join(rect(x, top + 104, 20, 20, by["black"], 4) for x in (left + 32, right - 52))
    loop = line(f"M184 {top - 2}q0 -28 16 -28t16 28", dark(tint, 42), 9)
    extra = ""
    if kind == "trek":
        extra = rect(left - 20, 236, 26, 84, dark(tint, 26), 12) + rect(
            right - 6, 236, 26, 84, dark(tint, 32), 12
        )
        extra += rect(
            left - 6, 314, 2 * wide + 12, 30, dice.pick((by["orange"], by["blue"], by["yellow"])), 15
        )
    if "child" in words:
        extra += (
            disc(200, 92, 34, "#e8c39a")
            + shape("M166 90Q168 50 200 50T234 90Q200 70 166 90Z", by["red"])
            + disc(188, 96, 4, "#3b332e")
            + disc(212, 96, 4, "#3b332e")
        )
    return straps + loop + extra + body + pocket + buckle + lid


def drybag(dice: Dice, words: Words, by: Colours) -> str:
    """Bags that roll shut."""
    out = []
    for number, (name, high) in enumerate((("blue", 180), ("red", 140), ("yellow", 100), ("green", 210))):
        x, tint = 78 + 64 * number, by[name]
        out.append(
            rect(x, 336 - high, 56, high, tint, 14)
            + rect(x + 36, 336 - high, 20, high, dark(tint, 12), 12)
            + rect(x - 3, 326 - high, 62, 18, dark(tint, 30), 8)
            + line(f"M{x + 4} {326 - high}q24 -30 48 0", "#3a3d3c", 6)
        )
    return "".join(out)


KINDS: dict[str, Callable[[Dice, Words, Colours], str]] = {
    "boot": boot, "sock": sock, "gaiter": gaiter, "jacket": jacket, "shirt": shirt, "pants": pants, "hat": hat,
    "glove": glove, "backpack": backpack, "drybag": drybag,
}  # fmt: skip
