"""Google Merchant feeds in XML, RSS 2.0 or Atom, read row by row from pieces of bytes.

Nothing outside the document is ever fetched, a DOCTYPE is refused (so no entity can be declared), and rows
are forgotten once read: memory is bounded by one row of at most MOST_ROW_BYTES, whatever the document holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from marketplace.catalogue.notes import FeedUnreadable
from marketplace.catalogue.rows import FIELDS, RawRow

MOST_ROW_BYTES = 1024 * 1024
_STEP = 64 * 1024
_GOOGLE = "{http://base.google.com/ns/1.0}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_ROOTS = {"rss": "item", f"{_ATOM}feed": f"{_ATOM}entry"}
_PLAIN = {"title", "description", "link", "id"}
_ATOM_NAMES = {"title": "title", "summary": "description", "content": "description", "id": "id"}
_SAVE_AGAIN = (
    "Export the feed again as Google Merchant RSS 2.0, Atom or TSV, and check that it opens in a browser."
)


def xml_rows(pieces: Iterable[bytes]) -> Iterator[RawRow]:
    """Yield the rows of an XML feed in order, numbered from 1.

    Raises FeedUnreadable where the document is not well-formed, has a DOCTYPE, is no feed, or holds more than
    MOST_ROW_BYTES between the ends of two rows.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=(*_ROOTS, *_ROOTS.values(), "{*}html"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    feed = _Feed()
    since = 0
    try:
        for piece in pieces:
            for start in range(0, len(piece), _STEP):
                step = piece[start : start + _STEP]
                parser.feed(step)
                rows = list(feed.rows(parser.read_events()))
                yield from rows
                since = 0 if rows else since + len(step)
                if since > MOST_ROW_BYTES:
                    reason = f"More than {MOST_ROW_BYTES} bytes come between two rows."
                    raise FeedUnreadable("row_too_large", reason, "Split what is that large.")
        parser.close()
        yield from list(feed.rows(parser.read_events()))
    except etree.LxmlError as error:
        raise FeedUnreadable("not_well_formed", _reason(error), _SAVE_AGAIN) from error
    if feed.row_tag is None:
        raise FeedUnreadable("not_a_feed", "The document is XML but neither RSS nor Atom.", _SAVE_AGAIN)


def _reason(error: etree.LxmlError) -> str:
    """Return the parser's words for the report, without anything that PostgreSQL can't hold."""
    said = str(error).encode("ascii", "replace").decode("ascii").replace("\x00", "?")[:300]
    return f"The XML is not well-formed: {said}."


class _Feed:
    """Knows which document this is, counts rows and forgets what was read."""

    def __init__(self) -> None:
        self.row_tag: str | None = None
        self.count = 0

    def rows(self, events: Iterable[tuple[str, Any]]) -> Iterator[RawRow]:
        for event, element in events:
            if self.row_tag is None:
                self._begin(element)
            elif event == "end" and element.tag == self.row_tag:
                self.count += 1
                yield RawRow(self.count, _fields(element))
                _forget(element)

    def _begin(self, element: Any) -> None:
        if element.getroottree().docinfo.doctype:
            reason = "The document has a DOCTYPE, which feeds don't need and attackers do."
            raise FeedUnreadable(
                "doctype_refused", reason, "Remove the <!DOCTYPE ...> line and everything in it."
            )
        if element.getparent() is not None or element.tag not in _ROOTS:
            raise FeedUnreadable("not_a_feed", "The document is XML but neither RSS nor Atom.", _SAVE_AGAIN)
        self.row_tag = _ROOTS[element.tag]


def _fields(element: Any) -> dict[str, str]:
    """Return the words of a row by field; Google's element wins over the plain one, the first of two wins."""
    found: dict[str, str] = {}
    plain: dict[str, str] = {}
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            continue
        if tag.startswith(_GOOGLE):
            name = tag.removeprefix(_GOOGLE)
            if name in FIELDS:
                found.setdefault(name, _words(child))
        elif tag in _PLAIN or tag in FIELDS:
            plain.setdefault(tag, _words(child))
        elif tag == f"{_ATOM}link":
            if child.get("rel", "alternate") == "alternate":
                plain.setdefault("link", child.get("href") or "")
        elif tag.startswith(_ATOM) and (known := _ATOM_NAMES.get(tag.removeprefix(_ATOM))):
            plain.setdefault(known, _words(child))
    return plain | found


def _words(element: Any) -> str:
    return element.text or "" if len(element) == 0 else "".join(element.itertext())


def _forget(element: Any) -> None:
    """Drop a row and everything before it, so that memory doesn't grow with the feed."""
    element.clear()
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
