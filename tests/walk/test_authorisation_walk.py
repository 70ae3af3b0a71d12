"""Every rule x method x person x thing answers what the data files say, shows nothing of others and moves no row."""

from __future__ import annotations

import collections
from typing import Any

import pytest
import sqlalchemy as sa

from tests.drawn import chance
from tests.walk import matrix, mutations, ways
from tests.walk.canaries import HOUSE
from tests.walk.cells import PARAMETER, Cell, Product, places_of, schemas_of
from tests.walk.suppliers import SUPPLIERS
from tests.walk.walking import sample, words_of

# Cells of each way in the fast tests, drawn anew each run.
PIECE = 240
# Raw clicks carry nothing that the web role may read; the rest of these is the house's own.
NOBODYS = {
    "click",
    "click_first",
    "click_tally",
    "own_device",
    "touch_screening",
    "recovery_code",
    "email_token",
}

# Buttons of pages: these read no field at all, so nothing that is sent along is theirs to refuse.
BUTTONS = frozenset(
    {
        "POST /sign-out",
        "POST /account/sessions/<uuid:session_id>/end",
        "POST /account/keys/<uuid:key_id>/revoke",
        "POST /adviser/profile/evidence/<uuid:evidence_id>/withdraw",
        "POST /adviser/partnerships/<uuid:partnership_id>/leave",
        "POST /adviser/partnerships/<uuid:partnership_id>/accept",
        "POST /adviser/offers/<uuid:offer_id>/join-at-once",
        "POST /adviser/advice/<uuid:page_id>/withdraw",
        "POST /adviser/advice/<uuid:page_id>/twin",
        "POST /adviser/links/<uuid:link_id>/disable",
        "POST /shop/stores/advisers/<uuid:store_adviser_id>/end",
        "POST /shop/codes/<uuid:code_id>/end",
        "POST /shop/advisers/<uuid:partnership_id>/code",
        "POST /adviser/links/<uuid:link_id>/enable",
        "POST /adviser/disputes/<uuid:dispute_id>/withdraw",
        "POST /adviser/claims/<uuid:claim_id>/withdraw",
        "POST /shop/start/domain/<uuid:domain_id>/withdraw",
        "POST /shop/start/domain/<uuid:domain_id>/keep",
        "POST /finance/reconciliation/import",
        "POST /admin/jobs/check",
    }
)
# Forms without a page of their own: a refusal shows the page that they stand on, as it was.
SHOWN_AGAIN = {"POST /adviser/advice": 303}


@pytest.fixture(scope="module")
def cells(product: Product) -> list[Cell]:
    return list(product.cells())


def test_walk_counts_as_many_cells_as_the_product_has(product, cells, town):
    rules = sum(len(methods) for methods in product.paths.values())
    asked = {(cell.method, cell.path, cell.who.name, cell.things) for cell in cells}
    print(
        f"\n{len(cells)} cells = {product.size()}: {rules} rules on {len(product.paths)} paths x 7 methods x"
        f" {len(town.people)} people x things; {sum(cell.is_allowed for cell in cells)} allowed"
    )
    assert len(cells) == product.size() == len(asked)
    assert all(cell.expected for cell in cells)


def test_policy_of_every_route_stands_in_the_data_files_and_is_the_one_it_declares(product, town):
    served = {(method, path) for path, methods in product.paths.items() for method in methods}
    assert served == set(matrix.routes()), sorted(served ^ set(matrix.routes()))
    for (method, path), route in matrix.routes().items():
        declared = town.app.view_functions[product.paths[path][method].endpoint]._policy
        assert (declared.resource, declared.action) == (route.row.resource, route.row.action), route.name


def test_policy_names_every_parameter_of_a_route_and_the_walk_can_supply_it(product, town):
    for (method, path), route in matrix.routes().items():
        view = town.app.view_functions[product.paths[path][method].endpoint]
        named = set(PARAMETER.findall(path))
        for location, schema in schemas_of(view):
            named |= {name for name in schema.fields if is_foreign(name, schema.fields[name], location)}
        assert named == set(route.parameters), f"{route.name} names {sorted(named)}"
        assert named <= set(SUPPLIERS), f"no supplier for {sorted(named - set(SUPPLIERS))}"
        deep = {name for _, schema in schemas_of(view) for name in nested_ids(schema)}
        assert not deep, f"{route.name} takes ids inside of {sorted(deep)}, which the walk does not vary"


def is_foreign(name: str, field: Any, location: str) -> bool:
    return location in ("json", "query") and (
        name.endswith("_id") or "UUID" in {base.__name__ for base in type(field).__mro__}
    )


def nested_ids(schema: Any, depth: int = 0) -> set[str]:
    found = set()
    for name, field in schema.fields.items():
        inner = getattr(field, "inner", field)
        if depth and is_foreign(name, inner, "json"):
            found.add(name)
        if hasattr(inner, "schema"):
            found |= {f"{name}.{one}" for one in nested_ids(inner.schema, depth + 1)}
    return found


def test_walk_knows_rows_of_the_other_tenant_in_every_table_that_has_tenants(town):
    statement = (
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name IN ('shop_id', 'adviser_id', 'user_id') AND table_name NOT LIKE 'click%'"
        " AND table_name IN (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')"
    )
    with town.superuser.begin() as connection:
        wanted = set(connection.execute(sa.text(statement)).scalars()) - HOUSE - NOBODYS
    missing = wanted - town.marks.tables
    assert not missing, f"tenant B has no row in {sorted(missing)}"
    print(f"\n{len(town.marks.columns)} free text columns of B hold {len(town.marks.words)} canaries")


def test_walk_would_see_a_canary_because_finance_sees_them(town, product):
    seen = set()
    with ways.both_locks(town, product) as walk:
        for path in (
            "offers",
            "shops",
            "products",
            "domains",
            "orders",
            "statements",
            "links",
            "codes",
            "feeds",
        ):
            answer = walk.harness.ask("GET", f"/api/v1/{path}?limit=100", town.people["finance"].headers)
            marks = town.marks.seen_in(answer.get_data(as_text=True)).values()
            seen |= {row.partition(":")[0] for row in marks}
    assert {"offer", "shop", "product", "shop_domain", "shop_order", "statement", "tracked_link"} <= seen, (
        seen
    )


@pytest.mark.parametrize("way", ways.WAYS)
def test_authorisation_walk_in_a_piece_of_the_product(town, product, cells, way):
    draw = chance()
    piece = sample(cells, PIECE, draw.randrange(2**32))
    assert mutations.policies(town)
    with ways.WAYS[way](town, product) as walk:
        report(walk.run(piece), way, "a piece")


@pytest.mark.slow
@pytest.mark.parametrize("way", ways.WAYS)
def test_authorisation_walk_of_the_whole_product(town, product, cells, tables, way):
    assert mutations.policies(town)
    with ways.WAYS[way](town, product) as walk:
        report(walk.run(cells), way, "all cells")
    assert walk.walked == product.size()
    if way == ways.ROWS:
        before = tables.walked
        wrong, walked = tables.walk(), tables.walked - before
        print(
            f"and {walked} cells of tables: {walk.walked + walked} cells = {product.size() + tables.size()}"
        )
        assert not wrong, wrong
        assert walked == tables.size()


def report(walk: Any, way: str, what: str) -> None:
    grouped = collections.Counter(status[:9] for status in walk.statuses.elements() if status != "refused")
    print(
        f"\n{way}, {what}: {walk.walked} cells walked, {walk.statuses['refused']} to be refused,"
        f" allowed {dict(sorted(grouped.items()))} by hundreds, {walk.harness.hashes} hashes of all tables"
    )
    assert not walk.found, words_of(walk.found)


def test_authorisation_walk_refuses_every_column_of_every_table_in_every_body(town, product, cells):
    with town.superuser.begin() as connection:
        statement = (
            "SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        columns = set(connection.execute(sa.text(statement)).scalars())
    first: dict[str, Cell] = {}
    for cell in cells:
        if cell.route is not None and cell.method in ("POST", "PATCH") and cell.is_allowed:
            name = cell.route.name
            if name not in first or (is_of_a_shop(cell) and not is_of_a_shop(first[name])):
                first[name] = cell
    walked, pages = 0, 0
    wrong: list[str] = []
    with ways.both_locks(town, product) as walk:
        for name, cell in first.items():
            view = town.app.view_functions[product.paths[cell.path][cell.method].endpoint]
            if hasattr(view, "_takes_bytes") or "public" in cell.route.row.flags or name in BUTTONS:
                continue
            path, options = product.request(cell)
            added = columns - set(places_of(view))
            is_page = not cell.path.startswith("/api/")
            # Every form of a shop's pages says which shop it is about; that is no field of the act.
            given = dict.fromkeys(added - {"shop_id"} if is_of_a_shop(cell) else added, "x")
            kind = "data" if is_page else "json"
            sent = {kind: options.get(kind, {}) | given}
            answer = walk.harness.ask(
                cell.method, path, cell.who.headers, query_string=options["query_string"], **sent
            )
            if answer.status_code != SHOWN_AGAIN.get(name, 422):
                wrong.append(f"{name}: {answer.status_code} {answer.get_data(as_text=True)[:200]}")
                continue
            assert is_page or added <= set(answer.get_json()["errors"]), name
            assert not walk.harness.moved() or not walk.harness.differences(), name
            walked, pages = walked + 1, pages + is_page
    assert not wrong, "\n".join(wrong)
    print(f"\n{walked} bodies, {pages} of them forms, with {len(columns)} names of columns each")
    assert walked - pages > 40
    assert pages > 40


def is_of_a_shop(cell: Cell) -> bool:
    return cell.who.name == "owner" and cell.path.startswith("/shop")
