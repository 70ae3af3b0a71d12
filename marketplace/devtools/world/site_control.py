"""What the site of the demo's shops is told while it runs: each host's proof, which day it is, how to report orders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

LAST_DAY = 90


class Control:
    """A small file that the seeder writes and the site reads again whenever it has changed."""

    def __init__(self, path: Path | None) -> None:
        """Use the file, which may not be there yet; without one everything lives in this process only."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Any] = {}

    @property
    def proofs(self) -> MutableMapping[str, str]:
        """Return the proof tokens by host; a token that is set here is shown at once."""
        return _Proofs(self)

    @property
    def day(self) -> int:
        """Return the day of the 90 that the shops live in; the last one unless somebody said another."""
        return int(self.read().get("day", LAST_DAY))

    @day.setter
    def day(self, day: int) -> None:
        self.write(self.read() | {"day": day})

    def read(self) -> dict[str, Any]:
        """Return all that is known."""
        if self._path is None:
            return self._known
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                self._known, self._stamp = json.loads(self._path.read_text(encoding="utf-8")), stamp
        except FileNotFoundError:
            self._known, self._stamp = {}, None
        return self._known

    def write(self, known: dict[str, Any]) -> None:
        """Put new knowledge in the place of the old, in one step."""
        if self._path is None:
            self._known = known
            return
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        # The keys by which the shops report orders stand in it.
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(known), encoding="utf-8")
        fresh.replace(self._path)


class _Proofs(MutableMapping[str, str]):
    """The proofs of a control as a mapping."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def _all(self) -> dict[str, str]:
        return dict(self._control.read().get("proofs", {}))

    def _put(self, proofs: dict[str, str]) -> None:
        self._control.write(self._control.read() | {"proofs": proofs})

    def __getitem__(self, host: str) -> str:
        return self._all()[host]

    def __setitem__(self, host: str, token: str) -> None:
        self._put(self._all() | {host: token})

    def __delitem__(self, host: str) -> None:
        proofs = self._all()
        del proofs[host]
        self._put(proofs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
