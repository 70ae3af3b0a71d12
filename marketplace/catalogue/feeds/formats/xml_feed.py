"""Google Merchant feeds in XML, RSS or Atom, read row by row from pieces of text.

Nothing outside the document is ever fetched, a DOCTYPE is refused (so no entity can be declared), and rows
are forgotten once read: memory is bounded by one row of at most MOST_ROW_BYTES, whatever the document holds.

Google's elements are known by their name whatever their namespace, because shops declare it wrongly or not at all; of
two with one name Google's own wins, then the plain one, and the first of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.entities import html5
from typing import Any

from lxml import etree

from marketplace.catalogue.feeds.formats.encodings import BROKEN
from marketplace.catalogue.rows.notes import FeedUnreadable, ReadAs
from marketplace.catalogue.rows.reading import FIELDS, RawRow

MOST_ROW_BYTES = 1024 * 1024
_MOST_IGNORED, _MOST_TAGS = 100, 1000
_GOOGLE = "http://base.google.com/ns/1.0"
_ATOM = "http://www.w3.org/2005/Atom"
# Local names of the root and of its rows; RDF is RSS 1.0.
_ROWS = {"rss": "item", "RDF": "item", "feed": "entry"}
_ATOM_NAMES = {"summary": "description", "content": "description"}
_SAVE_AGAIN = (
    "Export the feed again as Google Merchant RSS 2.0, Atom, TSV or CSV; see that it opens in a browser."
)
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,500}\?>")
_PROLOG = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)
_ROOT = re.compile(r"<([A-Za-z_][\w.-]*(?::[\w.-]+)?)(?=[\s/>])")
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,30}):[A-Za-z_]")
_DECLARES = re.compile(r"xmlns:([A-Za-z_][\w.-]{0,30})\s*=")
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_LONGEST_ENTITY = 34
_MARKUP = frozenset("<>&\"'")
_CONTROLS = bytes(sorted({*range(32)} - {9, 10, 13}))
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WHY = (
    ("xmlParseEntityRef", "An & that stands alone must be written as &amp;."),
    ("EntityRef: expecting ';'", "An & inside of an address or a text must be written as &amp;."),
    (
        "Entity '",
        "Entities of HTML such as &nbsp; or &eacute; mean nothing in XML: write the character itself.",
    ),
    ("tag mismatch", "An element is opened and not closed, or the other way round."),
)


def xml_rows(text: Iterable[str], head: str, read_as: ReadAs) -> Iterator[RawRow]:
    """Yield the rows of an XML feed in order, numbered from 1; `head` is the beginning of the text once more.

    Raises FeedUnreadable where the document is not well-formed, has a DOCTYPE, is no feed, or holds more than
    MOST_ROW_BYTES between the ends of two rows. What was read before that is yielded first.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in (*_ROWS, "item", "entry", "html")],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    _refuse_others(head)
    feed = _Feed(read_as)
    since = 0
    try:
        for block in _prepared(text, head):
            broken = None
            try:
                parser.feed(block)
            except etree.LxmlError as error:
                broken = error
            # Rows before a break are there, too.
            rows = list(feed.rows(parser.read_events()))
            yield from rows
            if broken is not None:
                raise _not_well_formed(broken) from broken
            since = 0 if rows else since + len(block)
            if since > MOST_ROW_BYTES:
                reason = f"More than {MOST_ROW_BYTES} bytes come between two rows."
                raise FeedUnreadable("row_too_large", reason, "Split what is that large.")
        parser.close()
        yield from list(feed.rows(parser.read_events()))
    except etree.LxmlError as error:
        raise _not_well_formed(error) from error
    if feed.row_name is None:
        raise _not_a_feed(None)


def _prepared(text: Iterable[str], head: str) -> Iterator[bytes]:
    """Yield UTF-8 without the declaration, which may name another encoding, and with the namespaces that lack."""
    declared = {"xml", "xmlns", *_DECLARES.findall(head)}
    lacking = sorted({*_PREFIX.findall(head)} - declared)
    first = True
    for piece in _spelt_out(text):
        if first and piece:
            first = False
            if found := _DECLARATION.match(piece):
                # Blanks instead, so that lines and columns stay what they are.
                piece = re.sub(r"[^\n\r]", " ", found[0]) + piece[found.end() :]
            root = _root(piece)
            if lacking and root is not None:
                spaces = "".join(
                    f' xmlns:{prefix}="{_GOOGLE if prefix == "g" else f"urn:undeclared:{prefix}"}"'
                    for prefix in lacking[:20]
                )
                piece = piece[: root.end()] + spaces + piece[root.end() :]
        block = piece.encode("utf-8", "replace")
        if len(block.translate(None, _CONTROLS)) != len(block):
            block = _CONTROL.sub(BROKEN.encode(), block)
        yield block


def _spelt_out(text: Iterable[str]) -> Iterator[str]:
    """Yield the text with HTML's own entities, which XML doesn't know, as the characters that they mean.

    What was to stay an entity is none of these: the five of XML, numbers, and names that mean nothing.
    """
    rest = ""
    for piece in text:
        piece, rest = rest + piece, ""
        if "&" in piece:
            # An entity may go on in the next piece.
            if (last := piece.rfind("&", -_LONGEST_ENTITY)) >= 0 and ";" not in piece[last:]:
                piece, rest = piece[:last], piece[last:]
            piece = _NAMED.sub(_character, piece)
        yield piece
    yield rest


def _character(found: re.Match[str]) -> str:
    meant = html5.get(f"{found[1]};", "")
    # What would be markup stays an entity.
    return meant if meant and _MARKUP.isdisjoint(meant) else found[0]


def _root(head: str) -> re.Match[str] | None:
    """Return the opening of the root element, when it stands in the head."""
    at = 0
    while found := _PROLOG.match(head, at):
        at = found.end()
    return _ROOT.match(head, at)


def _refuse_others(head: str) -> None:
    root = _root(head)
    # Looked for before the parser sees a byte of it, and once more at the root whatever comes before.
    if _DOCTYPE.search(head, 0, root.start() if root else len(head)):
        raise _doctype()
    if root is not None and root[1].rpartition(":")[2] not in _ROWS:
        raise _not_a_feed(root[1])


def _doctype() -> FeedUnreadable:
    reason = "The document has a DOCTYPE, which feeds don't need and attackers do."
    return FeedUnreadable("doctype_refused", reason, "Remove the <!DOCTYPE ...> line and everything in it.")


def _not_a_feed(root: str | None) -> FeedUnreadable:
    name = f"its root is <{root[:60]}>" if root else "its root is another one"
    reason = f"The document is XML but neither RSS nor Atom: {name}."
    return FeedUnreadable("not_a_feed", reason, _SAVE_AGAIN)


def _not_well_formed(error: etree.LxmlError) -> FeedUnreadable:
    """Return the parser's words for the report, without anything that PostgreSQL can't hold."""
    said = str(error).encode("ascii", "replace").decode("ascii").replace("\x00", "?")[:300]
    line, column = getattr(error, "position", None) or (None, None)
    fix = next((fix for words, fix in _WHY if words in said), _SAVE_AGAIN)
    reason = f"The XML is not well-formed: {said}."
    return FeedUnreadable("not_well_formed", reason, fix, line=line, column=column)


class _Feed:
    """Knows which document this is, counts rows and forgets what was read."""

    def __init__(self, read_as: ReadAs) -> None:
        self.row_name: str | None = None
        self.count = 0
        self._read_as = read_as
        self._known: dict[str, tuple[int, str] | None] = {}

    def rows(self, events: Iterable[tuple[str, Any]]) -> Iterator[RawRow]:
        for event, element in events:
            if self.row_name is None:
                self._begin(element)
            elif event == "end" and element.tag.rpartition("}")[2] == self.row_name:
                self.count += 1
                yield RawRow(self.count, self._fields(element))
                _forget(element)

    def _begin(self, element: Any) -> None:
        tree = element.getroottree()
        if tree.docinfo.doctype:
            raise _doctype()
        root = tree.getroot().tag.rpartition("}")[2]
        if root not in _ROWS:
            raise _not_a_feed(root)
        self.row_name = _ROWS[root]
        self._read_as.format = "atom" if root == "feed" else "rss"

    def _fields(self, element: Any) -> dict[str, str]:
        """Return the words of a row by field."""
        found: dict[str, str] = {}
        ranks: dict[str, int] = {}
        known = self._known
        for child in element:
            tag = child.tag
            place = known[tag] if tag in known else self._place(tag)
            if place is None:
                continue
            rank, name = place
            if rank >= ranks.get(name, 9):
                continue
            words = _words(child)
            if not words and name == "link" and child.get("rel", "alternate") == "alternate":
                words = child.get("href") or ""
            if words:
                found[name], ranks[name] = words, rank
        return found

    def _place(self, tag: Any) -> tuple[int, str] | None:
        """Return the field that an element means, and how far behind others of that name it stands."""
        if not isinstance(tag, str):
            return None
        space, _, name = tag.removeprefix("{").rpartition("}")
        name = name if name in FIELDS else ""
        rank = 0 if space.rstrip("/").endswith("base.google.com/ns/1.0") else 1 if space in ("", _ATOM) else 2
        if space == _ATOM and not name:
            rank, name = 3, _ATOM_NAMES.get(tag.rpartition("}")[2], "")
        place = (rank, name) if name else None
        if len(self._known) < _MOST_TAGS:
            self._known[tag] = place
            if place is None and len(self._read_as.ignored) < _MOST_IGNORED:
                self._read_as.ignored.append(tag.rpartition("}")[2][:100])
        return place


def _words(element: Any) -> str:
    return element.text or "" if len(element) == 0 else "".join(element.itertext())


def _forget(element: Any) -> None:
    """Drop a row and everything before it, so that memory doesn't grow with the feed."""
    element.clear()
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
