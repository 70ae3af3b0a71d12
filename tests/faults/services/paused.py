"""Stopping a server's processes as a machine that hangs would: alive for the kernel, silent for everybody."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found, parents = [pid], {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
                parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process and its children; they go on at the end, whatever happens."""
    stopped = family(pid)
    try:
        for one in stopped:
            os.kill(one, signal.SIGSTOP)
        yield
    finally:
        for one in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)
