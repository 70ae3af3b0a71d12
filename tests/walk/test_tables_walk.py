"""Row-level security alone keeps tenants apart: each actor reaches exactly its rows of each table by each command."""

from __future__ import annotations

from tests.walk.tables import ACTORS, COMMANDS


def test_walk_of_tables_has_a_cell_for_each_command_actor_and_owner_of_every_locked_table(tables):
    assert set(tables.owners) == set(tables.expected)
    for table, commands in tables.expected.items():
        assert set(commands) <= set(COMMANDS), table
        for actor, owners in ((one, said[one]) for said in commands.values() for one in said):
            assert actor in ACTORS, table
            assert owners == "refused" or set(owners) <= set(tables.owners[table]), (table, actor)


def test_authorisation_walk_of_every_locked_table(tables):
    walked, tries = tables.walked, tables.tries
    wrong = tables.walk()
    walked, tries = tables.walked - walked, tables.tries - tries
    print(
        f"\n{walked} cells = {tables.size()}: {len(COMMANDS)} commands x {len(ACTORS)} actors x"
        f" {sum(map(len, tables.owners.values()))} owners in {len(tables.owners)} tables; {tries} tries"
    )
    assert not wrong, wrong
    assert walked == tables.size()


def test_policy_of_rows_shows_nobody_a_row_of_the_other_tenant(tables):
    # What is published is seen by advisers and by those who look as nobody; adviser's states by every shop.
    published = {"product", "product_price", "product_picture", "offer", "commission_terms", "adviser_state"}
    # Anybody asks, reports and names a purchase; nobody of these may read what was written.
    asked = {"question", "page_report", "review_proof"}
    for table, commands in tables.expected.items():
        for command, said in commands.items():
            for name in ("nobody", "person", "shop", "adviser"):
                if (command, table) not in {("select", one) for one in published} | {
                    ("insert", one) for one in asked
                }:
                    assert "B" not in said.get(name, ""), (table, command, name)
