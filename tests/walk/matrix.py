"""What the matrix's data files say, read without the product: who may do what on which route, and whose rows exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILES = Path(__file__).resolve().parents[2] / "marketplace" / "core" / "policies"
COLUMNS = ("anonymous", "member", "adviser", "owner", "staff", "finance", "admin", "shop_key", "adviser_key")
ALLOWED, NOBODY, FORBIDDEN, MISSING = "allowed", 401, 403, 404


@dataclass(frozen=True)
class Who:
    """Somebody who asks, as the data files see them."""

    name: str
    columns: frozenset[str] = frozenset({"anonymous"})
    headers: dict[str, str] = field(default_factory=dict, hash=False)
    is_key: bool = False
    mode: str = "live"
    scopes: frozenset[str] = frozenset()
    is_fresh: bool = True
    shops: frozenset[str] = frozenset()
    owned: frozenset[str] = frozenset()
    adviser: str | None = None
    user: str | None = None
    # Marks in answers that this one must never get, beside the other tenant's.
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Thing:
    """Something that a parameter can name, with the facts that decide who may see it."""

    relation: str
    value: str
    shop: str | None = None
    advisers: frozenset[str] = frozenset()
    user: str | None = None
    state: str = ""
    mode: str | None = None
    exists: bool = True

    def shop_in(self, shops: frozenset[str]) -> bool:
        """Tell whether it belongs to one of these shops."""
        return self.shop in shops


@dataclass(frozen=True)
class Row:
    """One action of a resource."""

    resource: str
    action: str
    marks: dict[str, str]
    rows: dict[str, str]
    flags: frozenset[str]
    never: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.resource}.{self.action}"

    def asked_of(self, who: Who, method: str = "") -> str | int:
        """Return what the action itself answers, whatever it is about."""
        if "public" in self.flags:
            return ALLOWED
        marks = {self.marks[column] for column in who.columns if column in self.marks}
        of_shop = "shop_key" in who.columns
        if set(self.never) & who.columns and method != "OPTIONS":
            return FORBIDDEN
        if not marks or ("shop_keys_only" in self.flags and who.is_key and not of_shop):
            return NOBODY if "anonymous" in who.columns else FORBIDDEN
        if who.scopes and not who.scopes & {f"{self.resource}:{self.action}", f"{self.resource}:*"}:
            return FORBIDDEN
        if who.mode == "test" and "test_keys" not in self.flags:
            return FORBIDDEN
        if "yes" in marks or ("totp_in_body" in self.flags and who.is_key):
            return ALLOWED
        return ALLOWED if who.is_fresh and not who.is_key else FORBIDDEN

    def about(self, who: Who, thing: Thing, words: str) -> str | int:
        """Return whether a thing exists for somebody by the words of a route's parameter."""
        if words in ("names", "narrows", "hides"):
            return ALLOWED
        if words in ("partner", "picks"):
            return ALLOWED if thing.exists else MISSING
        if "own_mode" in self.flags and who.is_key and thing.mode not in (None, who.mode):
            return MISSING
        if words == "rows":
            given = [self.rows.get(column, "") for column in who.columns if column in self.marks]
        else:
            given = [words]
        answers = {_sees(word, who, thing) for one in given for word in one.split()}
        found = next((answer for answer in (ALLOWED, FORBIDDEN) if answer in answers), MISSING)
        gone = found == ALLOWED and not thing.exists and "any" not in " ".join(given).split()
        return MISSING if gone else found


def _sees(word: str, who: Who, thing: Thing) -> str | int:
    works = thing.shop is not None and thing.shop in who.shops
    owns = thing.shop is not None and thing.shop in who.owned
    facts = {
        "all": True,
        "any": True,
        "shop": works,
        "owned": owns,
        "self": (who.adviser in thing.advisers) or (who.user is not None and who.user == thing.user),
        "open": thing.state == "open",
        "not_draft": thing.state not in ("", "draft"),
    }
    if word == "owner":
        return ALLOWED if owns else FORBIDDEN if works else MISSING
    return ALLOWED if facts[word] else MISSING


@dataclass(frozen=True)
class Route:
    """One method on one path, the row that guards it, and what each parameter that names something means."""

    method: str
    path: str
    row: Row
    parameters: dict[str, str] = field(hash=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@cache
def rows() -> tuple[tuple[Row, dict[str, Any]], ...]:
    """Return every action with its routes as the files have them."""
    found = []
    for file in sorted(FILES.glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for action, told in data["actions"].items():
            marks = {column: told[column] for column in COLUMNS if column in told}
            flags = frozenset(name for name, value in told.items() if value is True)
            row = Row(
                data["resource"], action, marks, told.get("rows", {}), flags, tuple(told.get("never", ()))
            )
            found.append((row, told["routes"]))
    return tuple(found)


@cache
def routes() -> dict[tuple[str, str], Route]:
    """Return every route by method and path."""
    found: dict[tuple[str, str], Route] = {}
    for row, told in rows():
        for name, parameters in told.items():
            method, _, path = name.partition(" ")
            assert (method, path) not in found, f"{name} stands twice in the data files"
            found[method, path] = Route(method, path, row, parameters)
    return found


def of_path(path: str) -> Iterator[Route]:
    """Return the routes on one path."""
    return (route for route in routes().values() if route.path == path)


@cache
def _patterns(method: str) -> tuple[tuple[re.Pattern[str], Route], ...]:
    found = []
    for route in routes().values():
        pattern = re.sub(r"<uuid:[a-z_]+>", "[0-9a-f-]{36}", re.sub(r"<path:[a-z_]+>", ".+", route.path))
        if route.method == method:
            found.append((re.compile(pattern), route))
    return tuple(found)


@cache
def fitting(method: str, address: str) -> Route | None:
    """Return the route of a method whose pattern an address fits; a path of one route may swallow another's."""
    return next((route for pattern, route in _patterns(method) if pattern.fullmatch(address)), None)


def worst(answers: Iterable[str | int]) -> str | int:
    """Return the answer that a request gets of which every part has an answer of its own."""
    given = list(answers)
    return next((one for one in (NOBODY, FORBIDDEN, MISSING) if one in given), ALLOWED)
