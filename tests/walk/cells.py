"""The product of rules, methods, people and things, and what the data files expect of each cell."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import flask
import marshmallow as ma
import werkzeug.routing

from tests.walk import bodies, matrix
from tests.walk.matrix import ALLOWED, MISSING, Route, Thing, Who
from tests.walk.suppliers import SUPPLIERS
from tests.walk.town import Town

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
ABSENT = Thing("absent", "")
# Lists need no shop; these show one, so that people of several name it.
ABOUT_ONE_SHOP = ("funding.read", "codes.resolve")


@dataclass(frozen=True)
class Cell:
    """One request of one person: what is asked, about which things, and which answer the data files expect."""

    method: str
    path: str
    who: Who
    expected: frozenset[str | int]
    route: Route | None = None
    things: tuple[tuple[str, Thing], ...] = ()

    def __str__(self) -> str:
        about = ", ".join(f"{name}={thing.relation}" for name, thing in self.things)
        return f"{self.method} {self.path} as {self.who.name} ({about})"

    @property
    def is_allowed(self) -> bool:
        return ALLOWED in self.expected


@dataclass
class Product:
    """All cells, and how many there must be."""

    town: Town
    app: flask.Flask = field(init=False)

    def __post_init__(self) -> None:
        self.app = self.town.app
        self.paths: dict[str, dict[str, werkzeug.routing.Rule]] = {}
        for rule in self.app.url_map.iter_rules():
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                self.paths.setdefault(rule.rule, {})[method] = rule
        self.supply: Callable[[str, str], tuple[Thing, ...]] = cache(self._supply)

    def _supply(self, name: str, who: str) -> tuple[Thing, ...]:
        return tuple(SUPPLIERS[name](self.town, self.town.people[who]))

    def size(self) -> int:
        """Return how many cells there must be: for each path and person the methods, times what each names."""
        total = 0
        for path, who in itertools.product(self.paths, self.town.people.values()):
            for method in METHODS:
                route = matrix.routes().get(("GET" if method == "HEAD" else method, path))
                variants = 1
                if route is not None:
                    usual = self._usuals(route, who)
                    for name in route.parameters:
                        things = self._things(route, method, name, who)
                        variants += len(things) - (usual[name] in things)
                total += variants
        return total

    def cells(self) -> Iterator[Cell]:
        """Return every cell."""
        for path, method, who in itertools.product(self.paths, METHODS, self.town.people.values()):
            route = matrix.routes().get(("GET" if method == "HEAD" else method, path))
            if route is not None:
                yield from self._of_route(method, route, who)
            elif method == "OPTIONS":
                yield self._bare(
                    method, path, who, {one.row.asked_of(who, method) for one in matrix.of_path(path)}
                )
            else:
                yield self._unknown(method, path, who)

    def _bare(self, method: str, path: str, who: Who, expected: set[str | int]) -> Cell:
        things = tuple((name, self.supply(name, who.name)[0]) for name in PARAMETER.findall(path))
        return Cell(method, path, who, frozenset(expected), None, things)

    def _unknown(self, method: str, path: str, who: Who) -> Cell:
        """Return the cell of a method that a path does not have, unless a path of another route swallows it."""
        bare = self._bare(method, path, who, {405})
        swallowed = matrix.fitting("GET" if method == "HEAD" else method, self.request(bare)[0])
        if swallowed is None:
            return bare
        asked = swallowed.row.asked_of(who)
        return self._bare(method, path, who, {MISSING if asked == ALLOWED else asked})

    def _of_route(self, method: str, route: Route, who: Who) -> Iterator[Cell]:
        asked = route.row.asked_of(who)
        usual = self._usuals(route, who)
        variants = [usual]
        for name in route.parameters:
            others = (one for one in self._things(route, method, name, who) if one != usual[name])
            variants += [usual | {name: thing} for thing in others]
        for things in variants:
            expected = asked
            if asked == ALLOWED:
                expected = matrix.worst(self._about(route, things, who))
            yield Cell(method, route.path, who, frozenset({expected}), route, tuple(things.items()))

    def _things(self, route: Route, method: str, name: str, who: Who) -> tuple[Thing, ...]:
        """Return what a parameter is varied over; a filter of a list may also be left away."""
        is_filter = method in ("GET", "HEAD") and name not in PARAMETER.findall(route.path)
        return (*self.supply(name, who.name), ABSENT) if is_filter else self.supply(name, who.name)

    def _usuals(self, route: Route, who: Who) -> dict[str, Thing]:
        return {name: self._usual(route, name, words, who) for name, words in route.parameters.items()}

    def _usual(self, route: Route, name: str, words: str, who: Who) -> Thing:
        """Return what a parameter names when another one is varied: something that the person may name."""
        found = self.supply(name, who.name)
        fitting = [one for one in found if route.row.about(who, one, words) == ALLOWED]
        in_path = name in PARAMETER.findall(route.path)
        if (words in ("narrows", "hides", "picks") and not in_path) or (not fitting and not in_path):
            return ABSENT
        if words == "names":
            return found[0]
        return (fitting or found)[0]

    def _about(self, route: Route, things: dict[str, Thing], who: Who) -> Iterator[str | int]:
        for name, words in route.parameters.items():
            if things[name] is ABSENT:
                if route.row.name in ABOUT_ONE_SHOP and len(who.shops) != 1 and name == "shop_id":
                    yield ALLOWED if who.columns & {"finance", "admin"} else MISSING
                continue
            yield route.row.about(who, things[name], words)
            if words == "partner" and things[name].value not in things["offer_id"].advisers:
                yield MISSING
            picked = things.get("order_ref") or things.get("offer_id")
            if words == "picks" and picked is not None and things[name].shop != picked.shop:
                yield MISSING

    def request(self, cell: Cell) -> tuple[str, dict[str, Any]]:
        """Return path and options of a cell's request."""
        path, options, given = cell.path, {}, dict(cell.things)
        for name in PARAMETER.findall(cell.path):
            path = re.sub(rf"<(?:[a-z]+:)?{name}>", given.pop(name).value, path)
        fields = {name: thing.value for name, thing in given.items() if thing is not ABSENT}
        if cell.route is None:
            return path, {}
        places = places_of(self.app.view_functions[self.paths[cell.path][cell.route.method].endpoint])
        options["query_string"] = bodies.QUERIES.get(cell.route.name, {}) | {
            name: value for name, value in fields.items() if "query" in places.get(name, ())
        }
        in_body = {name: value for name, value in fields.items() if "json" in places.get(name, ())}
        if cell.method in ("POST", "PATCH"):
            options |= self._body(cell.route, in_body)
        return path, options

    def _body(self, route: Route, in_body: dict[str, str]) -> dict[str, Any]:
        if route.path == "/api/v1/feeds":
            return {"data": b"id\ttitle\n"}
        if route.path == "/api/v1/pictures":
            # Nothing in it: drawing costs time, and that is not the walk's question.
            return {"data": b""}
        if route.name in bodies.FORMS:
            return {"data": bodies.FORMS[route.name]}
        made = bodies.body(self.town, route.name, in_body)
        return {"json": made} if made else {}


def places_of(view: Any) -> dict[str, set[str]]:
    """Return where each argument of a view stands: json or query."""
    found: dict[str, set[str]] = {}
    for location, schema in schemas_of(view):
        for name in schema.fields:
            found.setdefault(name, set()).add(location)
    return found


def schemas_of(view: Any) -> list[tuple[str, ma.Schema]]:
    """Return the schemas by which a view reads its arguments, with their place."""
    told = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    return [
        (one["in"], one["schema"]() if isinstance(one["schema"], type) else one["schema"]) for one in told
    ]
