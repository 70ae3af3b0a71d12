"""A page's HTML: its scripts of JSON-LD, its meta tags, title and canonical address. Nothing of it is ever run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

MOST_SCRIPTS = 50
MOST_SCRIPT_CHARACTERS = 1_000_000
_SHOWN = ("title", "meta", "link", "script", "base", "html")


@dataclass(slots=True)
class Document:
    """What of a page is looked at, in the order in which it stands there."""

    scripts: list[str] = field(default_factory=list)
    metas: dict[str, list[str]] = field(default_factory=dict)
    title: str = ""
    canonical: str = ""
    left_out: int = 0

    def meta(self, *names: str) -> str:
        """Return the first of these meta tags that says something."""
        return next((word for name in names for word in self.metas.get(name, ()) if word.strip()), "")


def read(text: str) -> Document:
    """Return what of a page is looked at; never raises, whatever the text is."""
    document = Document()
    room = MOST_SCRIPT_CHARACTERS
    for element in _elements(text):
        tag = element.tag
        if tag == "script" and _is_json_ld(element.get("type") or ""):
            content = _inner(element)
            if len(document.scripts) == MOST_SCRIPTS or len(content) > room:
                document.left_out += 1
            elif content.strip():
                document.scripts.append(content)
                room -= len(content)
        elif tag == "meta":
            name = (
                (element.get("property") or element.get("name") or element.get("itemprop") or "")
                .strip()
                .lower()
            )
            if name and len(document.metas.setdefault(name, [])) < 20:
                document.metas[name].append(element.get("content") or element.get("value") or "")
        elif tag == "title" and not document.title and not _in_svg(element):
            document.title = _inner(element)
        elif tag == "link" and "canonical" in (element.get("rel") or "").lower().split():
            document.canonical = document.canonical or (element.get("href") or "")
    return document


def _elements(text: str) -> Iterator[etree._Element]:
    # Always UTF-8 here, so that what the page says of its encoding is not believed once more.
    content = text.replace("\x00", "").encode("utf-8", "replace")
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.LxmlError, ValueError):
        return
    # A document of nothing has no root, whatever the types say.
    yield from (root.iter(*_SHOWN) if isinstance(root, etree._Element) else ())


def _inner(element: etree._Element) -> str:
    return "".join(str(piece) for piece in element.itertext())


def _is_json_ld(kind: str) -> bool:
    return kind.partition(";")[0].strip().strip("\"'").lower() in (
        "application/ld+json",
        "application/json+ld",
    )


def _in_svg(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == "svg"
