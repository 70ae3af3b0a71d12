"""PostgreSQL paused, stopped or full: 503 that says when to come back, redirects go on, and all recovers by itself."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import flask.testing
import psycopg
import pytest
import sqlalchemy as sa

import wsgi
from marketplace.core import db, migrate, patience
from marketplace.core.config import Settings
from marketplace.core.patience import bounded
from marketplace.devtools.postgres import Postgres
from tests.applications import application
from tests.conftest import PASSWORDS, Database, let_tests_act_for_everybody
from tests.faults.services.paused import paused
from tests.integration.tracking.edge.conftest import Caller
from tests.integration.tracking.world import World
from tracking.touches import shipper

# Far above what it takes, far below for ever: whoever waits this long was hung.
SOON = 20.0


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A migrated PostgreSQL that the tests of this module may stop."""
    with Postgres.throwaway() as postgres:
        migrate.upgrade(postgres.url("bootstrap"), PASSWORDS)
        let_tests_act_for_everybody(postgres.url("bootstrap"))
        yield postgres


@pytest.fixture
def own_database(own_postgres: Postgres, settings: Settings) -> Iterator[Database]:
    name = f"t_{secrets.token_hex(6)}"
    own_postgres.create_database(name, template="aanrader")
    made = Database(name, own_postgres)
    made.open("app")
    yield made
    db.close()


@pytest.fixture
def client(own_database: Database) -> flask.testing.FlaskClient:
    wsgi.register()
    return application(wsgi.blueprints()).test_client()


def pid_of(postgres: Postgres) -> int:
    found = postgres.postmaster()
    assert found is not None
    return found.pid


def ask(client: flask.testing.FlaskClient) -> tuple[int, str | None, float]:
    """Return status, Retry-After and the seconds that /health took."""
    began = time.monotonic()
    answer = client.get("/health")
    return answer.status_code, answer.headers.get("Retry-After"), time.monotonic() - began


def test_a_paused_server_is_a_503_within_seconds_and_is_found_back(
    client: flask.testing.FlaskClient, own_database: Database
) -> None:
    assert ask(client)[0] == 200
    with paused(pid_of(own_database.postgres)):
        status, retry_after, seconds = ask(client)
        assert (status, retry_after is not None) == (503, True)
        assert seconds < SOON
        # Who comes next is not held up for as long as the first.
        again = [ask(client) for _ in range(3)]
        assert {one[0] for one in again} == {503}
        assert min(one[2] for one in again) < 1.0
    deadline = time.monotonic() + SOON
    while ask(client)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_statement_under_way_when_the_server_hangs_is_given_up(own_database: Database) -> None:
    with db.session() as session:
        session.execute(sa.text("SELECT 1"))
        with (
            paused(pid_of(own_database.postgres)),
            pytest.raises(sa.exc.OperationalError, match="no answer"),
        ):
            session.execute(sa.text("SELECT 2"))


def test_a_slow_statement_on_a_living_server_is_waited_for(own_database: Database) -> None:
    kind = bounded(limit=30, patience=0.2)
    address = own_database.url("app").replace("+psycopg", "", 1)
    with kind.connect(address, autocommit=True) as connection:
        assert connection.execute("SELECT 7 FROM pg_sleep(0.9)").fetchone() == (7,)


def test_a_server_without_a_free_connection_is_a_503_until_one_is_free(
    client: flask.testing.FlaskClient, own_database: Database
) -> None:
    boss = own_database.postgres.url("postgres", own_database.name).replace("+psycopg", "", 1)
    with psycopg.connect(boss, autocommit=True) as connection:
        connection.execute("ALTER ROLE aanrader_app CONNECTION LIMIT 2")
        address = own_database.url("app").replace("+psycopg", "", 1)
        db.engine().dispose()
        with psycopg.connect(address), psycopg.connect(address):
            assert ask(client)[:2] == (503, "2")
        connection.execute("ALTER ROLE aanrader_app CONNECTION LIMIT -1")
    assert ask(client)[0] == 200


def test_a_stopped_server_is_a_503_at_once_and_a_restarted_one_is_found_back(
    client: flask.testing.FlaskClient, own_database: Database
) -> None:
    assert ask(client)[0] == 200
    own_database.postgres.stop(kill=True)
    status, retry_after, seconds = ask(client)
    assert (status, retry_after is not None) == (503, True)
    assert seconds < SOON
    own_database.postgres.start()
    assert ask(client)[0] == 200


def test_a_connection_that_the_server_ended_a_moment_ago_is_replaced_before_it_is_used(
    client: flask.testing.FlaskClient, own_postgres: Postgres, own_database: Database
) -> None:
    for _ in range(3):
        assert ask(client)[0] == 200
        own_postgres.end_sessions(own_database.name)
    assert ask(client)[0] == 200


def test_a_connection_on_which_the_server_just_answered_is_not_asked_whether_it_lives(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.session() as session:
        session.execute(sa.text("SELECT 1"))
        driver = session.connection().connection.driver_connection
    assert driver.is_fresh()
    monkeypatch.setattr(patience, "_FRESH_SECONDS", 0.0)
    assert not driver.is_fresh()


def test_redirects_go_on_while_the_server_is_paused_and_their_clicks_arrive(
    own_database: Database, settings: Settings
) -> None:
    world = World(own_database)
    path = world.offer_link.path
    click = Caller(dataclasses.replace(settings, database_url=own_database.url("edge")))
    try:
        deadline = time.monotonic() + SOON
        while path not in click.edge.directory.entries:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with paused(pid_of(own_database.postgres)):
            began = time.monotonic()
            answers = [click(path) for _ in range(50)]
            # Known links cost nothing more; an unknown code asks once, and not for long.
            assert time.monotonic() - began < 2.0
            assert {status for status, _ in answers} == {"302"}
            for number in range(5):
                assert "/search?q=" in click(f"/t/unknown{number}")[1]["Location"]
            assert time.monotonic() - began < SOON
        assert click("/t/unknown9")[0] == "302"
    finally:
        click.edge.close()
    with contextlib.closing(shipper.connect(own_database.url("worker"))) as connection:
        assert shipper.ship_all(connection, Path(settings.segments_dir)).clicks == 50


def test_a_shipper_gives_up_a_paused_server_and_ships_each_click_once_afterwards(
    own_database: Database, settings: Settings
) -> None:
    world = World(own_database)
    click = Caller(dataclasses.replace(settings, database_url=own_database.url("edge")))
    try:
        for _ in range(20):
            click(world.offer_link.path)
    finally:
        click.edge.close()
    folder = Path(settings.segments_dir)
    with contextlib.closing(shipper.connect(own_database.url("worker"))) as connection:
        before = connection.execute("SELECT count(*) FROM click").fetchone()
        with paused(pid_of(own_database.postgres)), pytest.raises(psycopg.OperationalError):
            shipper.ship_all(connection, folder)
    with contextlib.closing(shipper.connect(own_database.url("worker"))) as connection:
        shipper.ship_all(connection, folder)
        shipper.ship_all(connection, folder)
        after = connection.execute("SELECT count(*) FROM click").fetchone()
    assert before is not None and after is not None
    assert after[0] - before[0] == 20
