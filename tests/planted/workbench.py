"""A copy of the project in which a bug is planted, the tests that must notice it are run, and the bug is taken out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
# What the tests need of the project, with the compiled modules, which save most of the time that Python starts in.
_COPIED = (
    "marketplace", "tracking", "payouts", "migrations", "tests", "templates", "static", "wsgi.py", "pyproject.toml",
)  # fmt: skip


class PatchDoesNotApply(AssertionError):
    """The code has moved on: the lines that a patch changes are not there, or not only once."""


@dataclass(frozen=True)
class Bug:
    """A bug of the list: the name of its patch, what it is, what it would do, and the tests that must fail."""

    name: str
    title: str
    story: str
    tests: tuple[str, ...]

    @property
    def patch(self) -> str:
        """Return the patch as text."""
        return (HERE / f"{self.name}.patch").read_text()


def bugs() -> list[Bug]:
    """Return every bug of the list."""
    listed = tomllib.loads((HERE / "planted.toml").read_text())["bug"]
    return [Bug(one["patch"], one["title"], one["story"], tuple(one["tests"])) for one in listed]


def planted(patch: str, sources: Mapping[str, str]) -> dict[str, str]:
    """Return the files that a unified diff changes, as they are with it; `sources` gives the text of each path.

    Lines may have moved: the lines that are taken away, with those around them, must be there exactly once.
    Raises PatchDoesNotApply.
    """
    changed: dict[str, str] = {}
    for part in re.split(r"^--- a/", patch, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        _, _, body = body.partition("\n")
        text = changed.get(head, sources[head])
        for hunk in _HUNK.split(body)[2::2]:
            lines = hunk.split("\n", 1)[1].splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            if text.count(before) != 1:
                raise PatchDoesNotApply(
                    f"{head}: these lines are there {text.count(before)} times:\n{before}"
                )
            text = text.replace(before, after)
        changed[head] = text
    return changed


class Sources(Mapping[str, str]):
    """The text of files below a folder, by path."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, path: str) -> str:
        """Return the text of one file."""
        return (self._root / path).read_text()

    def __iter__(self) -> Iterator[str]:
        """Return nothing to go through: files are asked for by name."""
        return iter(())

    def __len__(self) -> int:
        """Return how many there are to go through."""
        return 0


class Workbench:
    """A copy of the tree as it is now, with what nobody has committed yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)

    @contextmanager
    def with_bug(self, bug: Bug) -> Iterator[None]:
        """Plant a bug, and take it out again."""
        changed = planted(bug.patch, Sources(self.folder))
        kept = {path: (self.folder / path).read_text() for path in changed}
        try:
            self._write(changed)
            yield
        finally:
            self._write(kept)

    def _write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.folder / path).write_text(text)
            # Compiled modules are told apart by whole seconds and size; two writes may share both.
            for compiled in (self.folder / path).parent.glob(f"__pycache__/{Path(path).stem}.*"):
                compiled.unlink()

    def run(self, tests: Sequence[str]) -> dict[str, str]:
        """Run tests in the copy and return what became of each: passed, failed, error (before it began) or missing."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        options = (
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        )
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        found = {}
        cases = ElementTree.parse(report).iter("testcase") if report.exists() else ()
        for case in cases:
            name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
            kinds = {child.tag for child in case}
            bad = "error" if "error" in kinds else "failed" if "failure" in kinds else "skipped"
            found[name] = bad if kinds & {"error", "failure", "skipped"} else "passed"
        outcome = {test: found.get(test, "missing") for test in tests}
        if "missing" in outcome.values():
            outcome["output"] = done.stdout[-4000:] + done.stderr[-4000:]
        return outcome
