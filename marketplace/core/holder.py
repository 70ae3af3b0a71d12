"""Who holds something for a while: the name of a process, by which others on its machine can tell that it has died."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def _machine() -> str:
    """Return what names this start of this machine, and the set of process ids that one sees here."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a living process was started, in the kernel's own ticks; None when it has ended."""
    try:
        # The name of the program stands in parentheses and may hold anything, so the rest is read from its end.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def me() -> str:
    """Return the name of this process: machine, pid and start, so that a pid that is used again is somebody else."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def is_gone(name: str) -> bool:
    """Say whether a process has ended for certain; one on another machine, or without /proc, may live."""
    machine, _, rest = name.partition("/")
    pid, _, started = rest.partition("/")
    if not machine or machine != _machine() or not pid.isdigit():
        return False
    return _started(int(pid)) != started
