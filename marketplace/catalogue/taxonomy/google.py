"""Google's product taxonomy: which id is which path, in English and in Dutch; pure, and read once a process.

What ships with the code (google_taxonomy.txt) is facts of version 2021-09-21; `load-taxonomy` completes them from
Google's own files (store.py). Rules of commission look at what ships and at nothing else, so that loading
more never changes what an old order earned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from marketplace.catalogue.taxonomy import categories

LANGUAGES = ("en", "nl")
DATA = "google_taxonomy.txt"
_AND = frozenset({"&", "and", "en"})
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A category of Google's by its id, with its names from wide to narrow; Dutch ones when they are known."""

    id: int
    english: Path
    dutch: Path | None = None

    @property
    def path(self) -> str:
        """Return the English path, which is the one that rules and products are written with."""
        return categories.SEPARATOR.join(self.english)

    @property
    def dutch_path(self) -> str | None:
        """Return the Dutch path, or None."""
        return None if self.dutch is None else categories.SEPARATOR.join(self.dutch)


class Taxonomy:
    """Categories, found by id or by their path in either language."""

    def __init__(self, rows: Iterable[Category]) -> None:
        self.by_id: dict[int, Category] = {row.id: row for row in rows}
        self._paths: dict[Path, Category] = {}
        for row in self.by_id.values():
            self._paths.setdefault(_key(row.english), row)
        # Where a Dutch path is an English one too (Media, Software), the English one is meant: they are the same.
        for row in self.by_id.values():
            if row.dutch is not None:
                self._paths.setdefault(_key(row.dutch), row)

    def find(self, text: str) -> Category | None:
        """Return the category that a number or a whole path names, or None; capitals, accents and & don't matter."""
        words = text.strip()
        if words.isascii() and words.isdigit():
            return self.by_id.get(int(words)) if len(words) <= 9 else None
        return self._paths.get(_key(categories.parts(words)))

    def comparable(self, path: str) -> Path:
        """Return a path for comparison: as much of it as Google knows in English, the rest as it is written.

        A path under another one stays under it, whichever of the two languages each is written in.
        """
        found = self.find(path)
        if found is not None:
            return tuple(name.casefold() for name in found.english)
        parts = categories.parts(path)
        for size in range(len(parts) - 1, 0, -1):
            known = self._paths.get(_key(parts[:size]))
            if known is not None:
                return tuple(name.casefold() for name in (*known.english, *parts[size:]))
        return categories.comparable(path)

    def told(self, path: str, language: str) -> str:
        """Return a path in a language ("en", "nl"): as much as Google names in that, the rest as it is written."""
        parts = categories.parts(path)
        for size in range(len(parts), 0, -1):
            known = self._paths.get(_key(parts[:size]))
            names = known and (known.dutch if language == "nl" else known.english)
            if names:
                return categories.SEPARATOR.join((*names, *parts[size:]))
        return path


def _key(names: Iterable[str]) -> Path:
    """Return names so that spellings of one name are equal: capitals, accents, and `&` for `and` and `en`."""
    return tuple(_spelling(name) for name in names)


@lru_cache(maxsize=20_000)
def _spelling(name: str) -> str:
    plain = "".join(
        mark for mark in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(mark)
    )
    return " ".join("&" if word in _AND else word for word in plain.split())


def read_data(text: str) -> list[Category]:
    """Return the categories of our own file: `id | English | Dutch`, two spaces further in for each level.

    Raises ValueError that names the line which is no such line.
    """
    found: list[Category] = []
    above: list[Category] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip(" "))) // 2
        fields = [field.strip() for field in line.split("|")]
        if len(fields) not in (2, 3) or not fields[0].isdigit() or depth > len(above):
            raise ValueError(f"line {number} is no category: {line!r}")
        del above[depth:]
        parent = above[-1] if above else None
        english = (*(parent.english if parent else ()), fields[1])
        dutch: Path | None = None
        if len(fields) == 3 and fields[2] and (parent is None or parent.dutch is not None):
            dutch = (*(parent.dutch or () if parent else ()), fields[2])
        above.append(Category(int(fields[0]), english, dutch))
        found.append(above[-1])
    return found


@cache
def bundled() -> Taxonomy:
    """Return what ships with the code."""
    text = (resources.files("marketplace.catalogue.taxonomy") / DATA).read_text(encoding="utf-8")
    return Taxonomy(read_data(text))


_known: list[Taxonomy] = []


def known() -> Taxonomy:
    """Return what this process knows: what ships, and what was loaded besides it when somebody said so."""
    return _known[0] if _known else bundled()


def use(more: Mapping[int, Category]) -> None:
    """Let this process know categories that were loaded; those that ship stay as they are."""
    _known[:] = [Taxonomy((dict(more) | bundled().by_id).values())]


def path_of(text: str) -> str | None:
    """Return the English path of a category named by number or by its whole path in English or Dutch; else None."""
    found = known().find(text)
    return None if found is None else found.path


def comparable(path: str) -> Path:
    """Return a path as rules of commission compare it; only what ships with the code is looked at."""
    return bundled().comparable(path)


def told(path: str, language: str) -> str:
    """Return a path in a language ("en", "nl"), as far as this process knows its names in that."""
    return _told(path, language, known())


@lru_cache(maxsize=4096)
def _told(path: str, language: str, names: Taxonomy) -> str:
    return names.told(path, language)


@lru_cache(maxsize=4096)
def filed(google: str, own: str, names: Taxonomy) -> str:
    """Return the path a product lies under: Google's, by number or in words, else the shop's own, else a number."""
    if found := names.find(google) if google else None:
        return found.path
    if google and not google.isdigit():
        return categories.normalise(google)
    return categories.normalise(own) or categories.normalise(google)
