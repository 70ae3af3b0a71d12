"""Kills: clone the town, let children die at failpoints, let another go on, and see that nothing is wrong."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marketplace.devtools.postgres import Postgres
from marketplace.devtools.state import PROJECT
from tests.faults.kills import people, readers, story  # noqa: F401 - all add their parts by being imported.
from tests.faults.kills.draw import Target, Where
from tests.faults.kills.town import SETTINGS, Town, town

KILLED = -9


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one kill: where, in which part, whether the child died there, and what was wrong afterwards."""

    point: str
    part: str
    nth: int
    died: bool
    wrongs: list[str]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Chain:
    """Deaths in a row in one town: at which failpoint of which part each child died, and what was wrong at the end."""

    deaths: list[tuple[str, str]]
    wrongs: list[str]


@dataclasses.dataclass
class Range:
    """A town and the process that forks children in it."""

    town: Town
    zygote: subprocess.Popen[str]
    # What each part passes from its beginning to its end, in order.
    passes: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def play(self, folder: Any, name: str, parts: list[str], **more: Any) -> dict[str, Any]:
        """Let a child play parts of the story on a database; return its status and what it wrote."""
        spec = {
            "parts": parts,
            "folder": str(folder),
            "facts": self.town.facts,
            "urls": self.town.urls(name),
            "sandbox": self.town.sandbox.base,
            **more,
        }
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        self.zygote.stdin.write(json.dumps(spec) + "\n")
        self.zygote.stdin.flush()
        answer: dict[str, Any] = json.loads(self.zygote.stdout.readline())
        if answer["status"] != KILLED and "error" in answer.get("result", {}):
            answer["error"] = answer["result"]["error"]
        return answer

    def record(self, part: str) -> dict[str, Any]:
        """Play a part to its end, and remember which failpoints it passes and how often."""
        with self._fresh() as (folder, name):
            answer = self.play(folder, name, [part], record=True)
            if "error" in answer:
                answer["log"] = (folder / "log").read_text()[-3000:]
        self.passes[part] = list(answer.get("result", {}).get("reached", []))
        return answer

    def kill(self, point: str, part: str, nth: int) -> Outcome:
        """Let a child die at a failpoint's nth passing; go on without; say what is wrong after everything is done."""
        began = time.monotonic()
        with self._fresh() as (folder, name):
            first = self.play(folder, name, [part], failpoint=f"{point}:kill:{nth}")
            died = first["status"] == KILLED
            wrongs = [] if died else [f"it did not die there but ended with {first}"]
            then = self.play(folder, name, [part], finish=True)
            wrongs += then.get("result", {}).get("wrongs", [f"nothing was found out: {then}"])
            if "error" in then:
                wrongs.append(then["error"])
        return Outcome(point, part, nth, died, wrongs, round(time.monotonic() - began, 2))

    def chain(self, plan: list[tuple[str, list[Target]]], most: int) -> Chain:
        """Let children die one after the other in one town, each going on where the last one died, then verify once.

        plan: parts in the order in which they are played, each with where to die, in the order in which it is passed.
        A child that lives has played its part to the end; the next one begins with the next part. The chain ends when
        `most` have died, or with the plan.
        """
        deaths: list[tuple[str, str]] = []
        wrongs: list[str] = []
        with self._fresh() as (folder, name):
            part = ""
            for part, targets in plan:
                for point, nth in targets[: most - len(deaths)]:
                    answer = self.play(folder, name, [part], failpoint=f"{point}:kill:{nth}")
                    if answer["status"] != KILLED:
                        wrongs += [f"{part}: {answer['error']}"] if "error" in answer else []
                        break
                    deaths.append((part, point))
                else:
                    # Nobody has come to the end of this part yet; the last child of all does below.
                    if len(deaths) < most:
                        answer = self.play(folder, name, [part])
                        wrongs += [f"{part}: {answer['error']}"] if "error" in answer else []
                if wrongs or len(deaths) >= most:
                    break
            then = self.play(folder, name, [part], finish=True)
            wrongs += then.get("result", {}).get("wrongs", [f"nothing was found out: {then}"])
        return Chain(deaths, wrongs)

    @contextmanager
    def _fresh(self) -> Iterator[Any]:
        name = f"{self.town.furnished}_now"
        with self.town.fresh(name) as folder:
            yield folder, name

    def record_all(self) -> None:
        """Play every part to its end. Raises AssertionError with what went wrong in the one that does not get there."""
        for part in story.PARTS:
            answer = self.record(part)
            assert "error" not in answer, (part, answer)

    def where(self) -> Where:
        """Return each failpoint that the story passes, with the parts that do and how often."""
        found: Where = {}
        for part, reached in self.passes.items():
            for point, times in Counter(reached).items():
                found.setdefault(point, []).append((part, times))
        return found


@contextmanager
def killing_range(postgres: Postgres) -> Iterator[Range]:
    """Build a town on a migrated server and start the process that forks in it."""
    with town(postgres) as made:
        zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.kills.zygote"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        keys = [(number, key.hex()) for number, key in SETTINGS.token_keys]
        zygote.stdin.write(json.dumps({"secret_key": SETTINGS.secret_key, "token_keys": keys}) + "\n")
        zygote.stdin.flush()
        try:
            yield Range(made, zygote)
        finally:
            zygote.stdin.close()
            zygote.wait(30)
            zygote.stdout.close()
