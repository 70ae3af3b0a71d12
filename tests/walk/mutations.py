"""Takes away one guard at a time and walks the cells that touch it, and all others when none of those notices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from marketplace.core import policy
from migrations.row_security import CLOSED_POLICIES
from tests.walk import names, ways
from tests.walk.cells import Cell, Product
from tests.walk.tables import Tables
from tests.walk.town import Town
from tests.walk.walking import Walk

MOST = 150


@dataclass
class Survey:
    """Which limits and which tables the request of each cell asks for, as one walk over them noted it."""

    of_name: dict[str, list[Cell]] = field(default_factory=dict)
    of_table: dict[str, list[Cell]] = field(default_factory=dict)


def survey(walk: Walk, cells: Iterable[Cell]) -> Survey:
    """Walk cells that reach the services, and note what each asks for; refused ones come first in each list."""
    found = Survey()
    with walk.harness.listening():
        for cell in sorted(cells, key=lambda one: one.is_allowed):
            walk.step(cell)
            for name in walk.harness.asked:
                found.of_name.setdefault(name, []).append(cell)
            for table in walk.harness.read:
                found.of_table.setdefault(table, []).append(cell)
    return found


def notices(walk: Walk, cells: Iterable[Cell]) -> bool:
    """Tell whether any of the cells comes out wrong."""
    return any(not walk.step(cell) for cell in cells)


def spread(cells: list[Cell], most: int = MOST) -> list[Cell]:
    """Return at most that many cells: first one of each route, then one of each route and relation, then the others."""
    routes: set[tuple[str, ...]] = set()
    relations: set[tuple[str, ...]] = set()
    parts: tuple[list[Cell], list[Cell], list[Cell]] = ([], [], [])
    for cell in sorted(cells, key=lambda one: not one.is_allowed):
        route = (cell.path, cell.method)
        relation = (*route, *(thing.relation for _, thing in cell.things))
        parts[0 if route not in routes else 1 if relation not in relations else 2].append(cell)
        routes.add(route)
        relations.add(relation)
    return list(itertools.chain.from_iterable(parts))[:most]


@contextmanager
def open_to_everybody(town: Town, product: Product, method: str, path: str) -> Iterator[None]:
    """Let one route declare no more than that it is public."""
    view = town.app.view_functions[product.paths[path][method].endpoint]
    before, view._policy = view._policy, policy.matrix()["public", "read"]
    try:
        yield
    finally:
        view._policy = before


@contextmanager
def undeclared(town: Town, product: Product, method: str, path: str) -> Iterator[None]:
    """Let one route declare nothing at all."""
    view = town.app.view_functions[product.paths[path][method].endpoint]
    before = view._policy
    del view._policy
    try:
        yield
    finally:
        view._policy = before


def rows_policies(tables: Tables) -> dict[str, list[tuple[str, str, str]]]:
    """Return each way to take one lock of rows away, with its table, name and statement, by what it does.

    "opened": a policy that said more than true says true. "dropped": a policy is gone, and nobody gets past it.
    "unlocked": a table has no row-level security.
    """
    execute = tables.tenants.connection.execute
    opened = [
        (table, name, f'ALTER POLICY "{name}" ON "{table}" {_true(command)}')
        for table, name, command, _using, _check in execute(CLOSED_POLICIES).fetchall()
    ]
    every = "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public' AND policyname NOT LIKE '%\\_tests'"
    dropped = [
        (table, name, f'DROP POLICY "{name}" ON "{table}"') for table, name in execute(every).fetchall()
    ]
    unlocked = [
        (table, table, f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY') for table in tables.owners
    ]
    return {"opened": opened, "dropped": dropped, "unlocked": unlocked}


def tables_notice(tables: Tables, table: str, statement: str) -> bool:
    """Tell whether the cells of a table come out wrong after a statement, or those of any table."""
    with tables.tenants.connection.transaction(force_rollback=True):
        tables.tenants.connection.execute(statement)
        return bool(tables.walk(table) or tables.walk())


def policies(town: Town) -> list[tuple[str, str]]:
    """Return table and name of each row-level policy that binds the web role and says more than true."""
    statement = (
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public'"
        " AND (roles && ARRAY['aanrader_app', 'public']::name[])"
        " AND (coalesce(qual, 'true') <> 'true' OR coalesce(with_check, 'true') <> 'true')"
        # What tests act under outside of requests; no product database has these.
        " AND policyname NOT LIKE '%\\_tests' ORDER BY 1, 2"
    )
    with town.superuser.begin() as connection:
        return [(row.tablename, row.policyname) for row in connection.execute(sa.text(statement))]


@contextmanager
def policy_of_true(town: Town, table: str, name: str) -> Iterator[None]:
    """Let one row-level policy say true."""
    statement = (
        "SELECT cmd, permissive, roles::text[] AS roles, qual, with_check FROM pg_policies"
        " WHERE tablename = :t AND policyname = :p"
    )
    with town.superuser.begin() as connection:
        row = connection.execute(sa.text(statement), {"t": table, "p": name}).one()
        connection.execute(sa.text(f'ALTER POLICY "{name}" ON "{table}" {_true(row.cmd)}'))
    try:
        yield
    finally:
        qual = f" USING ({row.qual})" if row.qual else ""
        check = f" WITH CHECK ({row.with_check})" if row.with_check else ""
        with town.superuser.begin() as connection:
            connection.exec_driver_sql(f'DROP POLICY "{name}" ON "{table}"')
            connection.exec_driver_sql(
                f'CREATE POLICY "{name}" ON "{table}" AS {row.permissive} FOR {row.cmd}'
                f" TO {', '.join(row.roles)}{qual}{check}"
            )


def _true(command: str) -> str:
    using = "" if command == "INSERT" else " USING (true)"
    return using + (" WITH CHECK (true)" if command in ("INSERT", "UPDATE", "ALL") else "")


def limits() -> list[str]:
    """Return the names of all limits."""
    return sorted(names.every())


__all__ = [
    "Survey",
    "limits",
    "notices",
    "open_to_everybody",
    "policies",
    "policy_of_true",
    "rows_policies",
    "spread",
    "survey",
    "tables_notice",
    "undeclared",
    "ways",
]
