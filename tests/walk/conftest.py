"""One town for all cells of a module: building it costs more than a thousand requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.payouts.sandbox.sandbox_process import Sandbox
from tests.standing import Standing, cloned, facts_of, standing, stripe_sandbox
from tests.walk.cells import Product
from tests.walk.tables import Tables
from tests.walk.town import Town
from tests.walk.two_tenants import Tenants

__all__ = ["stripe_sandbox"]


@pytest.fixture(scope="module")
def standing_town(
    pg: Any, valkey: Any, stripe_sandbox: Sandbox, tmp_path_factory: Any
) -> Iterator[Standing[Town]]:
    """The two tenants, committed."""
    with standing(pg, valkey.url, Town, **facts_of(stripe_sandbox, tmp_path_factory)) as town:
        yield town


@pytest.fixture(scope="module")
def town(standing_town: Standing[Town]) -> Town:
    """The two tenants, for what a module reads of them once; tests work on them by `at_work`."""
    return standing_town.world


@pytest.fixture(autouse=True)
def at_work(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let this process work on the town in each test that has to do with it."""
    if "standing_town" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("standing_town").at_work():
        yield


@pytest.fixture(scope="module")
def product(town: Town) -> Product:
    """Everything that can be asked over HTTP."""
    return Product(town)


@pytest.fixture(scope="module")
def tables(pg: Any) -> Iterator[Tables]:
    """Two tenants with a row in every locked table, and what the data file says of these."""
    with cloned(pg) as database:
        tenants = Tenants(database)
        yield Tables(tenants)
        tenants.close()
