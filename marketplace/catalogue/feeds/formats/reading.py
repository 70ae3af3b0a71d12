"""Read a feed of any kind; the bytes decide which it is, not what somebody called it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from marketplace.catalogue.feeds.formats.delimited import delimited_rows
from marketplace.catalogue.feeds.formats.encodings import FeedText
from marketplace.catalogue.feeds.formats.xml_feed import xml_rows
from marketplace.catalogue.rows.notes import FeedUnreadable, ReadAs
from marketplace.catalogue.rows.reading import RawRow

MOST_ROWS = 500_000
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"%PDF": "PDF", b"\xd0\xcf\x11\xe0": "Excel"}


class Feed:
    """A feed given as pieces of bytes, whose rows can be iterated once; `read_as` tells how it was read so far.

    charset: what the sender says the encoding is, which counts where the bytes don't say it themselves.
    """

    def __init__(self, pieces: Iterable[bytes], charset: str | None = None) -> None:
        self.read_as = ReadAs()
        self._text = FeedText(pieces, charset)
        self._see()

    def __iter__(self) -> Iterator[RawRow]:
        """Yield the rows, without ever holding the whole.

        Raises FeedUnreadable, and nothing else, when the bytes are no feed, or have more than MOST_ROWS rows; rows
        yielded before that must then not be applied by the caller.
        """
        try:
            for row in self._rows():
                if row.number > MOST_ROWS:
                    reason = f"The feed has more than {MOST_ROWS} rows."
                    raise FeedUnreadable("too_many_rows", reason, "Split the catalogue.")
                yield row
        finally:
            self._see()

    def _see(self) -> None:
        self.read_as.encoding, self.read_as.notes = self._text.encoding, self._text.notes

    def _rows(self) -> Iterator[RawRow]:
        for magic, kind in _PACKED.items():
            if self._text.start.startswith(magic):
                raise FeedUnreadable(
                    "not_a_feed", f"The file is a {kind} file.", "Send the feed itself, unpacked, as text."
                )
        head = self._text.head.lstrip()
        if not head:
            raise FeedUnreadable("empty", "The file is empty.", "Send the feed as the body of the request.")
        if not head.startswith("<"):
            return delimited_rows(self._text, self.read_as)
        return xml_rows(self._text, head, self.read_as)


def feed_rows(pieces: Iterable[bytes], charset: str | None = None) -> Iterator[RawRow]:
    """Yield the rows of a feed, as Feed does; for those who don't ask how it was read."""
    return iter(Feed(pieces, charset))
