"""A service under supervision, and the wait until it is ready."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from marketplace.devtools.errors import ServiceFailed
from marketplace.devtools.processes import ProcessId
from marketplace.devtools.service import Service

FIRST_PAUSE = 0.2


@dataclass
class Child:
    """A service and its process of the moment; `wanted` is what somebody asked for."""

    service: Service
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    pause: float = FIRST_PAUSE
    starts: int = 0
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def last_lines(self, count: int = 12) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return ""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-count:])


class Wait:
    """The wait for one child to be ready."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._starts_before = child.starts
        self._deadline = time.monotonic() + child.service.ready_seconds

    def is_over(self) -> bool:
        """Look once. Raises ServiceFailed with the end of the log when there is no more hope."""
        child = self._child
        if child.is_running and child.service.ready():
            return True
        gave_up = child.starts - self._starts_before > 3 or (child.error is not None and child.pause > 1)
        if gave_up or time.monotonic() > self._deadline or not child.wanted:
            why = child.error or ("it keeps ending" if gave_up else "it does not answer")
            name = child.service.name
            raise ServiceFailed(f"{name} does not start: {why}\n{child.last_lines()}\n({child.log})")
        return False
