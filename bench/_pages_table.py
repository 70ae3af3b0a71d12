"""Prints what `./dev bench pages` measured as tables: for each figure its ten worst pages, its floor and its misses.

`./dev bench pages >pages.jsonl; .venv/bin/python -m bench._pages_table pages.jsonl`. The floor is the cheapest page:
layout, navigation and the look at who asks cost that much with nothing on the page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

WORST = 10


def tables(lines: Iterable[str]) -> str:
    """Return the tables of a bench's lines, as Markdown."""
    figures: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        one = json.loads(line)
        figures.setdefault(one["figure"], []).append(one)
    return "\n".join(_table(name, rows) for name, rows in figures.items())


def _table(name: str, rows: list[Mapping[str, Any]]) -> str:
    rows = sorted(rows, key=lambda one: (-one["value"], one["page"]))
    limit, floor = rows[0]["limit"], rows[-1]
    missed = sum(one["value"] > limit for one in rows)
    head = (
        f"`{name}`: limit {limit:,}, {len(rows)} pages, {missed} above it;"
        f" floor {_shown(floor['value'])} ({floor['page']}), median {_shown(rows[len(rows) // 2]['value'])}"
    )
    body = "\n".join(f"| {one['page']} ({one['role']}) | {_shown(one['value'])} |" for one in rows[:WORST])
    return f"{head}\n\n| page | {rows[0]['unit']} |\n|---|---|\n{body}\n"


def _shown(value: float) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        print(tables(file))
