"""A shop in business, one of whose commissions is declined and may be disputed."""

import pytest

from tests.integration.tracking.disputes.court import Court
from tests.integration.tracking.furnished import database, furnished

__all__ = ["database", "furnished"]


@pytest.fixture
def court(database):
    """A shop with one adviser, and an admin of the platform."""
    return Court(database)
