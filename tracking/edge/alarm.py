"""What an edge can't do with its clicks, told beside them: in a file that was made while there was room for it."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from tracking.touches.segments import alarm_path, alarm_text

log = structlog.get_logger(__name__)


class Alarm:
    """The alarm of one slot. Its file is written over in place, which needs no room on a full disk."""

    def __init__(self, folder: Path) -> None:
        """Make the file; an edge whose disk takes none tells its health page only."""
        self._shown = (-1, -1, -1)
        self._fd: int | None = None
        try:
            self._fd = os.open(alarm_path(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self.show(0, 0, 0)
            os.fsync(self._fd)
        except OSError as error:
            log.warning("edge_alarm_unwritten", error=repr(error))

    def show(self, unwritten: int, lost: int, sync_failures: int) -> None:
        """Tell how many lines wait in memory, how many were lost, and how often the disk failed; 0 when all is well."""
        now = (unwritten, lost, sync_failures)
        # The count grows with each click; only that something is wrong, and how much in the end, must be known.
        if (
            self._fd is None
            or now == self._shown
            or (unwritten and self._shown[0] > 0 and now[1:] == self._shown[1:])
        ):
            return
        try:
            os.pwrite(self._fd, alarm_text(*now), 0)
        except OSError as error:
            log.warning("edge_alarm_unwritten", error=repr(error))
        self._shown = now

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
