"""Real servers for tests: one PostgreSQL and one Valkey a run, and a fresh clone of a migrated database a test."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from marketplace.core import clock, config, db, jobs, logs, migrate
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.valkey import Valkey
from tests import drawn
from tests.applications import Compiled
from tests.dialect import share_what_is_compiled
from tests.own_settings import own_settings

if TYPE_CHECKING:
    from tests.integration.bad_input.siege import Siege
    from tests.standing import Standing

hypothesis_settings.register_profile(
    "aanrader",
    deadline=None,  # The machine is shared; time is measured by the benches, not by tests.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
hypothesis_settings.load_profile("aanrader")
logs.configure()
flask.Flask.jinja_options["bytecode_cache"] = Compiled()
share_what_is_compiled()

TEMPLATE = "aanrader_template"
# Tests that call services without a request act for everybody; a request acts as its actor, as in production.
EVERYBODY = db.Scope(role="tests")
PASSWORDS = {"aanrader_app": "app-secret", "aanrader_worker": "worker-secret", "aanrader_edge": "edge-secret"}

# Few tests, much time: begun last, as modules of few tests otherwise are, one of these lets a core wait for the other.
LONGEST = (
    "journeys/test_demo_world.py",
    "planted/test_planted_bugs.py",
    "attacks/test_schemathesis.py",
    "faults/kills/test_kills.py",
    "walk/test_authorisation_walk.py",
    "journeys/test_main_job.py",
    "integration/bad_input/test_bad_fields.py",
    "integration/payouts/test_money_story.py",
    "simulation/test_simulation.py",
    "walk/test_tables_walk.py",
    "properties/test_ledger_machine.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Where the slow tests stay away, take smaller samples too."""
    if config.getoption("markexpr") == "not slow":
        drawn.be_fast()


def pytest_collection_finish() -> None:
    """Look through what all tests share no more for what is garbage: it stays to the end."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest, then those of most tests; in a module the order stays drawn."""
    ranks = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), -sizes[item.path]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep all tests of the browser on one worker, as a module's are: their fair, server and Chromium are one a worker."""
    from xdist.scheduler import LoadScopeScheduling

    if config.getvalue("dist") != "loadscope":
        return None

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return "tests/browser" if scope.startswith("tests/browser/") else scope

    return Together(config, log)


@dataclass(frozen=True)
class Database:
    """A database of one test, and its address for each role."""

    name: str
    postgres: Postgres

    def url(self, role: str) -> str:
        """Return the address for app, worker, edge or bootstrap."""
        if role == "bootstrap":
            return self.postgres.url("bootstrap", self.name)
        login = f"aanrader_{role}"
        return self.postgres.url(login, self.name, password=PASSWORDS[login])

    def open(self, role: str) -> sa.Engine:
        """Let this process work on the database as a role."""
        config.use(dataclasses.replace(config.current(), database_url=self.url(role)))
        return db.init(self.url(role), clock_moves=True, scope=EVERYBODY)


def let_tests_act_for_everybody(url: str) -> None:
    """Give each locked table a policy that no product database has: the scope EVERYBODY sees and writes all rows."""
    locked = "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL ROLE aanrader_owner"))
        for table in connection.execute(sa.text(locked)).scalars().all():
            connection.execute(
                sa.text(
                    f"CREATE POLICY {table}_tests ON {table} TO aanrader_app"
                    " USING ((SELECT current_setting('app.role', true)) = 'tests')"
                )
            )
    engine.dispose()


@pytest.fixture(scope="session")
def pg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of this run, with a migrated template database."""
    with Postgres.throwaway() as postgres:
        postgres.create_database(TEMPLATE)
        migrate.upgrade(postgres.url("bootstrap", TEMPLATE), PASSWORDS)
        let_tests_act_for_everybody(postgres.url("bootstrap", TEMPLATE))
        yield postgres


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A Valkey of this run."""
    with Valkey.throwaway() as server:
        yield server


@pytest.fixture
def settings(tmp_path: object) -> Iterator[config.Settings]:
    """Settings of a test: test mode, random secrets, no network."""
    before = list(config._current)
    made = own_settings(segments_dir=os.path.join(str(tmp_path), "segments"))
    config.use(made)
    yield made
    config._current[:] = before


@contextmanager
def opened(postgres: Postgres, template: str) -> Iterator[Database]:
    """Give a clone of a database on which this process works as the web role; it is forgotten and dropped at the end."""
    name = f"t_{secrets.token_hex(6)}"
    postgres.create_database(name, template=template)
    clone = Database(name, postgres)
    clone.open("app")
    try:
        yield clone
    finally:
        db.close()
        clock.set_offset(dt.timedelta(0))
        postgres.drop(name)


@pytest.fixture
def database(pg: Postgres, settings: config.Settings) -> Iterator[Database]:
    """A fresh clone of the migrated database; this process works on it as the web role."""
    with opened(pg, TEMPLATE) as clone:
        yield clone


@pytest.fixture
def as_worker(database: Database) -> Database:
    """The same clone, but this process works on it as the worker role."""
    database.open("worker")
    return database


@pytest.fixture
def with_valkey(valkey: Valkey, settings: config.Settings) -> Iterator[Valkey]:
    """Let this process use the Valkey of this run, emptied."""
    config.use(dataclasses.replace(config.current(), redis_url=valkey.url))
    jobs.connection().flushall()
    yield valkey
    config.use(settings)


@pytest.fixture(scope="session")
def standing_siege(
    pg: Postgres, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing[Siege]]:
    """Two shops that attacks share, committed; which module builds them is a matter of order.

    A module whose attacks end what others need takes `siege_of_its_own` under this name.
    """
    # Loaded here, because most runs of a few tests attack nothing.
    from tests.integration.bad_input.siege import Siege
    from tests.standing import facts_of, kept, sandbox_of

    with (
        sandbox_of(tmp_path_factory) as stripe,
        kept(pg, valkey.url, Siege, **facts_of(stripe, tmp_path_factory)) as siege,
    ):
        yield siege
