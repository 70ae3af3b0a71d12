"""Read a feed of any of the three kinds; the bytes decide which it is, not what somebody called it."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator

from marketplace.catalogue.notes import FeedUnreadable
from marketplace.catalogue.rows import RawRow
from marketplace.catalogue.tsv_feed import tsv_rows
from marketplace.catalogue.xml_feed import xml_rows

MOST_ROWS = 500_000
_HEAD = 64 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"%PDF": "PDF", b"\xd0\xcf\x11\xe0": "Excel"}


def feed_rows(pieces: Iterable[bytes]) -> Iterator[RawRow]:
    """Yield the rows of an RSS 2.0, Atom or TSV feed given as pieces of bytes, without ever holding the
    whole.

    Raises FeedUnreadable, and nothing else, when the bytes are no such feed, or have more than MOST_ROWS
    rows; rows yielded before that must then be dropped by the caller.
    """
    rest = iter(pieces)
    head = _head(rest)
    for row in _rows(head, itertools.chain([head], rest)):
        if row.number > MOST_ROWS:
            raise FeedUnreadable(
                "too_many_rows", f"The feed has more than {MOST_ROWS} rows.", "Split the catalogue."
            )
        yield row


def _head(pieces: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < _HEAD and (piece := next(pieces, None)) is not None:
        head += piece
    return head


def _rows(head: bytes, pieces: Iterable[bytes]) -> Iterator[RawRow]:
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            raise FeedUnreadable(
                "not_a_feed", f"The file is a {kind} file.", "Send the feed itself, unpacked, as text."
            )
    encoding = "utf-16" if head.startswith(_UTF16) else "utf-8-sig"
    text = head[:_HEAD].decode(encoding, "replace").lstrip("\ufeff").lstrip()
    if not text:
        raise FeedUnreadable("empty", "The file is empty.", "Send the feed as the body of the request.")
    if not text.startswith("<") and "<\x00" not in text[:4]:
        return tsv_rows(pieces, encoding)
    if _DOCTYPE.search(text):
        # Looked for before the parser sees a byte of it, and once more at the root whatever the encoding.
        reason = "The document has a DOCTYPE, which feeds don't need and attackers do."
        raise FeedUnreadable(
            "doctype_refused", reason, "Remove the <!DOCTYPE ...> line and everything in it."
        )
    return xml_rows(pieces)
