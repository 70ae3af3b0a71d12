"""Chromium, a product behind its real server, and a context for each role; a missing browser is told loudly."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from bench._served import Served
from marketplace.core import clock, config, db
from marketplace.devtools.browser import FLAGS, INSTALL, chromium
from marketplace.devtools.valkey import Valkey
from tests.browser.fair import Fair
from tests.browser.visits import Ground
from tests.conftest import Database
from tests.integration.payouts.sandbox.sandbox_process import Description, Receiver, Sandbox
from tests.standing import Standing, facts_of, standing


def without_browser(environment: Mapping[str, str]) -> NoReturn:
    """Skip loudly; fail where nobody reads what was skipped."""
    why = f"NO BROWSER: these tests need Chromium, nothing of the screens was tested; {INSTALL}"
    if environment.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one process a run."""
    found = chromium() or without_browser(os.environ)
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def fair(pg: Any, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing[Fair]]:
    """The fair, committed; stories act in it by `at_work`, and between tests this process has forgotten it."""
    folder = Path(tmp_path_factory.mktemp("fair"))
    sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
    receiver = Receiver()
    sandbox.ask("settings", receiver.urls())
    before = list(config._current)
    facts = facts_of(sandbox, tmp_path_factory)
    try:
        with standing(pg, valkey.url, lambda database: Fair(database, sandbox, receiver), **facts) as built:
            db.close()
            clock.set_offset(dt.timedelta(0))
            config._current[:] = before
            built.world.make_copy()
            yield built
            built.database.postgres.drop(built.world.copy)
    finally:
        receiver.close()
        sandbox.close()


@contextmanager
def serve(fair: Standing[Fair], database: str, folder: Path) -> Iterator[str]:
    """Serve a database of the fair's server in a process of its own; give the address."""
    own = fair.settings
    served = Served(
        Database(database, fair.database.postgres).url("app"),
        own.redis_url,
        folder,
        threads=8,
        AANRADER_SECRET_KEY=own.secret_key,
        AANRADER_TOKEN_KEYS=",".join(f"{number}:{key.hex()}" for number, key in own.token_keys),
        STRIPE_API_KEY=own.stripe_api_key,
        STRIPE_API_BASE=own.stripe_api_base,
    )
    try:
        yield f"http://127.0.0.1:{served.port}"
    finally:
        served.close()


@pytest.fixture(scope="session")
def ground(
    browser: Browser, fair: Standing[Fair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The fair behind its real server, and a browser that visits it."""
    with serve(fair, fair.database.name, Path(tmp_path_factory.mktemp("served"))) as address:
        made = Ground(browser, address, fair.world.guests, fair.world.superuser)
        yield made
        made.close()


@pytest.fixture(scope="session")
def poisoned(
    browser: Browser, fair: Standing[Fair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A copy of the fair in which every text is hostile."""
    with serve(fair, fair.world.copy, Path(tmp_path_factory.mktemp("poisoned"))) as address:
        engine = sa.create_engine(
            fair.database.postgres.url("postgres", fair.world.copy), poolclass=sa.pool.NullPool
        )
        made = Ground(browser, address, fair.world.guests, engine)
        yield made
        made.close()
