"""Keeping below a limit per second, across the threads of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Let at most `per_second` calls begin in each second, evenly spaced.

    clock and sleep: seconds of a monotonic clock and waiting on it; given by tests.
    """

    def __init__(
        self,
        per_second: int,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[int], None] | None = None,
    ) -> None:
        """Begin with a free first call."""
        self._gap = 1_000_000_000 // per_second
        self._clock = clock
        self._sleep = sleep or _sleep_ns
        self._lock = threading.Lock()
        self._next = 0

    def wait(self) -> None:
        """Return when this call may begin."""
        with self._lock:
            now = self._clock()
            begins = max(now, self._next)
            self._next = begins + self._gap
        if begins > now:
            self._sleep(begins - now)


def _sleep_ns(nanoseconds: int) -> None:
    time.sleep(nanoseconds / 1_000_000_000)
