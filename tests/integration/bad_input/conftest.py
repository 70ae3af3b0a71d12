"""One database and one sandbox for all attacks of a module: cloning costs more than most of them."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.accounts import limits
from marketplace.core import clock, config, db
from tests.conftest import TEMPLATE, Database
from tests.integration.bad_input.siege import Siege
from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Sandbox


@pytest.fixture(scope="module")
def stripe_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A real Stripe sandbox, for what gets past every check of ours."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def standing_siege(pg: Any, valkey: Any, stripe_sandbox: Sandbox, tmp_path_factory: Any) -> Iterator[Siege]:
    """The two shops, committed; the tests of a module share them."""
    before = list(config._current)
    name = f"t_{secrets.token_hex(6)}"
    pg.create_database(name, template=TEMPLATE)
    database = Database(name, pg)
    config.use(
        config.Settings(
            mode="test",
            secret_key=secrets.token_hex(32),
            token_keys=((1, secrets.token_bytes(32)),),
            base_url="http://localhost",
            edge_url="http://localhost",
            redis_url=valkey.url,
            segments_dir=str(tmp_path_factory.mktemp("segments")),
            stripe_api_key="sk_test_siege",
            stripe_api_base=stripe_sandbox.base,
            stripe_webhook_secret_account=SECRETS["account"],
            stripe_webhook_secret_connect=SECRETS["connect"],
        )
    )
    database.open("app")
    siege = Siege(database)
    yield siege
    siege.mine.everything.dispose()
    siege.theirs.everything.dispose()
    db.close()
    clock.set_offset(dt.timedelta(0))
    pg.drop(name)
    config._current[:] = before


@pytest.fixture
def siege(standing_siege: Siege) -> Iterator[Siege]:
    """The standing siege with empty counters of tries."""
    if not db._engine:  # A test of the same module had a database of its own, and closed it.
        standing_siege.database.open("app")
    present = config.current()
    limits._storage.cache_clear()
    yield standing_siege
    db.close_reading_sessions()
    config.use(present)


@pytest.fixture
def unmoved(siege: Siege) -> Iterator[Siege]:
    """The standing siege, of which no row may move in the test."""
    before = siege.fingerprint()
    yield siege
    after = siege.fingerprint()
    moved = sorted(name for name in after if after[name] != before[name])
    assert not moved, f"refused requests changed {moved}"
