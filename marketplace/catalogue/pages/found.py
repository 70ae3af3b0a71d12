"""What was found on a page: words by the names of a feed's fields, each with where it stood."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from marketplace.catalogue.rows.notes import Note

JSON_LD, OPENGRAPH, HTML = "json-ld", "opengraph", "html"
MOST_TEXT = 20_000
# Controls and lone surrogates: no database holds them, and a page that has them means nothing by it.
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_TAG = re.compile(r"<[/!A-Za-z][^<>]{0,1000}>")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Found:
    """Words of a page, and where they stood: json-ld, opengraph or html."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class PageRead:
    """What a page says about its product.

    url: where it was read in the end; found: by the names of a feed's fields (`id` is the article number);
    variants: the same for each variant, where there are several; notes: what is to be said about it.
    """

    url: str
    found: Mapping[str, Found]
    variants: tuple[Mapping[str, str], ...] = ()
    notes: tuple[Note, ...] = ()

    def words(self, sku: str | None = None) -> dict[str, str]:
        """Return the words as a row of a feed has them; of the variant with that article number where there is one."""
        words = {name: found.value for name, found in self.found.items()}
        for variant in self.variants:
            if sku is not None and variant.get("id") == sku:
                # What one variant doesn't say about price and stock may not come from another one.
                kept = {name: value for name, value in words.items() if name not in OF_ONE_VARIANT}
                return kept | dict(variant)
        return words


OF_ONE_VARIANT = frozenset({"id", "price", "sale_price", "availability", "gtin"})


@dataclass(slots=True)
class Gathering:
    """Collects words while a page is read; what is found first counts."""

    url: str
    found: dict[str, Found] = field(default_factory=dict)
    variants: list[dict[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def put(self, words: Mapping[str, str], origin: str) -> None:
        """Take words for the fields that have none yet."""
        for name, value in words.items():
            if value and name not in self.found:
                self.found[name] = Found(value, origin)

    def say(self, name: str, code: str, reason: str, fix: str) -> None:
        """Take a remark, once."""
        note = Note(name, code, reason, fix)
        if note not in self.notes:
            self.notes.append(note)


def plain(value: object, most: int = MOST_TEXT) -> str:
    """Return text of a page as plain text: entities undone, tags and controls dropped, white space once."""
    if not isinstance(value, str):
        return ""
    text = value[: most * 2]
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    return _SPACES.sub(" ", _BAD.sub("", text)).strip()[:most].rstrip()


def address(base: str, value: object) -> str:
    """Return an address of a page in full, or nothing when it is none."""
    if not isinstance(value, str) or not value.strip() or len(value) > 4000:
        return ""
    try:
        full = urljoin(base, html.unescape(_BAD.sub("", value)).strip())
        return full if urlsplit(full).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def same_host(one: str, other: str) -> bool:
    """Tell whether two addresses are on one host; www. doesn't matter."""
    try:
        hosts = [(urlsplit(url).hostname or "").lower().removeprefix("www.") for url in (one, other)]
    except ValueError:
        return False
    return hosts[0] == hosts[1] != ""
