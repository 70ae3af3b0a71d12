"""An adviser's card: the QR that stands beside the spoken code."""

from __future__ import annotations

import io

import segno

from marketplace.core.errors import NotFound
from tracking.links import service
from tracking.links.models import DiscountCode, TrackedLink


def address(code: DiscountCode, link: TrackedLink | None) -> str:
    """Return what a phone opens: the adviser's own link to the offer. Raises NotFound when there is none."""
    if link is None:
        raise NotFound("link of code", code.id)
    return service.url(link)


def drawing(text: str, *, title: str) -> bytes:
    """Return a QR as SVG of its own, with the quiet zone that scanners need; the same text gives the same bytes.

    A scratched card still reads: error correction M restores 15 % of it.
    """
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out,
        kind="svg",
        scale=4,
        border=4,
        dark="#000",
        light="#fff",
        title=title,
        svgclass=None,
        lineclass=None,
    )
    return out.getvalue()
