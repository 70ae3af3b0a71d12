"""One sandbox process for all scenarios; each begins with an empty one and a fresh database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.payouts.ledger.conftest import books, connect
from tests.integration.payouts.sandbox.sandbox_process import Description, Sandbox
from tests.integration.payouts.settling import World, world
from tests.scenarios.house import House

__all__ = ["books", "connect", "world"]


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox of this run."""
    folder = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(folder / "stripe.sqlite", Description.__new__(Description)).start()
    yield sandbox
    sandbox.close()


@pytest.fixture
def house(world: World) -> House:
    """A shop in business, and everything behind it."""
    return House(world)
