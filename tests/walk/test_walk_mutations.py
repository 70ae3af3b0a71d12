"""Without any one policy of a route, limit of a tenant or policy of rows the walk fails: it looks at each of them."""

from __future__ import annotations

import pytest

from tests.walk import matrix, mutations, ways
from tests.walk.cells import Cell, Product
from tests.walk.matrix import ALLOWED

# Row-level policies that requests miss on their own, once the code's limits are gone. Behind most others stands another
# policy still (a row that can't be seen can't be changed, nor can what hangs on it); the cells of tables miss each.
MISSED = frozenset(
    f"{table}_app_select"
    for table in ("agreement", "api_key", "commission", "discount_code", "feed_job", "invitation", "membership", "offer", "product")
) | {"auth_session_app_all"}  # fmt: skip
KINDS = ("adviser", "owner", "mixed", "both_ways", "neighbour", "shop_key")


@pytest.fixture(scope="module")
def cells(product: Product) -> list[Cell]:
    return list(product.cells())


@pytest.fixture(scope="module")
def reaching(cells: list[Cell]) -> list[Cell]:
    """The cells that get past the matrix, of one person of each kind: only they can meet a limit."""
    return [
        cell
        for cell in cells
        if cell.route and cell.method != "HEAD" and cell.route.row.asked_of(cell.who) == ALLOWED
        and cell.who.name in KINDS
    ]  # fmt: skip


def tell(what: str, tried: int, survivors: list[str]) -> None:
    """Print how many were noticed, and refuse when any was not."""
    print(f"\n{what}: noticed {tried - len(survivors)} of {tried}; survivors: {survivors}")
    assert tried > 0
    assert not survivors


@pytest.mark.slow
def test_walk_fails_without_the_policy_of_any_route(town, product, cells):
    opened, undeclared, survivors = 0, 0, []
    with ways.both_locks(town, product) as walk:
        for (method, path), route in matrix.routes().items():
            of_route = [cell for cell in cells if cell.route is route]
            undeclared += 1
            with mutations.undeclared(town, product, method, path):
                if not mutations.notices(walk, of_route):
                    survivors.append(f"{route.name} undeclared")
            if "public" in route.row.flags:
                continue
            opened += 1
            with mutations.open_to_everybody(town, product, method, path):
                refused = [cell for cell in of_route if route.row.asked_of(cell.who) != ALLOWED]
                of_policy = [cell for cell in refused if cell.method != "HEAD"]
                if not mutations.notices(walk, mutations.spread(of_policy)) and not mutations.notices(
                    walk, cells
                ):
                    survivors.append(f"{route.name} open to everybody")
        assert not mutations.notices(walk, mutations.spread(cells, 300)), "nothing is taken away any more"
    tell(f"{undeclared} policies taken away and {opened} made public", undeclared + opened, survivors)


@pytest.mark.slow
def test_walk_fails_without_any_single_limit(town, product, cells, reaching):
    with ways.filters_alone(town, product) as walk:
        found = mutations.survey(walk, reaching)
        assert not walk.found, walk.found[:5]
    survivors = []
    for name in mutations.limits():
        asking = mutations.spread(found.of_name.get(name, []))
        with ways.filters_alone(town, product, off={name}) as walk:
            if not mutations.notices(walk, asking) and not mutations.notices(walk, cells):
                survivors.append(name)
    with ways.filters_alone(town, product) as walk:
        assert not mutations.notices(walk, mutations.spread(reaching, 300)), "nothing is taken away any more"
    tell("limits of tenants taken away", len(mutations.limits()), survivors)


@pytest.mark.slow
def test_walk_fails_without_any_single_policy_of_rows(tables):
    assert not mutations.tables_notice(tables, "offer", "SELECT 1"), "nothing was taken away"
    told, survivors = {}, []
    for how, mutated in mutations.rows_policies(tables).items():
        told[how] = len(mutated)
        survivors += [
            f"{name} {how}"
            for table, name, statement in mutated
            if not mutations.tables_notice(tables, table, statement)
        ]
    tell(f"policies of rows taken away, {told}", sum(told.values()), survivors)


@pytest.mark.slow
def test_walk_over_http_fails_without_a_policy_of_rows_that_requests_lean_on(town, product, reaching):
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
        f"\n{len(policies)} policies of rows made true, requests alone noticed {len(policies) - len(survivors)}"
    )
    assert not MISSED & set(survivors)
