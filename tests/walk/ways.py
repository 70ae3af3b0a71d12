"""The three ways to walk: with both locks, with row-level security alone, and with the code's limits alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from marketplace.core import db
from tests.walk import names
from tests.walk.cells import Product
from tests.walk.harness import Harness, filters_off
from tests.walk.town import Town
from tests.walk.walking import Walk


@contextmanager
def walking(town: Town, product: Product, *, strict: bool = True) -> Iterator[Walk]:
    """Give a walk whose requests run in one transaction that is never committed."""
    harness, before = Harness(town.superuser, town.app, town.b.shop), db.new_session
    db.new_session = harness.new_session
    try:
        yield Walk(town, product, harness, strict)
    finally:
        db.new_session = before
        harness.close()


@contextmanager
def both_locks(town: Town, product: Product) -> Iterator[Walk]:
    """Walk the product as it is."""
    with walking(town, product) as walk:
        yield walk


@contextmanager
def rows_security_alone(town: Town, product: Product) -> Iterator[Walk]:
    """Walk without any limit of the code that concerns tenants: only the database tells them apart."""
    with filters_off(names.every() - names.INSIDE_A_TENANT), walking(town, product, strict=False) as walk:
        yield walk


@contextmanager
def filters_alone(town: Town, product: Product, off: Container[str] = ()) -> Iterator[Walk]:
    """Walk without row-level security, and without the limits named in `off`."""
    tables = without_row_security(town)
    try:
        with filters_off(off), walking(town, product) as walk:
            yield walk
    finally:
        switch(town, tables, "ENABLE")


def without_row_security(town: Town) -> list[str]:
    """Switch row-level security off on every table that has it; return those."""
    with town.superuser.begin() as connection:
        statement = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relrowsecurity"
        )
        tables = list(connection.execute(sa.text(statement)).scalars())
    switch(town, tables, "DISABLE")
    return tables


def switch(town: Town, tables: list[str], word: str) -> None:
    """ENABLE or DISABLE row-level security of tables."""
    with town.superuser.begin() as connection:
        for table in tables:
            connection.execute(sa.text(f'ALTER TABLE "{table}" {word} ROW LEVEL SECURITY'))


Way = Callable[[Town, Product], object]
BOTH, ROWS, FILTERS = "both locks", "row security alone", "filters alone"
# The second way has the cells of tables too (tests/walk/tables.py): behind most policies stands another one, or a
# constraint, so that requests alone would miss few of them.
WAYS = {BOTH: both_locks, ROWS: rows_security_alone, FILTERS: filters_alone}
