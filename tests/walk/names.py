"""The names of all limits of `tenancy`, read from the source: one for each place that asks."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "tracking", "payouts")
ASKS = {"rows": 0, "holds": 0, **dict.fromkeys(
    ("shops", "owned_shops", "adviser", "person", "works_for", "owns", "is_adviser", "is_person", "require_shop"), 1
)}  # fmt: skip
# What only the code can know: who inside a tenant may do what, and which part of a shared row may be shown. Row-level
# security sees tenants and whole rows, so these stay when the second lock is tried alone.
INSIDE_A_TENANT = frozenset(
    {
        "shops.owner",
        "orders.whole",
        "orders.of_adviser",
        "orders.of_advisers",
        "api_keys.shops",
        "agreements.shops",
        "evidence.own_purchase",
        "disputes.open",
        "disputes.own",
        "claims.own",
        # A question is its adviser's and its shop's; as whom somebody answers is no question of rows.
        "answers.adviser",
    }
)


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    """Return every module of the product with its syntax tree."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return tuple((file, ast.parse(file.read_text(encoding="utf-8"))) for file in files)


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    """Return every call of a word of `tenancy` outside it."""
    for file, tree in modules():
        if file.name == "tenancy.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id == "tenancy" and node.func.attr in ASKS:
                    yield file, node, node.func.attr


@cache
def counted() -> Counter[str]:
    """Return how often each name stands in the source. Raises AssertionError for a name that is not written out."""
    found: Counter[str] = Counter()
    for file, node, word in calls():
        name = node.args[ASKS[word]]
        assert isinstance(name, ast.Constant) and isinstance(name.value, str), f"{file}:{node.lineno}"
        found[name.value] += 1
    return found


def every() -> frozenset[str]:
    """Return all names."""
    return frozenset(counted())
