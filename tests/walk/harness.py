"""Runs requests against one committed world without changing it, and tells whether any row moved."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
import sqlalchemy as sa
from sqlalchemy import event, orm
from werkzeug.test import Client, TestResponse

from marketplace.core import db, jobs, tenancy

ROW = "(to_jsonb(t) - 'last_seen_at' - 'last_used_at')::text"
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE) \"?([a-z_]+)", re.ASCII)
# Beats and moments.
UNHASHED = "'heartbeat', 'alembic_version', 'own_device'"
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass
class Harness:
    """One connection that acts as the web role, in which every transaction of the product is a savepoint.

    What a request commits is seen by the next statements and is gone after `undo`, so that calls that are allowed
    don't disturb the calls after them. `db.transaction` itself is the product's; only where its sessions begin differs.
    The connection is a superuser's who became the web role, so that it can also hash what that role may not read.
    """

    engine: sa.Engine
    app: flask.Flask
    # The shop that nobody who asks is of. That one's own shop was refused is written down on purpose, for no other shop.
    stranger: str
    connection: sa.Connection = field(init=False)
    outer: sa.RootTransaction = field(init=False)
    baseline: dict[str, str] = field(init=False)
    requests: int = 0
    hashes: int = 0
    # What the present request asked of `tenancy` and of the database; filled while somebody listens.
    asked: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.client = Client(self.app, TestResponse, use_cookies=False)
        self.connection = self.engine.connect()
        self.connection.execute(sa.text("SET ROLE aanrader_app"))
        self.connection.commit()
        self.outer = self.connection.begin()
        self.baseline = self.fingerprints()

    def new_session(self) -> orm.Session:
        """Return a session as `db.new_session` does, inside the one transaction."""
        session = orm.Session(
            self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        event.listen(session, "after_begin", db._begin)
        return session

    def moved(self) -> bool:
        """Tell whether the transaction wrote or locked anything; without a number of its own it can't have."""
        statement = sa.text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        return bool(self.connection.execute(statement).scalar_one())

    def differences(self) -> list[str]:
        """Return the tables that are no longer as they were."""
        present = self.fingerprints()
        return sorted(name for name in present if present[name] != self.baseline[name])

    def fingerprints(self) -> dict[str, str]:
        """Return for each table how many rows it has and a sum over hashes of all of them, seen by a superuser."""
        self.hashes += 1
        self.connection.execute(sa.text("SET ROLE NONE"))
        rows = self.connection.execute(sa.text(_hash_of_all(self.connection, self.stranger))).all()
        self.connection.execute(sa.text("SET ROLE aanrader_app"))
        return {row.name: row.print for row in rows}

    def undo(self) -> None:
        """Let the world be as it was committed."""
        self.outer.rollback()
        self.outer = self.connection.begin()

    def ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> TestResponse:
        """Send one request."""
        self.requests += 1
        self.asked.clear()
        self.read.clear()
        answer = self.client.open(path, method=method, headers=headers, **options)
        answer.data  # noqa: B018 - the body is read before the response goes.
        answer.close()
        if method not in SAFE:
            jobs.connection().flushall()
        return answer

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note which limits and which tables each request asks for."""
        rows, holds = tenancy.rows, tenancy.holds

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            self.read.update(TABLE.findall(statement))

        def note_rows(name: str, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
            self.asked.add(name)
            return rows(name, condition)

        def note_fact(name: str, fact: bool) -> bool:
            self.asked.add(name)
            return holds(name, fact)

        tenancy.rows, tenancy.holds = note_rows, note_fact
        event.listen(self.connection, "before_cursor_execute", note)
        try:
            yield
        finally:
            event.remove(self.connection, "before_cursor_execute", note)
            tenancy.rows, tenancy.holds = rows, holds

    def close(self) -> None:
        """Give the connection back."""
        self.outer.rollback()
        # Nobody else may get a connection that acts as the web role.
        self.connection.detach()
        self.connection.close()


def _hash_of_all(connection: sa.Connection, stranger: str) -> str:
    looked_at = {"shop_report": f" WHERE shop_id = '{stranger}'"}
    names = connection.execute(
        sa.text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
            f" AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN ({UNHASHED})"
        )
    ).scalars()
    return " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) || ':' || coalesce(sum(hashtextextended({ROW}, 0)), 0) AS print"
        f' FROM "{name}" t{looked_at.get(name, "")}'
        for name in sorted(names)
    )


@contextmanager
def filters_off(names: Container[str]) -> Iterator[None]:
    """Take away the named limits of `tenancy`."""
    rows, holds = tenancy.rows, tenancy.holds
    tenancy.rows = lambda name, condition: sa.true() if name in names else rows(name, condition)
    tenancy.holds = lambda name, fact: True if name in names else holds(name, fact)
    try:
        yield
    finally:
        tenancy.rows, tenancy.holds = rows, holds


def body_of(answer: TestResponse) -> str:
    """Return everything that an answer shows: the body and the headers."""
    # Pictures and papers are no text; what of them is reads the same.
    return answer.get_data().decode(errors="replace") + json.dumps(sorted(answer.headers.items()))
