"""One database and one sandbox for all attacks: building the siege costs more than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.devtools.postgres import Postgres
from marketplace.devtools.valkey import Valkey
from tests.integration.bad_input.siege import Siege
from tests.standing import Standing, facts_of, sandbox_of, standing

__all__ = ["siege", "siege_of_its_own", "unmoved"]


@pytest.fixture(scope="module")
def siege_of_its_own(
    pg: Postgres, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing[Siege]]:
    """A siege for a module that ends what others need: there it is imported as `standing_siege`."""
    with (
        sandbox_of(tmp_path_factory) as stripe,
        standing(pg, valkey.url, Siege, **facts_of(stripe, tmp_path_factory)) as siege,
    ):
        yield siege


@pytest.fixture
def siege(standing_siege: Standing[Siege]) -> Iterator[Siege]:
    """The standing siege with empty counters of tries."""
    with standing_siege.at_work() as siege:
        yield siege


@pytest.fixture
def unmoved(siege: Siege) -> Iterator[Siege]:
    """The standing siege, of which no row may move in the test."""
    before = siege.fingerprint()
    yield siege
    after = siege.fingerprint()
    moved = sorted(name for name in after if after[name] != before[name])
    assert not moved, f"refused requests changed {moved}"
