"""Who took part in orders from before the table is filled in when the database is upgraded, and taken away again."""

from __future__ import annotations

import pytest

from marketplace.core import clock, migrate
from tests.conftest import Database
from tests.integration.tracking.attribution.test_participants import KEPT, Redecided


@pytest.mark.slow
def test_orders_from_before_are_filled_when_the_database_is_upgraded(database: Database) -> None:
    trade = Redecided(database)
    before, seen = trade.rows(KEPT), trade.seen(trade.anne)
    migrate.downgrade(database.url("bootstrap"), "0039")
    assert trade.rows("SELECT to_regclass('order_participant') AS gone") == [{"gone": None}]
    # While it is gone, decisions are made and advisers see their orders as they did before it came.
    trade.report(trade.order("A-4", trade.token(trade.anne), ordered_at=clock.now().isoformat()))
    migrate.upgrade(database.url("bootstrap"), {})
    after = trade.rows(KEPT)
    assert [row for row in after if row in before] == before and len(after) == len(before) + 1
    assert len(trade.seen(trade.anne)) == len(seen) + 1
    assert trade.broken_promises() == {}
    always = trade.rows(
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'order_participant_%' AND tgenabled = 'A' ORDER BY 1"
    )
    assert [row["tgname"] for row in always] == ["order_participant_append_only", "order_participant_named"]
    trade.close()
