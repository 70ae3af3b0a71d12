"""One database and one sandbox for all attacks of a module: cloning costs more than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_input.siege import Siege
from tests.integration.payouts.sandbox.sandbox_process import Sandbox
from tests.standing import Standing, facts_of, standing, stripe_sandbox

__all__ = ["siege", "standing_siege", "stripe_sandbox", "unmoved"]


@pytest.fixture(scope="module")
def standing_siege(
    pg: Any, valkey: Any, stripe_sandbox: Sandbox, tmp_path_factory: Any
) -> Iterator[Standing[Siege]]:
    """The two shops, committed; the tests of a module share them."""
    with standing(pg, valkey.url, Siege, **facts_of(stripe_sandbox, tmp_path_factory)) as siege:
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
