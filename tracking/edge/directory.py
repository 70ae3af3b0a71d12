"""The directory: keeps the link table and the business clock of this process up to date, with or without PostgreSQL.

A thread loads the view, listens for NOTIFY `edge`, and looks again by itself every half minute. When PostgreSQL is
away the table in memory goes on; a start without PostgreSQL begins with the copy beside the segments.
"""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import structlog

from tracking.edge import snapshot
from tracking.edge.entries import Entry, entries, entry
from tracking.edge.spool import Spool
from tracking.links import table

log = structlog.get_logger(__name__)

FLOOR_SECONDS = 30.0
CLOCK_SECONDS = 1.0
_UNKNOWN_SECONDS = 10.0
_MOST_UNKNOWN = 50_000
_LOOKUPS_PER_SECOND = 50
_LOOKUP_SECONDS = 0.5
_REST_SECONDS = 5.0


class Directory:
    """The link table of this process. `entries` maps a path to what the redirect needs; it is replaced, never changed.

    version: how often the table was loaded; source: empty, snapshot or postgres; refused: links without a
    verified target; is_listening: whether PostgreSQL is there now.
    """

    def __init__(
        self, database_url: str, folder: Path, spool: Spool, *, http_allowed: bool, clock_moves: bool
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.version = self.refused = 0
        self.source = "empty"
        self.is_listening = False
        self._url, self._folder, self._spool = database_url, folder, spool
        self._http_allowed, self._clock_moves = http_allowed, clock_moves
        self._unknown: dict[str, float] = {}
        self._lookups, self._lookup_second = 0, 0
        self._asking = threading.Lock()
        self._ask_again_at = 0.0
        self._asked: psycopg.Connection[Any] | None = None
        self._stopping = threading.Event()
        self._ready = threading.Event()
        found = snapshot.load(folder)
        if found is not None:
            rows, offset_ms = found
            spool.set_offset(offset_ms if clock_moves else 0)
            self._replace(rows, "snapshot")
        self._thread = threading.Thread(target=self._keep, name="edge-directory", daemon=True)
        self._thread.start()

    def wait_until_ready(self, seconds: float) -> None:
        """Wait for the first table; with a copy at hand only until PostgreSQL has said whether it is there."""
        self._ready.wait(seconds)

    def look_up(self, path: str) -> Entry | None:
        """Ask PostgreSQL once about a path that the table does not have; who asks again soon gets the same answer."""
        moment = time.monotonic()
        if moment < self._unknown.get(path, 0.0) or not self.is_listening or not self._may_ask(moment):
            return None
        # Behind somebody who waits for an answer it would be the second wait: this visitor goes on without one.
        if not self._asking.acquire(timeout=_LOOKUP_SECONDS):
            return None
        found = None
        try:
            if moment < self._ask_again_at:
                return None
            if self._asked is None or self._asked.closed:
                self._asked = table.connect(self._url, name="aanrader-edge-lookup", seconds=_LOOKUP_SECONDS)
            row = table.read_one(self._asked, path)
        except psycopg.Error as error:
            log.warning("edge_lookup_failed", error=repr(error))
            self._forget_connection()
            # A server that hangs would hold up every visitor with an unknown code in turn.
            self._ask_again_at = time.monotonic() + _REST_SECONDS
            return None
        finally:
            self._asking.release()
        if row is not None:
            found = entry(row, http_allowed=self._http_allowed)
        if found is None:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[path] = moment + _UNKNOWN_SECONDS
        return found

    def close(self) -> None:
        """Stop the thread and close the connections; safe to call twice."""
        self._stopping.set()
        self._thread.join()
        with self._asking:
            self._forget_connection()

    def _forget_connection(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None

    def _may_ask(self, moment: float) -> bool:
        # Whoever tries codes by the thousand must not turn the edge into a load on PostgreSQL.
        if int(moment) != self._lookup_second:
            self._lookup_second, self._lookups = int(moment), 0
        self._lookups += 1
        return self._lookups <= _LOOKUPS_PER_SECOND

    def _replace(self, rows: list[table.LinkRow], source: str) -> None:
        self.entries, self.refused = entries(rows, http_allowed=self._http_allowed)
        self._unknown.clear()
        self.source = source
        self.version += 1

    def _load(self, connection: psycopg.Connection[Any]) -> None:
        rows = table.read_all(connection)
        self._replace(rows, "postgres")
        self._ready.set()
        try:
            snapshot.save(self._folder, rows, self._spool.offset_ms)
        except OSError as error:
            log.warning("edge_snapshot_failed", error=repr(error))

    def _keep(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            try:
                with contextlib.closing(table.connect(self._url)) as connection:
                    self._listen(connection)
                pause = 0.1
            except psycopg.Error as error:
                if self.source != "empty":
                    self._ready.set()
                if self.is_listening:
                    log.warning("edge_database_away", error=repr(error))
                    pause = 0.1
            self.is_listening = False
            self._stopping.wait(pause)
            pause = min(pause * 2, 2.0)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"LISTEN {table.CHANNEL}")
        self.is_listening = True
        due = 0.0
        while not self._stopping.is_set():
            if self._clock_moves:
                self._spool.set_offset(table.read_offset_ms(connection))
            moment = time.monotonic()
            if moment >= due:
                self._load(connection)
                # A table that takes long to load is loaded less often; look-ups find what is new meanwhile.
                rest = 5 * (time.monotonic() - moment)
                due = time.monotonic() + FLOOR_SECONDS
                if self._stopping.wait(min(rest, 5.0)):
                    return
            for _ in connection.notifies(timeout=min(CLOCK_SECONDS, FLOOR_SECONDS), stop_after=1):
                due = 0.0
            # Several statements of one transaction notify one after the other; one load answers them all.
            for _ in connection.notifies(timeout=0):
                due = 0.0
