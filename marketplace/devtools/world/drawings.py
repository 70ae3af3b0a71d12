"""The pictures of the demo's products and shops, drawn here as SVG: always the same for the same product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from marketplace.devtools.world import (
    draw_books,
    draw_brewing,
    draw_camp,
    draw_coffee,
    draw_hiking,
    draw_kitchen,
    draw_tools,
    draw_trail,
)
from marketplace.devtools.world.logos import logo
from marketplace.devtools.world.shapes import PALETTES, Dice, disc, oval, pale, rect
from marketplace.devtools.world.shops import WorldProduct

__all__ = ["KINDS", "PALETTES", "logo", "picture"]

MOST_BYTES = 6 * 1024
Draw = Callable[[Dice, tuple[str, ...], Mapping[str, str]], str]
# From what `drawing` begins with to who draws it.
KINDS: dict[str, Draw] = {
    **draw_coffee.KINDS,
    **draw_brewing.KINDS,
    **draw_kitchen.KINDS,
    **draw_tools.KINDS,
    **draw_hiking.KINDS,
    **draw_camp.KINDS,
    **draw_trail.KINDS,
    **draw_books.KINDS,
}


@lru_cache(maxsize=1024)
def picture(product: WorldProduct) -> bytes:
    """Return the picture of a product: SVG of 400 by 400 in at most MOST_BYTES, without scripts or fonts of others."""
    kind, *words = product.drawing.split(":")
    palette, dice = PALETTES[product.shop], Dice(product.sku)
    back = palette.backs[dice.below(len(palette.backs))]
    drawn = KINDS[kind](dice, tuple(words), palette.by)
    shadow = oval(200, 343, 128, 15, "#3a2418", 'opacity=".16"')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400">'
        f"{rect(0, 0, 400, 400, back)}{disc(200 + dice.span(-40, 40), 190, dice.span(140, 165), pale(back, 42))}"
        f"{shadow}{drawn}</svg>"
    ).encode()
