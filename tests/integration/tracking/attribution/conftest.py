"""A shop in business on a database of its own."""

import pytest

from tests.integration.tracking.furnished import database, furnished
from tests.integration.tracking.trade import Trade

__all__ = ["database", "furnished"]


@pytest.fixture
def trade(database):
    """A shop with one adviser, its API keys and the routes of orders."""
    return Trade(database)
