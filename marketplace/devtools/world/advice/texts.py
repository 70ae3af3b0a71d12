"""The written words of the demo world, read from texts/*.toml: pages by adviser, and what readers said of them.

All of it is invented, as are the products that it is about. A block's id is worked out: of a product its SKU, of
anything else its type and its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "texts"
# Files that are not the pages of one adviser.
DIALOGUE, JUDGED = "dialogue", "judged"


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page as its adviser writes it on a day.

    ends: published, draft, withdrawn (a week later); useful: how many readers find it useful; twin: the key of the
    same advice in the other language; update: what is said differently later (`day`, fields, `blocks` by id).
    """

    key: str
    adviser: str
    day: int
    kind: str
    language: str
    title: str
    verdict: str
    topics: tuple[str, ...]
    blocks: tuple[Mapping[str, Any], ...]
    ends: str = "published"
    useful: int = 0
    twin: str | None = None
    update: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cards(self) -> tuple[Mapping[str, Any], ...]:
        """Return its product cards."""
        return tuple(block for block in self.blocks if block["type"] == "product")

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return everything that readers read, in pieces."""
        found = [self.title, self.verdict]
        for block in (*self.blocks, *self.update.get("blocks", {}).values()):
            found += [str(block[name]) for name in _READ if block.get(name)]
            found += [*block.get("plus", ()), *block.get("minus", ())]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """An answer by the adviser or by the shop; product: a SKU that it suggests."""

    by: str
    body: str
    product: str | None = None
    useful: int = 0


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """A question about a page (perhaps about a card on it), to an adviser, or to the shop of a product (a SKU)."""

    day: int
    language: str
    body: str
    name: str | None = None
    page: str | None = None
    card: str | None = None
    adviser: str | None = None
    product: str | None = None
    set_aside: str | None = None
    answers: tuple[WrittenAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenReview:
    """A review of a product (a SKU); order: the reference of the order that it names, none without a purchase."""

    day: int
    sku: str
    stars: int
    title: str
    body: str
    name: str
    language: str = "nl"
    order: str | None = None
    useful: int = 0


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report of a page; outcome: uphold, reject, or wait."""

    day: int
    page: str
    reason: str
    statement: str
    language: str
    outcome: str
    decision: str = ""


_READ = ("label", "why", "for_whom", "text", "caption", "name", "obtained_note", "alt")


@cache
def pages() -> tuple[WrittenPage, ...]:
    """Return all pages in the order in which they are written."""
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    found = [
        _page(adviser, one)
        for adviser in names
        if adviser not in (DIALOGUE, JUDGED)
        for one in _read(adviser)["page"]
    ]
    return tuple(sorted(found, key=lambda one: (one.day, one.key)))


@cache
def questions() -> tuple[WrittenQuestion, ...]:
    """Return all questions with their answers, in the order in which they are asked."""
    found = []
    for one in _read(DIALOGUE)["question"]:
        answers = tuple(WrittenAnswer(**answer) for answer in one.pop("answer", ()))
        found.append(WrittenQuestion(**one, answers=answers))
    return tuple(sorted(found, key=lambda one: one.day))


@cache
def reviews() -> tuple[WrittenReview, ...]:
    """Return all reviews in the order in which they are written."""
    return tuple(sorted((WrittenReview(**one) for one in _read(JUDGED)["review"]), key=lambda one: one.day))


@cache
def reports() -> tuple[WrittenReport, ...]:
    """Return all reports of pages."""
    return tuple(WrittenReport(**one) for one in _read(JUDGED)["report"])


def follows() -> Mapping[str, Any]:
    """Return who follows: `day`, `accounts` (who by adviser) and `mails` (addresses by adviser)."""
    found: Mapping[str, Any] = _read(JUDGED)["follow"]
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _page(adviser: str, given: dict[str, Any]) -> WrittenPage:
    blocks = tuple(_block(place, block) for place, block in enumerate(given.pop("block"), 1))
    if "update" in given:
        said = {block: _flowed(words) for block, words in given["update"]["blocks"].items()}
        given["update"] = {**given["update"], "blocks": said}
    given["verdict"] = _flowing(given["verdict"])
    return WrittenPage(adviser=adviser, topics=tuple(given.pop("topics", ())), blocks=blocks, **given)


def _block(place: int, given: dict[str, Any]) -> Mapping[str, Any]:
    """Return a block with its id, its texts without the line breaks that only the file needs."""
    return {"id": given["sku"].lower() if "sku" in given else f"{given['type']}-{place}"} | _flowed(given)


def _flowed(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _flowing(value) if isinstance(value, str) else value for name, value in given.items()}


def _flowing(text: str) -> str:
    """Return paragraphs without line breaks inside; what begins with a sign of Markdown keeps its lines."""
    paragraphs = [one.strip() for one in text.split("\n\n")]
    return "\n\n".join(
        one if one.startswith(("-", ">", "1.", "#")) else " ".join(one.split()) for one in paragraphs if one
    )
