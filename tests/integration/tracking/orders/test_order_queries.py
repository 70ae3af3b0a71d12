"""An order costs the same number of queries however many lines, tokens and earlier orders there are."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from marketplace.core import db
from tests.integration.tracking.trade import Trade, line


def queries(trade: Trade, ref: str, *, lines: int = 1, tokens: int = 1, ref_of: str = "") -> int:
    """Return how many statements PostgreSQL is sent for one order that is taken in."""
    body = trade.order(
        ref,
        *(trade.token(trade.anne) for _ in range(tokens)),
        lines=[line(str(number)) for number in range(1, lines + 1)],
    )
    if ref_of:
        body["customer"] = {"ref": ref_of}
    seen: list[str] = []

    def count(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    sa.event.listen(db.engine(), "before_cursor_execute", count)
    try:
        answer = trade.send("POST", "/orders", body)
    finally:
        sa.event.remove(db.engine(), "before_cursor_execute", count)
    assert answer.status_code == 201, answer.get_json()
    return len(seen)


@pytest.fixture
def usual(trade):
    """The queries of an ordinary order, in a process that took in one before."""
    queries(trade, "warm")
    return queries(trade, "usual")


@pytest.mark.parametrize("lines", [5, 20])
def test_more_lines_are_no_more_queries(trade, usual, lines):
    assert queries(trade, "A", lines=lines) == usual


def test_more_tokens_are_no_more_queries(trade, usual):
    assert queries(trade, "A", tokens=20) == usual
    assert queries(trade, "B", tokens=0) <= usual


def test_earlier_orders_of_shop_and_customer_are_no_more_queries(trade, usual):
    first = queries(trade, "A", ref_of="known")
    for number in range(12):
        queries(trade, f"B-{number}", ref_of="known")
    assert queries(trade, "C", ref_of="known") == first
    assert queries(trade, "D") == usual
