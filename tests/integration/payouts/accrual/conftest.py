"""The world of the accrual tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Database
from tests.integration.payouts.world import World


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Shops, advisers and commissions in a database of this test, opened as the worker."""
    made = World(database)
    yield made
    made.close()
