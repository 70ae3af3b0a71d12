"""Every planted bug is noticed by the tests that say so, and by nothing but the bug.

The fast set plants one, drawn by a seed that is printed (PLANTED_SEED=n draws the same); --all plants every one.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from tests.planted.workbench import HERE, ROOT, Bug, Sources, Workbench, bugs, planted

ALL = bugs()
MOST_LINES = 14
DRAWN = 1


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """One copy of the tree for all bugs."""
    return Workbench(tmp_path_factory.mktemp("planted"))


def test_the_list_and_the_patches_are_the_same_and_there_are_many() -> None:
    assert [bug.name for bug in ALL] == list(dict.fromkeys(bug.name for bug in ALL))
    assert {bug.name for bug in ALL} == {path.stem for path in HERE.glob("*.patch")}
    assert len(ALL) >= 14
    for bug in ALL:
        assert bug.title
        assert bug.story.endswith(".")
        assert bug.tests


@pytest.mark.parametrize("bug", ALL, ids=[bug.name for bug in ALL])
def test_a_patch_applies_is_small_and_changes_the_product_only(bug: Bug) -> None:
    sources = Sources(ROOT)
    for path, text in planted(bug.patch, sources).items():
        assert path.split("/")[0] in ("marketplace", "tracking", "payouts", "migrations")
        assert text != sources[path]
        if path.startswith("migrations/"):
            assert_nobody_replaces_it_later(path, sources[path], text)
        if path.endswith(".py"):
            compile(text, path, "exec")
    for test in bug.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(), test
    changed = [line for line in bug.patch.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len(changed) <= MOST_LINES


def assert_nobody_replaces_it_later(path: str, was: str, became: str) -> None:
    """Refuse a bug in a function of the database that a later migration writes anew: it would not be there."""
    first = next(place for place, (one, other) in enumerate(zip(was, became, strict=False)) if one != other)
    function = re.findall(r"FUNCTION (\w+)\(", was[:first])[-1]
    later = [one for one in (ROOT / "migrations/versions").glob("*.py") if one.name > Path(path).name]
    assert [one.name for one in later if f"REPLACE FUNCTION {function}(" in one.read_text()] == []


def noticed(workbench: Workbench, bug: Bug) -> None:
    """Plant a bug and see each of its tests fail; a test that does not even begin has noticed nothing."""
    with workbench.with_bug(bug):
        outcome = workbench.run(bug.tests)
    assert outcome == dict.fromkeys(bug.tests, "failed"), bug.title


@pytest.mark.slow
def test_a_drawn_bug_is_noticed_and_without_it_all_is_well(workbench: Workbench) -> None:
    seed = int(os.environ.get("PLANTED_SEED", random.randrange(2**32)))
    drawn = random.Random(seed).sample(ALL, DRAWN)
    print(f"seed {seed}: {', '.join(bug.name for bug in drawn)}")
    tests = [test for bug in drawn for test in bug.tests]
    assert workbench.run(tests) == dict.fromkeys(tests, "passed")
    for bug in drawn:
        noticed(workbench, bug)


@pytest.mark.slow
def test_without_a_bug_every_named_test_passes(workbench: Workbench) -> None:
    tests = list(dict.fromkeys(test for bug in ALL for test in bug.tests))
    assert workbench.run(tests) == dict.fromkeys(tests, "passed")


@pytest.mark.slow
@pytest.mark.parametrize("bug", ALL, ids=[bug.name for bug in ALL])
def test_a_planted_bug_is_noticed(workbench: Workbench, bug: Bug) -> None:
    noticed(workbench, bug)
