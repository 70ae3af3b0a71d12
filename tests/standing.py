"""Worlds that stand for all tests of a module, because cloning and furnishing cost more than most of these tests."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import pytest

from marketplace.accounts import limits
from marketplace.core import clock, config, db
from marketplace.devtools.postgres import Postgres
from tests.conftest import TEMPLATE, Database
from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Sandbox
from tests.own_settings import own_settings


class Closing(Protocol):
    """A world that lets go of its connections at the end."""

    def close(self) -> None:
        """Let go of connections."""


T = TypeVar("T", bound=Closing)


@contextmanager
def cloned(postgres: Postgres) -> Iterator[Database]:
    """Give a clone of the migrated database, which nobody has opened, and drop it at the end."""
    name = f"t_{secrets.token_hex(6)}"
    postgres.create_database(name, template=TEMPLATE)
    try:
        yield Database(name, postgres)
    finally:
        postgres.drop(name)


@contextmanager
def sandbox_of(folders: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run a real Stripe sandbox, for calls that get past every check of ours."""
    data = folders.mktemp("sandbox") / "stripe.sqlite"
    sandbox = Sandbox(data, Description.__new__(Description)).start()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def stripe_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of a module's own."""
    with sandbox_of(tmp_path_factory) as sandbox:
        yield sandbox


def facts_of(stripe: Sandbox, folders: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the settings of a whole product that speaks to that sandbox."""
    return {
        "segments_dir": str(folders.mktemp("segments")),
        "stripe_api_key": "sk_test_standing",
        "stripe_api_base": stripe.base,
        "stripe_webhook_secret_account": SECRETS["account"],
        "stripe_webhook_secret_connect": SECRETS["connect"],
    }


@dataclass
class Standing(Generic[T]):
    """A world on a committed database of its own, and the settings under which it was built."""

    database: Database
    settings: config.Settings
    world: T
    # Of a world that outlives its module: how far its clock was ahead when it was last left.
    ahead: dt.timedelta | None = None

    @contextmanager
    def at_work(self) -> Iterator[T]:
        """Let this process work on the world as the web role during one test, whatever other tests left behind.

        Tests of the same module may have had a database, settings or another standing world of their own.
        """
        before = list(config._current)
        self._open()
        limits._storage.cache_clear()
        if self.ahead is not None:
            clock.set_offset(self.ahead)
        try:
            yield self.world
        finally:
            db.close_reading_sessions()
            config._current[:] = before
            if self.ahead is not None:
                self.leave()

    def leave(self) -> None:
        """Let this process forget the world until it works on it again: tests of other modules come between."""
        self.ahead = clock.offset()
        clock.set_offset(dt.timedelta(0))
        db.close()

    def _open(self) -> None:
        config.use(self.settings)
        present = db._engine[0].url.render_as_string(hide_password=False) if db._engine else ""
        if present != self.database.url("app"):
            self.database.open("app")


@contextmanager
def standing(
    postgres: Postgres, redis_url: str, build: Callable[[Database], T], **facts: Any
) -> Iterator[Standing[T]]:
    """Build a world on a clone of its own and give it; settings, clock and database are as before at the end.

    redis_url: the Valkey of the run; build: makes the world on the opened database, and is given that; facts:
    settings beside those that every test has.
    """
    before = list(config._current)
    made = own_settings(redis_url=redis_url, **facts)
    with cloned(postgres) as database:
        config.use(made)
        database.open("app")
        try:
            world = build(database)
            yield Standing(database, config.current(), world)
            world.close()
        finally:
            db.close()
            clock.set_offset(dt.timedelta(0))
            config._current[:] = before


@contextmanager
def kept(
    postgres: Postgres, redis_url: str, build: Callable[[Database], T], **facts: Any
) -> Iterator[Standing[T]]:
    """Build a world that many modules share, as `standing` does; between their tests this process forgets it."""
    before = list(config._current)
    with standing(postgres, redis_url, build, **facts) as made:
        made.leave()
        config._current[:] = before
        yield made
