"""Walks cells: asks, compares the status with the data files, and looks for moved rows and for marks of others."""

from __future__ import annotations

import collections
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from werkzeug.test import TestResponse

from tests.walk.canaries import UUID
from tests.walk.cells import Cell, Product
from tests.walk.harness import SAFE, Harness, body_of
from tests.walk.matrix import ALLOWED
from tests.walk.town import Town

# What an adviser may see of another tenant, because it is published: rows of these tables that stand in the open.
PUBLISHED = {
    "offers.read": ("offer:",),
    "adviser_pages.offers": ("offer:", "commission_terms:", "product:", "shop_domain:"),
    "terms.read": ("commission_terms:", "offer:"),
    "products.read": ("product:",),
    "partnerships.apply": ("offer:",),
    "advice.read": (),
    "questions.read": (),
    "reviews.read": (),
    "public.advice": (),
    "public.product": (),
    "public.review": (),
    "public.take_part": (),
}
REFUSALS = (401, 403, 404)


@dataclass
class Walk:
    """One way through the product; `found` is what was wrong."""

    town: Town
    product: Product
    harness: Harness
    # Without the limits of the code, statuses of calls about other people's rows may be any refusal or an empty list.
    strict: bool = True
    found: list[str] = field(default_factory=list)
    statuses: collections.Counter[str] = field(default_factory=collections.Counter)
    walked: int = 0

    def __post_init__(self) -> None:
        b = self.town.b
        offers = {f"offer:{b.ids['offer']}", f"product:{b.ids['product']}"}
        statement = "SELECT id FROM commission_terms WHERE offer_id = :o"
        terms = {
            name: {f"commission_terms:{row['id']}" for row in b.trade.rows(statement, o=b.ids[name])}
            for name in ("offer", "offer_paused")
        }
        self.open = offers | terms["offer"]
        # Published once, and to row-level security still there for every adviser.
        self.paused = {f"offer:{b.ids['offer_paused']}"} | terms["offer_paused"]
        self.public_people = {f"adviser:{b.anne}", f"adviser:{b.bert.id}"}

    def run(self, cells: Iterable[Cell]) -> Walk:
        """Walk some cells."""
        for cell in cells:
            self.step(cell)
        return self

    def step(self, cell: Cell) -> bool:
        """Walk one cell; return whether it was as it must be."""
        self.walked += 1
        path, options = self.product.request(cell)
        answer = self.harness.ask(cell.method, path, cell.who.headers, **options)
        wrong = [*self._status(cell, answer), *self._leaks(cell, answer, f"{path} {options}")]
        kept = "no-store" not in answer.headers.get("Cache-Control", "")
        if kept and cell.who.name != "anonymous" and not path.startswith(("/static/", "/pictures/")):
            wrong.append("may be kept by a cache")
        wrong += self._hidden_list(cell, answer)
        if self.harness.moved():
            if (not cell.is_allowed and (self.strict or self._of_others(cell))) or cell.method in SAFE:
                wrong += [f"changed {table}" for table in self.harness.differences()]
            self.harness.undo()
        if wrong:
            self.found.append(
                f"{cell}: {'; '.join(wrong)} | {answer.status_code} {answer.get_data()[:160]!r}"
            )
        return not wrong

    def _status(self, cell: Cell, answer: TestResponse) -> list[str]:
        got = answer.status_code
        kind = "refused" if not cell.is_allowed else f"allowed {got}"
        self.statuses[kind] += 1
        if cell.is_allowed and (got in REFUSALS or got >= 500 or got == 405):
            return (
                [f"wanted to be allowed, got {got}"]
                if len(cell.expected) == 1 or got not in cell.expected
                else []
            )
        by_rows = cell.route is not None and cell.route.row.asked_of(cell.who) == ALLOWED
        if not cell.is_allowed and got not in cell.expected and (self.strict or not by_rows):
            return [f"wanted {sorted(map(str, cell.expected))}, got {got}"]
        return []

    def _hidden_list(self, cell: Cell, answer: TestResponse) -> list[str]:
        """Say when a list, narrowed to a colleague, tells an adviser which of the adviser's own rows are that one's too."""
        if cell.route is None or cell.method != "GET" or answer.status_code != 200 or cell.who.shops:
            return []
        for name, thing in cell.things:
            words = cell.route.parameters[name]
            if words == "hides" and thing.advisers and cell.who.adviser not in (None, *thing.advisers):
                return [] if answer.get_json()["items"] == [] else ["lists what is a colleague's too"]
        return []

    def _of_others(self, cell: Cell) -> bool:
        """Tell whether a cell is refused because of another tenant's thing; a colleague's is the code's question."""
        foreign = any(not thing.shop_in(cell.who.shops) for _, thing in cell.things)
        return foreign and 404 in cell.expected

    def _leaks(self, cell: Cell, answer: TestResponse, sent: str) -> list[str]:
        shown = body_of(answer)
        # What came with the request may come back with a refusal.
        marks = {mark: row for mark, row in self.town.marks.seen_in(shown).items() if mark not in sent}
        seen = set(marks.values())
        hidden = (
            {one for one in cell.who.hidden if one in shown and one not in sent} if cell.who.hidden else set()
        )
        if not self.strict and cell.who.columns & {"adviser", "adviser_key"}:
            # The database shows advisers what is published, whichever route asks.
            seen -= self.open | self.paused | {f"shop:{self.town.b.shop}"}
        if cell.is_allowed:
            seen -= self._published(cell, set(UUID.findall(sent)))
            if cell.who.columns & {"finance", "admin"}:
                return []
            if cell.route is not None and cell.route.row.name in PUBLISHED:
                hidden = set()
        return [f"shows {row}" for row in sorted(seen)[:3]] + [
            f"shows hidden {one}" for one in sorted(hidden)[:3]
        ]

    def _published(self, cell: Cell, sent: set[str]) -> set[str]:
        """Return the rows of the other tenant that an answer may show, because everybody or every adviser may."""
        name = cell.route.row.name if cell.route else ""
        if name in ("public.product", "public.review"):
            # What is sold is the same for everybody.
            return {row for row in self.open if row.startswith("product:")}
        found = {
            row for row in self.public_people if name == "advisers.read" and row.rpartition(":")[2] in sent
        }
        if name in PUBLISHED and cell.who.columns & {"adviser", "adviser_key"}:
            found |= {row for row in self.open if row.startswith(PUBLISHED[name])}
            found |= {row for row in (f"offer:{one}" for one in sent) if name == "partnerships.apply"}
            # The shop's id stands beside what is published.
            found.add(f"shop:{self.town.b.shop}")
        return found


def sample(cells: list[Cell], size: int, seed: int) -> list[Cell]:
    """Return that many cells, drawn by the seed: half of them where the thing decides, few of methods that are not there."""
    chosen = random.Random(seed)
    kinds: dict[str, list[Cell]] = {"thing": [], "person": [], "method": []}
    for cell in cells:
        asked = cell.route.row.asked_of(cell.who) if cell.route else None
        kinds["method" if cell.route is None else "thing" if asked == ALLOWED else "person"].append(cell)
    sizes = {"thing": size // 2, "person": size // 2 - size // 10, "method": size // 10}
    drawn = [
        one for kind, found in kinds.items() for one in chosen.sample(found, min(sizes[kind], len(found)))
    ]
    return chosen.sample(drawn, len(drawn))


def words_of(found: list[str], most: int = 40) -> str:
    """Return what was wrong in as many lines."""
    return "\n".join([f"{len(found)} cells are wrong", *(re.sub(r"\s+", " ", one) for one in found[:most])])


__all__ = ["ALLOWED", "Walk", "sample", "words_of"]
