"""Row-level security alone keeps tenants apart: each scope reaches exactly its rows, and each policy is missed."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from migrations.row_security import CLOSED_POLICIES
from tests.conftest import TEMPLATE, Database
from tests.integration.access.probing import SCOPES, Probe, look
from tests.integration.access.two_tenants import Tenants

REACHED = Path(__file__).with_name("row_security.toml")


@pytest.fixture(scope="module")
def tenants(pg: Any) -> Iterator[Tenants]:
    """Two tenants with a row in every locked table."""
    name = f"t_{secrets.token_hex(6)}"
    pg.create_database(name, template=TEMPLATE)
    made = Tenants(Database(name, pg))
    yield made
    made.close()
    pg.drop(name)


@pytest.fixture(scope="module")
def reached() -> dict[str, dict[str, dict[str, str]]]:
    """What each scope reaches, as the data file says: table, kind of statement, scope."""
    data = tomllib.loads(REACHED.read_text(encoding="utf-8"))
    return {
        table: {kind: dict(word.split(":") for word in text.split()) for kind, text in kinds.items()}
        for table, kinds in data.items()
    }


def test_each_scope_reaches_exactly_its_rows_of_every_locked_table(tenants, reached):
    probe = Probe(tenants)
    found = {table: look(table, probe) for table in tenants.locked()}
    print(f"\n{probe.tries} tries over {len(found)} tables and {len(SCOPES)} scopes")
    assert found == reached


def test_nobody_of_one_tenant_reaches_a_row_of_the_other(reached):
    # What is published is seen by advisers and by those who look as nobody; adviser's states by every shop.
    published = {"product", "offer", "commission_terms", "adviser_state"}
    for table, kinds in reached.items():
        for kind, scopes in kinds.items():
            for name in ("nobody", "person", "shop", "adviser"):
                if not (kind == "select" and table in published):
                    assert "B" not in scopes.get(name, ""), (table, kind, name)


def test_every_policy_is_missed_when_it_lets_everything_through(tenants, reached):
    policies = tenants.connection.execute(CLOSED_POLICIES).fetchall()
    probe, unmissed = Probe(tenants), []
    for table, name, command, _using, _check in policies:
        kinds = "" if command == "INSERT" else " USING (true)"
        kinds += "" if command == "SELECT" else " WITH CHECK (true)"
        alter = sql.SQL("ALTER POLICY {} ON {}" + kinds).format(sql.Identifier(name), sql.Identifier(table))
        with tenants.connection.transaction(force_rollback=True):
            tenants.connection.execute(alter)
            if look(table, probe) == reached[table]:
                unmissed.append(name)
    print(
        f"\n{len(policies)} policies made true, {len(policies) - len(unmissed)} missed, {probe.tries} tries"
    )
    assert len(policies) > 100
    assert unmissed == []
