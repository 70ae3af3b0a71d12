"""The slot of an edge: a name and a folder that one living process holds, and that a restart continues."""

import fcntl
import os
import time
from pathlib import Path

from tracking.touches.segments import is_slot

_MOST = 64


class SlotUnavailable(RuntimeError):
    """The edge can't have a slot to write in; the message says why and what to set."""


class Slot:
    """A slot held by this process until `release` or its end, however it ends."""

    def __init__(self, segments: str, name: str, *, patience: float = 2.0) -> None:
        """Take the slot `name`, or `name`-2, -3, ... when another process holds it longer than `patience` seconds.

        Several workers of one server share a name this way. Raises SlotUnavailable without a usable folder or name.
        """
        if not segments:
            raise SlotUnavailable("AANRADER_SEGMENTS_DIR must name the folder where edges write their clicks")
        if not is_slot(name):
            raise SlotUnavailable(
                f"AANRADER_EDGE_SLOT is {name!r}; it must be small letters, digits and dashes"
            )
        deadline = time.monotonic() + patience
        while True:
            fd = self._try(Path(segments), name)
            if fd is not None or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for number in range(2, _MOST):
            if fd is not None:
                break
            self_name = f"{name}-{number}"
            fd = self._try(Path(segments), self_name)
        if fd is None:
            raise SlotUnavailable(
                f"{_MOST} processes hold slots named {name}; give this one AANRADER_EDGE_SLOT"
            )
        self._fd: int | None = fd

    def _try(self, segments: Path, name: str) -> int | None:
        folder = segments / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        self.name, self.folder = name, folder
        return fd

    def release(self) -> None:
        """Let another process have the slot; safe to call twice."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
