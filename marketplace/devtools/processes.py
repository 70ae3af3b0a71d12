"""Processes by pid *and* start time, so that a pid which the kernel gave to somebody else is never signalled.

Linux only: the facts come from /proc and the death signal from prctl(2).
"""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process of this boot: `pid` and `started` (clock ticks since boot, /proc/<pid>/stat field 22)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Return the identity of the process that has `pid` now, or None when there is none or it is a zombie."""
        fields = _stat(pid)
        if fields is None or fields[0] in ("Z", "X"):
            return None
        return cls(pid, int(fields[19]))

    @property
    def is_alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        return ProcessId.of(self.pid) == self

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to this process when it is still the same one."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal_number)

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait until the process has gone; False when it is still there after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat after the command name (state first), or None without such a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def working_folder(pid: int) -> Path | None:
    """Return the working folder of a process, or None when it has gone or belongs to somebody else."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def session_members(session: int) -> list[ProcessId]:
    """Return every living process of one session (what a child started with setsid has started itself)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and fields[0] not in ("Z", "X") and int(fields[3]) == session:
                found.append(ProcessId(int(entry.name), int(fields[19])))
    return found


def carries(pid: int, variable: str, value: str) -> bool:
    """Tell whether a process was started with `variable=value` in its environment."""
    try:
        block = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{variable}={value}".encode() in block.split(b"\0")


def die_with_parent(signal_number: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that makes the kernel send `signal_number` to the child when its parent dies.

    The signal follows the *thread* that forks, so start children only from threads that live as long as the process.
    It runs after the change of user, which would clear it.
    """
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        # The parent may have died between fork and prctl; then no signal would ever come.
        if os.getppid() != parent:
            os._exit(1)

    return prepare
