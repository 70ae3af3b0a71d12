"""Sessions for reading keep what PostgreSQL has planned for their connection, and nothing that they wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from marketplace.core import db
from marketplace.core.heartbeat import Heartbeat, beat
from tests.conftest import Database

NAME = sa.text("SELECT name FROM heartbeat WHERE name = :name")
PREPARED = sa.text(
    "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT name FROM heartbeat%'"
)


@pytest.fixture
def beating(as_worker: Database) -> Iterator[None]:
    # One connection, as a web process has that serves one request after another.
    db.init(as_worker.url("worker"), pool_size=1, clock_moves=True)
    beat("here")
    return


def asked(times: int, *, failing: bool = False) -> int:
    """Read in a session of its own so many times; return how many plans of it the connection keeps then."""
    for _ in range(times):
        with db.session() as session:
            assert session.execute(NAME, {"name": "here"}).scalar() == "here"
            if failing:
                session.execute(sa.text("UPDATE heartbeat SET name = 'gone'"))
    with db.session() as session:
        return int(session.execute(PREPARED).scalar_one())


def test_statement_of_each_request_is_planned_once_for_all_of_them(beating):
    assert asked(8) == 1


def test_what_a_session_for_reading_wrote_is_rolled_back(beating):
    asked(1, failing=True)
    with db.session() as session:
        assert session.execute(NAME, {"name": "here"}).scalar() == "here"


def test_row_that_was_changed_for_showing_is_not_written(beating):
    with db.session() as session:
        row = session.get_one(Heartbeat, "here")
        row.name = "gone"
    assert asked(1) == 0


def test_session_that_failed_leaves_the_connection_fit_for_the_next_one(beating):
    with pytest.raises(sa.exc.DBAPIError), db.session() as session:
        session.execute(sa.text("SELECT 1 / 0"))
    assert asked(1) == 0
