"""One town for all cells of a module: building it costs more than a thousand requests."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.core import clock, config, db
from tests.conftest import TEMPLATE, Database
from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Sandbox
from tests.walk.town import Town


@pytest.fixture(scope="module")
def stripe_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A real Stripe sandbox, for calls that may ask for it."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def town(pg: Any, valkey: Any, stripe_sandbox: Sandbox, tmp_path_factory: Any) -> Iterator[Town]:
    """The two tenants, committed."""
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
            stripe_api_key="sk_test_walk",
            stripe_api_base=stripe_sandbox.base,
            stripe_webhook_secret_account=SECRETS["account"],
            stripe_webhook_secret_connect=SECRETS["connect"],
        )
    )
    database.open("app")
    made = Town(database)
    yield made
    made.close()
    db.close()
    clock.set_offset(dt.timedelta(0))
    pg.drop(name)
    config._current[:] = before
