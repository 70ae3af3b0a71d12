"""The spool: each click is a line in this edge's segment before its visitor is sent on.

`os.write` with O_APPEND hands the line to the kernel, so that a crash of the process loses no acknowledged click; a
thread calls fdatasync every few milliseconds, so that a power cut loses at most those (durability `process`) or none
(durability `disk`: the reply waits for the sync that covers its line).
"""

import collections
import os
import threading
import time
from pathlib import Path

import structlog

from marketplace.core import failpoints
from tracking.edge.alarm import Alarm
from tracking.touches.segments import heartbeat_line, segment_numbers, segment_path

log = structlog.get_logger(__name__)

SYNC_SECONDS = 0.005
HEARTBEAT_SECONDS = 1.0
ROTATE_BYTES = 64 << 20
ROTATE_SECONDS = 3600.0
# A wall clock stepped back less than this must not put later clicks before earlier ones.
_STEP_BACK_MS = 60_000
_MOST_UNWRITTEN = 100_000
# A segment that can't grow is closed, so that it is shipped and removed, which may be what makes room again.
_STUCK_SECONDS = 2.0
_RANDOM_BYTES = 8192
_RANDOM_DIGITS = 2 * _RANDOM_BYTES


class Spool:
    """The growing end of a slot's segments. Lines of one spool never go back in time.

    Counters for the health page: clicks written, `unwritten` lines waiting in memory for disk space, `lost` lines that
    found no room there either, `sync_failures`. `last_ms` is the business time of the newest line, `offset_ms` how far
    business time is ahead of the wall.
    """

    def __init__(self, folder: Path, *, disk: bool = False, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self.last_ms = 0
        self.clicks = self.lost = self.sync_failures = 0
        self.written = 0
        self._disk = disk
        self._folder = folder
        self._lock = threading.Lock()
        self._random, self._next_random = "", _RANDOM_DIGITS
        self._unwritten: collections.deque[bytes] = collections.deque()
        self._synced = 0
        self._rotate_at = self._stuck_since = 0.0
        self._size = 0
        self._is_torn = False
        self._alarm = Alarm(folder)
        self._synced_now = threading.Condition()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        numbers = segment_numbers(folder)
        self._number = numbers[-1] if numbers else 0
        self._fd = -1
        self._open_next()
        self.heartbeat()
        self._thread = threading.Thread(target=self._keep, name="edge-spool", daemon=True)
        self._thread.start()

    @property
    def unwritten(self) -> int:
        """Lines that wait in memory because the disk took none."""
        return len(self._unwritten)

    def now_ms(self) -> int:
        """Return business time in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000 + self.offset_ms

    def record(self, ms: int, facts: str) -> str:
        """Write the click that happened at `ms` and return its id (32 digits, of which 12 are its milliseconds).

        facts: the line's columns from link id on, ASCII, joined by tabs. When the disk takes no more, the line waits
        in memory and the click goes on: the visitor comes first, and the signed token proves the touch by itself.
        """
        with self._lock:
            if ms < self.last_ms < ms + _STEP_BACK_MS:
                ms = self.last_ms
            self.last_ms = ms
            at = self._next_random
            if at + 18 > _RANDOM_DIGITS:
                self._random, at = os.urandom(_RANDOM_BYTES).hex(), 0
            self._next_random = at + 18
            # A UUID of version 7: milliseconds first, so that ids sort by time.
            click = f"{ms:012x}7{self._random[at : at + 3]}8{self._random[at + 3 : at + 18]}"
            line = f"{click}\t{ms}\t{facts}\n".encode("ascii")
            failpoints.reach("edge.click", "before_write")
            if self._unwritten or not self._write(line):
                self._keep_back(line)
            failpoints.reach("edge.click", "after_write")
            self.clicks += 1
            mine = self.written
        if self._disk:
            self._wait_for_disk(mine)
        return click

    def heartbeat(self) -> None:
        """Write that this edge is alive and has reported everything up to now."""
        with self._lock:
            ms = self.now_ms()
            if ms < self.last_ms < ms + _STEP_BACK_MS:
                ms = self.last_ms
            self.last_ms = ms
            if not self._unwritten:
                failpoints.reach("edge.heartbeat", "before_write")
                self._write(heartbeat_line(ms))
                failpoints.reach("edge.heartbeat", "after_write")

    def set_offset(self, offset_ms: int) -> None:
        """Follow the business clock; a change is reported at once, so that nobody waits for the next second."""
        if offset_ms != self.offset_ms:
            self.offset_ms = offset_ms
            self.heartbeat()

    def close(self) -> None:
        """Stop the thread and close the segment, with everything on disk; safe to call twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wanted.set()
        self._thread.join()
        with self._lock:
            self._flush_unwritten()
            self._alarm.show(self.unwritten, self.lost, self.sync_failures)
            self._alarm.close()
            os.fdatasync(self._fd)
            os.close(self._fd)

    def _keep_back(self, line: bytes) -> None:
        # Under the lock. Lines that wait go first: the order of a segment is the order of time.
        if len(self._unwritten) >= _MOST_UNWRITTEN:
            self.lost += 1
        else:
            self._unwritten.append(line)

    def _write(self, line: bytes) -> bool:
        whole = b"\n" + line if self._is_torn else line
        try:
            count = os.write(self._fd, whole)
        except OSError:
            return False
        if count != len(whole):
            # A torn line would corrupt the next one, so what was written of it is taken back.
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                # Then the next line begins on a line of its own, and the shipper sets the broken one aside.
                self.sync_failures += 1
                self._size, self._is_torn = self._size + count, True
            return False
        self._is_torn = False
        self._size += count
        self.written += count
        return True

    def _flush_unwritten(self) -> None:
        failpoints.reach("edge.unwritten", "before_write")
        while self._unwritten and self._write(self._unwritten[0]):
            self._unwritten.popleft()
        failpoints.reach("edge.unwritten", "after_write")

    def _open_next(self) -> None:
        # Under the lock, or before there is a thread: whoever sees the new file knows that the old one is complete.
        self._number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        opened = os.open(segment_path(self._folder, self._number), flags, 0o600)
        self._fd, old = opened, self._fd
        self._size, self._is_torn = 0, False
        self._opened_at = time.monotonic()
        if old >= 0:
            os.close(old)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _rotate(self) -> None:
        self._rotate_at = time.monotonic() + 1.0
        try:
            with self._lock:
                os.fdatasync(self._fd)
                failpoints.reach("edge.rotate", "before_write")
                self._open_next()
                failpoints.reach("edge.rotate", "after_write")
        except OSError:
            # The old segment goes on; the next try is in a second, with the next number.
            self.sync_failures += 1

    def _sync(self) -> None:
        upto = self.written
        try:
            os.fdatasync(self._fd)
        except OSError:
            # The kernel may have dropped the pages; nothing more is promised about this segment.
            self.sync_failures += 1
            self._rotate()
            return
        with self._synced_now:
            self._synced = upto
            self._synced_now.notify_all()

    def _wait_for_disk(self, mine: int) -> None:
        self._wanted.set()
        with self._synced_now:
            self._synced_now.wait_for(lambda: self._synced >= mine, timeout=1.0)

    def _keep(self) -> None:
        pause, seen, beat = SYNC_SECONDS, -1, time.monotonic()
        while not self._stopping.is_set():
            if self._wanted.wait(pause):
                self._wanted.clear()
            moment = time.monotonic()
            if self._unwritten:
                with self._lock:
                    self._flush_unwritten()
            if self.written != self._synced:
                self._sync()
            is_busy = self.clicks != seen
            seen = self.clicks
            if is_busy:
                beat, pause = moment, SYNC_SECONDS
            elif moment - beat >= HEARTBEAT_SECONDS:
                self.heartbeat()
                beat = moment
            else:
                # Nothing to do: look less often, but never miss a heartbeat.
                pause = min(pause * 2, 0.05)
            is_full = self._size >= ROTATE_BYTES or moment - self._opened_at >= ROTATE_SECONDS
            if (is_full or self._is_stuck(moment)) and moment >= self._rotate_at:
                self._rotate()
            self._alarm.show(self.unwritten, self.lost, self.sync_failures)

    def _is_stuck(self, moment: float) -> bool:
        """Say whether lines have waited long for a segment that holds something; tell once that they do."""
        if not self._unwritten:
            if self._stuck_since:
                log.warning("edge_disk_takes_clicks_again", lost=self.lost)
            self._stuck_since = 0.0
            return False
        if not self._stuck_since:
            log.error("edge_disk_takes_no_clicks", folder=str(self._folder), waiting=self.unwritten)
            self._stuck_since = moment
        if moment - self._stuck_since < _STUCK_SECONDS or not self._size:
            return False
        self._stuck_since = moment
        return True
