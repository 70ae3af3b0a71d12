"""Named lists through which rooms hang things on screens, commands and checks, without anybody importing up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Finding:
    """What an invariant found: the figure, how many rows it looked at, and whether it holds."""

    figure: int
    rows_seen: int
    ok: bool | None = None  # None means: holds when the figure is zero.

    @property
    def holds(self) -> bool:
        """Tell whether the promise holds."""
        return self.figure == 0 if self.ok is None else self.ok


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise that can be checked at any moment on live data."""

    name: str
    unit: str
    check: Callable[[Session], Finding]


panels: list[tuple[str, int, Callable[..., Any]]] = []
figures: dict[tuple[str, str], Callable[..., Any]] = {}
invariants: dict[str, Invariant] = {}
commands: dict[str, Callable[[Sequence[str]], int]] = {}
commands_of_every_room: set[str] = set()
erasures: dict[str, Callable[..., Any]] = {}
demo_seeders: list[tuple[int, str, Callable[..., Any]]] = []
lags: dict[str, Callable[[Session, Any], Any]] = {}


def invariant(name: str, unit: str, check: Callable[[Session], Finding]) -> None:
    """Register a promise under a unique name; registering it again replaces it."""
    invariants[name] = Invariant(name, unit, check)


def command(name: str, run: Callable[[Sequence[str]], int], *, every_room: bool = False) -> None:
    """Register a command line or process under a name; it gets its arguments and returns an exit code.

    every_room: it needs what rooms above the registering one hang up; others start without loading those.
    """
    commands[name] = run
    if every_room:
        commands_of_every_room.add(name)


def lag(name: str, measure: Callable[[Session, Any], Any]) -> None:
    """Register what is due at business now and not done: a number, or a list of facts."""
    lags[name] = measure
