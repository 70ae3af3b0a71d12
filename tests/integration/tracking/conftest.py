"""What the rooms of tracking share: a shop in business, made once a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.devtools.postgres import Postgres
from tests.integration.tracking.trading import Stamp, stamped


@pytest.fixture(scope="session")
def stamp(pg: Postgres) -> Iterator[Stamp]:
    """The shop that tests get copies of."""
    with stamped(pg) as made:
        yield made
