"""One durable SQLite file: objects, movements of money, keys, deliveries, faults and settings.

Every acknowledged write survives `kill -9`: WAL with synchronous=FULL, one write transaction a request.
"""

from __future__ import annotations

import json
import queue
import secrets
import sqlite3
import string
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from payouts.sandbox import clock
from payouts.sandbox.errors import Body

ALPHABET = string.ascii_letters + string.digits

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    account TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_list ON object (kind, account, seq);
CREATE INDEX IF NOT EXISTS object_group ON object (json_extract(body, '$.transfer_group'), kind);
CREATE INDEX IF NOT EXISTS object_source ON object (json_extract(body, '$.source'), kind);
CREATE TABLE IF NOT EXISTS movement (
    txn TEXT PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, net INTEGER NOT NULL,
    available_on INTEGER NOT NULL, payout TEXT);
CREATE INDEX IF NOT EXISTS movement_balance ON movement (account, currency, available_on, net);
CREATE INDEX IF NOT EXISTS movement_payout ON movement (payout);
CREATE INDEX IF NOT EXISTS movement_open ON movement (account, currency, available_on, net) WHERE payout IS NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL, key TEXT NOT NULL, endpoint TEXT NOT NULL, params_hash TEXT NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (scope, key));
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created);
CREATE TABLE IF NOT EXISTS due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, verb TEXT NOT NULL, ref TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS due_at ON due (at, seq);
CREATE TABLE IF NOT EXISTS plan (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, verb TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_wall INTEGER NOT NULL DEFAULT 0,
    held_until INTEGER NOT NULL DEFAULT 0, behind INTEGER NOT NULL DEFAULT 0, behind_until INTEGER NOT NULL DEFAULT 0,
    forge INTEGER NOT NULL DEFAULT 0, fault TEXT, last_status INTEGER, last_error TEXT);
CREATE INDEX IF NOT EXISTS delivery_pending ON delivery (state, next_wall);
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (event);
CREATE TABLE IF NOT EXISTS fault (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, method TEXT NOT NULL, pattern TEXT NOT NULL,
    nth INTEGER NOT NULL, times INTEGER NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("object", "movement", "idempotency", "due", "plan", "delivery", "fault", "setting")


def new_id(prefix: str, length: int = 24) -> str:
    """Return a fresh random id such as `tr_…`."""
    return prefix + "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


class Tx:
    """One transaction on the file, with the virtual time at which it happens (`now`, seconds)."""

    def __init__(self, connection: sqlite3.Connection, platform: str) -> None:
        self.connection = connection
        self.platform = platform
        self.request_id: str | None = None
        self.idempotency_key: str | None = None
        self.now: int = clock.wall() + int(self.setting("clock_offset", 0))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run a statement and return all its rows."""
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Run a statement and return its first row."""
        found: sqlite3.Row | None = self.connection.execute(sql, parameters).fetchone()
        return found

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a write and return the number of rows it changed."""
        return self.connection.execute(sql, parameters).rowcount

    def new_id(self, prefix: str, length: int = 24) -> str:
        """Return a fresh random id such as `tr_…`."""
        return new_id(prefix, length)

    def put(self, body: Body, *, kind: str, account: str) -> Body:
        """Remember a new object that belongs to `account`."""
        self.run(
            "INSERT INTO object (id, kind, account, created, body) VALUES (?, ?, ?, ?, ?)",
            (body["id"], kind, account, body.get("created", self.now), json.dumps(body)),
        )
        return body

    def save(self, body: Body) -> Body:
        """Remember the new state of an object."""
        self.run("UPDATE object SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        return body

    def get(self, object_id: str, *, kind: str | None = None, account: str | None = None) -> Body | None:
        """Return an object, or None when it doesn't exist for this account."""
        row = self.row("SELECT kind, account, body FROM object WHERE id = ?", (object_id,))
        if row is None or (kind and row["kind"] != kind) or (account and row["account"] != account):
            return None
        body: Body = json.loads(row["body"])
        return body

    def owner(self, object_id: str) -> str:
        """Return the account that an existing object belongs to."""
        row = self.row("SELECT account FROM object WHERE id = ?", (object_id,))
        return str(row["account"]) if row else self.platform

    def all_of(self, kind: str, account: str | None = None) -> list[Body]:
        """Return every object of a kind, oldest first."""
        if account is None:
            found = self.rows("SELECT body FROM object WHERE kind = ? ORDER BY seq", (kind,))
        else:
            found = self.rows(
                "SELECT body FROM object WHERE kind = ? AND account = ? ORDER BY seq", (kind, account)
            )
        return [json.loads(row["body"]) for row in found]

    def setting(self, name: str, default: Any) -> Any:
        """Return a remembered setting."""
        row = self.row("SELECT value FROM setting WHERE name = ?", (name,))
        return json.loads(row["value"]) if row else default

    def set_setting(self, name: str, value: Any) -> None:
        """Remember a setting."""
        self.run(
            "INSERT INTO setting (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )


class Store:
    """The file: one writer at a time, readers beside it on their own snapshot."""

    def __init__(self, path: str, platform: str) -> None:
        self.path = path
        self.platform = platform
        self._writing = threading.Lock()
        self._writer = self._connect()
        for statement in SCHEMA.split(";"):
            self._writer.execute(statement)
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=20)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Open the one write transaction; it is on disk when the block ends, or undone on any exception."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield Tx(self._writer, self.platform)
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a consistent snapshot for reading."""
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = self._connect()
        connection.execute("BEGIN")
        try:
            yield Tx(connection, self.platform)
        finally:
            connection.execute("ROLLBACK")
            self._readers.put(connection)

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        with self._writing:
            while not self._readers.empty():
                self._readers.get_nowait().close()
            self._writer.close()
