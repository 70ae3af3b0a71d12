"""A shop in business on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.core import config
from marketplace.devtools.postgres import Postgres
from tests.conftest import Database, opened
from tests.integration.tracking.trade import Trade
from tests.integration.tracking.trading import Stamp


@pytest.fixture
def database(pg: Postgres, settings: config.Settings, stamp: Stamp) -> Iterator[Database]:
    """A fresh clone in which the shop is in business already."""
    with opened(pg, stamp.template) as clone:
        yield clone


@pytest.fixture
def trade(database: Database, stamp: Stamp) -> Trade:
    """A shop with one adviser, its API keys and the routes of orders."""
    return stamp.on(database)
