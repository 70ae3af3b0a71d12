"""What stands beside a token is what its touch says: for whoever writes it, and for what was there before."""

import pytest

from marketplace.core import ids, migrate
from tests.integration.tracking.attribution.test_attribution_over_time import VISITOR

COPIES = "SELECT order_id, position, link_id, ts, visitor_id FROM order_token ORDER BY order_id, position"
TOUCHES = """
SELECT k.order_id, k.position, t.link_id, t.ts, t.visitor_id
FROM order_token k LEFT JOIN touch t ON t.id = k.touch_id ORDER BY k.order_id, k.position"""


@pytest.fixture
def reported(trade):
    """An order with a token of a known visitor, one of an unknown one, and one that proves nothing."""
    trade.report(
        trade.order("A-1", trade.token(trade.anne, visitor=VISITOR), trade.token(trade.anne), "forged")
    )
    return trade


def test_a_token_says_what_its_touch_says(reported):
    copies = reported.rows(COPIES)
    assert copies == reported.rows(TOUCHES)
    assert sorted((row["link_id"] is None, row["visitor_id"] is None) for row in copies) == [
        (False, False),
        (False, True),
        (True, True),
    ]


def test_nobody_can_say_something_else_beside_a_token(reported):
    reported.execute(
        "INSERT INTO order_token (order_id, position, result, touch_id, link_id, ts, visitor_id)"
        " SELECT order_id, 9, result, touch_id, :other, '2000-01-01', '\\x00' FROM order_token WHERE position = 0",
        other=ids.new_id(),
    )
    assert reported.rows(COPIES) == reported.rows(TOUCHES)


@pytest.mark.slow
def test_tokens_from_before_are_filled_when_the_database_is_upgraded(reported, database):
    before = reported.rows(COPIES)
    migrate.downgrade(database.url("bootstrap"), "0017")
    migrate.upgrade(database.url("bootstrap"), {})
    assert reported.rows(COPIES) == before
    refused = reported.rows(
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'order_token_%' AND tgenabled = 'A'"
    )
    assert sorted(row["tgname"] for row in refused) == ["order_token_append_only", "order_token_proves"]
