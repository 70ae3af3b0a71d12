"""Without any one policy or limit the walk fails, and without the row-level policies behind them: the proof that it looks at each of them."""

from __future__ import annotations

import pytest

from tests.walk import matrix, mutations, ways
from tests.walk.cells import Cell, Product
from tests.walk.matrix import ALLOWED
from tests.walk.town import Town

# Row-level policies that requests miss on their own, once the code's limits are gone. Behind most others stands another
# policy still (a row that can't be seen can't be changed, nor can what hangs on it), so requests show nothing; there
# tests/integration/access/test_row_level_security.py asks the database itself, policy by policy.
MISSED = frozenset(
    f"{table}_app_select"
    for table in ("agreement", "api_key", "commission", "discount_code", "feed_job", "invitation", "membership", "offer", "product")
) | {"auth_session_app_all"}  # fmt: skip
KINDS = ("adviser", "owner", "mixed", "both_ways", "neighbour", "shop_key")


@pytest.fixture(scope="module")
def product(town: Town) -> Product:
    return Product(town)


@pytest.fixture(scope="module")
def reaching(product: Product) -> list[Cell]:
    """The cells that get past the matrix, of one person of each kind: only they can meet a limit."""
    return [
        cell
        for cell in product.cells()
        if cell.route and cell.method != "HEAD" and cell.route.row.asked_of(cell.who) == ALLOWED
        and cell.who.name in KINDS
    ]  # fmt: skip


@pytest.mark.slow
def test_walk_fails_without_the_policy_of_any_route(town, product):
    cells = [cell for cell in product.cells() if cell.route and cell.method != "HEAD"]
    survivors, tried = [], 0
    with ways.both_locks(town, product) as walk:
        for (method, path), route in matrix.routes().items():
            if "public" in route.row.flags:
                continue
            tried += 1
            of_route = [cell for cell in cells if cell.route is route and not cell.is_allowed]
            with mutations.open_to_everybody(town, product, method, path):
                of_policy = [cell for cell in of_route if route.row.asked_of(cell.who) != ALLOWED]
                if not mutations.notices(walk, mutations.spread(of_policy)):
                    survivors.append(route.name)
    print(f"\n{tried} policies taken away, {tried - len(survivors)} noticed; survivors: {survivors}")
    assert not survivors


@pytest.mark.slow
def test_walk_fails_without_any_single_limit(town, product, reaching):
    with ways.filters_alone(town, product) as walk:
        found = mutations.survey(walk, reaching)
        assert not walk.found, walk.found[:5]
    survivors = []
    for name in mutations.limits():
        cells = mutations.spread(found.of_name.get(name, []))
        with ways.filters_alone(town, product, off={name}) as walk:
            if not mutations.notices(walk, cells):
                survivors.append(name)
    tried = len(mutations.limits())
    print(f"\n{tried} limits taken away, {tried - len(survivors)} noticed; survivors: {survivors}")
    assert not survivors


@pytest.mark.slow
def test_walk_fails_without_a_row_level_policy_that_requests_lean_on(town, product, reaching):
    policies = mutations.policies(town)
    assert policies
    with ways.rows_security_alone(town, product) as walk:
        found = mutations.survey(walk, reaching)
        assert not walk.found, walk.found[:5]
    survivors = []
    for table, name in policies:
        cells = mutations.spread(found.of_table.get(table, []))
        with (
            mutations.policy_of_true(town, table, name),
            ways.rows_security_alone(town, product) as walk,
        ):
            if not mutations.notices(walk, cells):
                survivors.append(name)
    print(
        f"\n{len(policies)} row-level policies made true, {len(policies) - len(survivors)} noticed: {survivors}"
    )
    assert not MISSED & set(survivors)
