"""The list of scenarios is whole: 1 to 21 each have a test whose docstring says which it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
WANTED = set(range(1, 22))


def test_scenarios_1_to_21_are_all_here_each_in_the_file_of_its_group() -> None:
    found: dict[int, list[str]] = {}
    for path in sorted(HERE.glob("test_[0-9]*.py")):
        group = re.match(r"test_(\d+)_to_(\d+)_", path.name)
        assert group, path.name
        first, last = int(group[1]), int(group[2])
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                number = re.match(r"Scenario (\d+): ", ast.get_docstring(node) or "")
                assert number, f"{path.name}: {node.name} does not say which scenario it is"
                assert first <= int(number[1]) <= last, f"{node.name} stands in another group"
                found.setdefault(int(number[1]), []).append(node.name)
    assert set(found) == WANTED
