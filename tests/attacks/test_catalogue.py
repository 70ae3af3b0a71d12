"""The catalogue of attacks is complete: each number that is ours has a test named after it."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = {*range(8, 12), *range(14, 19), *range(21, 40), *range(44, 55)}


def test_each_attack_of_the_catalogue_that_is_ours_has_a_test_with_its_number() -> None:
    found: set[int] = set()
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_attack_"):
                claims = [part for part in ast.walk(node) if isinstance(part, ast.Assert)]
                calls = {ast.unparse(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
                assert claims or calls & {"assert_refused", "pytest.raises"}, f"{node.name} claims nothing"
                # test_attack_34_and_35_whoever_...: numbers stand before the first other word.
                for word in node.name.removeprefix("test_attack_").split("_"):
                    if word.isdigit():
                        found.add(int(word))
                    elif word != "and":
                        break
    assert sorted(OURS - found) == []
