"""The objects of a page's JSON-LD: found whatever they are wrapped in, and asked for by short names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

MOST_NODES = 2000
MOST_DEPTH = 12
_WRAPPERS = ("@graph", "mainEntity", "mainEntityOfPage", "itemOffered", "about", "subjectOf")
_SELLABLE = frozenset(
    {"product", "productgroup", "productmodel", "individualproduct", "someproducts", "book", "vehicle", "car"}
)
Node = dict[str, Any]


def several(value: object) -> list[Any]:
    """Return a value as a list: shops write one thing without brackets and several with them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def kinds(node: Node) -> frozenset[str]:
    """Return the types of an object in lower case without schema.org before them."""
    words = (word for word in several(node.get("@type", node.get("type"))) if isinstance(word, str))
    return frozenset(_short(word).lower() for word in words)


def _short(name: str) -> str:
    return name.strip().rstrip("/").rpartition("/")[2].rpartition("#")[2].rpartition(":")[2]


def is_product(node: Node) -> bool:
    """Tell whether an object is something that is sold; a book only where it has offers."""
    found = kinds(node) & _SELLABLE
    return bool(found - {"book", "vehicle", "car"}) or (bool(found) and "offers" in node)


class Graph:
    """All objects of a page, with what refers to what."""

    def __init__(self, scripts: Iterable[Any]) -> None:
        self._by_id: dict[str, Node] = {}
        self.products: list[Node] = []
        for node in _walk(scripts):
            identity = node.get("@id")
            if isinstance(identity, str) and len(node) > 1:
                known = self._by_id.setdefault(identity, node)
                if known is not node and is_product(known) == is_product(node):
                    # One thing told in two places: what the first doesn't say, the second does.
                    known.update({name: value for name, value in node.items() if name not in known})
                    continue
            if is_product(node):
                self.products.append(node)

    def one(self, value: object) -> Node:
        """Return an object, looked up where only its id stands there; an empty one for anything else."""
        if not isinstance(value, dict):
            return {}
        identity = value.get("@id")
        if isinstance(identity, str) and not (value.keys() - {"@id", "@type"}):
            return self._by_id.get(identity, value)
        return {_name(name): inner for name, inner in value.items() if isinstance(name, str)}

    def objects(self, value: object) -> list[Node]:
        """Return the objects of a list, or the one that stands there without one."""
        return [found for one in several(value)[:MOST_NODES] if (found := self.one(one))]

    def word(self, value: object, *names: str) -> str:
        """Return a text: itself, or the first of these names of an object; of a list the first that has one."""
        for one in several(value)[:20]:
            if isinstance(one, str) and one.strip():
                return one
            node = self.one(one)
            for name in names:
                for inner in several(node.get(name))[:5]:
                    if isinstance(inner, str) and inner.strip():
                        return inner
        return ""


def _walk(scripts: Iterable[Any]) -> Iterator[Node]:
    """Yield the objects of scripts, and of what wraps them; never more than MOST_NODES, nor deeper than MOST_DEPTH.

    What is only named beside the product (related ones, reviews, lists) is not looked into.
    """
    waiting = [(one, 0) for one in reversed(list(scripts))]
    seen = 0
    while waiting and seen < MOST_NODES:
        value, depth = waiting.pop()
        seen += 1
        if isinstance(value, list) and depth < MOST_DEPTH:
            waiting += [(one, depth + 1) for one in reversed(value[:MOST_NODES])]
        if not isinstance(value, dict):
            continue
        node = {_name(name): inner for name, inner in value.items() if isinstance(name, str)}
        yield node
        if depth < MOST_DEPTH:
            inner = [node[name] for name in reversed(_WRAPPERS) if isinstance(node.get(name), dict | list)]
            waiting += [(one, depth + 1) for one in inner]


def _name(name: str) -> str:
    """Return the short name of a field: schema:name and http://schema.org/name are name."""
    return name if name.startswith("@") else _short(name) if ":" in name or "/" in name else name
