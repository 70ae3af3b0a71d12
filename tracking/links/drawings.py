"""QR codes of links: as SVG for print, as PNG for screens; the same address gives the same bytes."""

from __future__ import annotations

import io
from functools import lru_cache

import segno

# Error correction M restores 15 % of a scratched code; the border is the quiet zone that scanners need.
ERROR, BORDER, DOT = "m", 4, 12


def png(address: str) -> bytes:
    """Return a QR as PNG, 12 pixels a dot: sharp in print at 5 cm."""
    out = io.BytesIO()
    segno.make(address, error=ERROR, micro=False).save(out, kind="png", scale=DOT, border=BORDER)
    return out.getvalue()


@lru_cache(maxsize=1024)
def inline(address: str) -> str:
    """Return a QR as SVG to stand in a page: scaled by its box, dark on white in every theme. Pure, and slow."""
    drawn: str = segno.make(address, error=ERROR, micro=False).svg_inline(
        border=BORDER, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None
    )
    return drawn
