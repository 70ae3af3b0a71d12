"""The modules that take longest begin first, so that no core waits for the other at the end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tests.conftest import LONGEST, pytest_collection_modifyitems

TESTS = Path(__file__).resolve().parents[1]


def test_modules_begin_longest_first_then_by_size_and_keep_the_drawn_order_inside() -> None:
    assert [name for name in LONGEST if not (TESTS / name).exists()] == []
    small, large, second, first = TESTS / "a.py", TESTS / "b.py", *(TESTS / name for name in LONGEST[1::-1])
    drawn = [(small, 2), (large, 9), (large, 3), (second, 1), (second, 0), (first, 4)]
    items = [SimpleNamespace(path=path, name=name) for path, name in drawn]
    pytest_collection_modifyitems(items)
    assert [(one.path, one.name) for one in items] == [
        (first, 4), (second, 1), (second, 0), (large, 9), (large, 3), (small, 2),
    ]  # fmt: skip
