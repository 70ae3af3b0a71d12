"""Raw connections as any role, for tests that try to break the ledger's promises from outside our code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from marketplace.devtools.postgres import Postgres
from tests.conftest import Database
from tests.standing import cloned

Connect = Callable[[str], psycopg.Connection[Any]]


@pytest.fixture(scope="module")
def books(pg: Postgres) -> Iterator[Database]:
    """One database for a module of tests that are refused, or that use accounts of their own."""
    with cloned(pg) as database:
        yield database


@pytest.fixture
def connect(books: Database) -> Iterator[Connect]:
    """Open a connection as app, worker, owner (who can't log in) or postgres (superuser)."""
    opened: list[psycopg.Connection[Any]] = []

    def open_as(role: str) -> psycopg.Connection[Any]:
        if role == "postgres":
            url = books.postgres.url("postgres", books.name)
        else:
            url = books.url("bootstrap" if role == "owner" else role)
        # A test that would wait for its own other connection fails instead of hanging.
        connection = psycopg.connect(url.replace("+psycopg", "", 1), options="-c lock_timeout=5s")
        if role == "owner":
            connection.execute("SET ROLE aanrader_owner")
            connection.commit()
        opened.append(connection)
        return connection

    yield open_as
    for connection in opened:
        connection.close()
