"""Who took part in an order stands beside each decision as its receipt says it, and only who may know sees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import db
from tests.integration.tracking.attribution.test_attribution_over_time import VISITOR
from tests.integration.tracking.trade import Joined, Trade
from tests.standing import Standing, standing

KEPT = "SELECT * FROM order_participant ORDER BY order_id, adviser_id, n"
SAID = "SELECT sum(jsonb_array_length(receipt -> 'others')) + count(adviser_id) AS named FROM attribution"
MINUTE = dt.timedelta(minutes=1)


class Redecided(Trade):
    """Anne won A-1 until Bert's click arrived; nobody won A-2, for which Anne's click came too soon; Anne won A-3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bert = self.join()
        self.report(self.order("A-1", self.token(self.anne, 30 * MINUTE, visitor=VISITOR)))
        self.before = self.results("A-1")
        self.click(self.bert, MINUTE, visitor=VISITOR)
        self.report(self.order("A-2", self.token(self.anne, dt.timedelta(days=400))))
        self.report(self.order("A-3", self.token(self.anne)))
        self.work()

    def close(self) -> None:
        """Let go of connections."""
        self.everything.dispose()

    def results(self, ref: str) -> list[tuple[str, int, str]]:
        """Return (name, number of the decision, result) of everybody who took part in an order."""
        found = self.rows(
            "SELECT p.*, a.display_name AS name FROM order_participant p JOIN shop_order o ON o.id = p.order_id"
            " JOIN adviser a ON a.id = p.adviser_id WHERE o.order_ref = :ref ORDER BY p.n, p.result",
            ref=ref,
        )
        return [(row["name"], row["n"], row["result"]) for row in found]

    def seen(self, who: Joined) -> list[Any]:
        """Return what an adviser sees of who took part."""
        with db.use_scope(db.Scope(who.actor.user_id, adviser_id=who.id)), db.session() as session:
            return list(session.execute(sa.text(KEPT)).mappings())


@pytest.fixture(scope="module")
def world(pg: Any, valkey: Any) -> Iterator[Standing[Redecided]]:
    with standing(pg, valkey.url, Redecided) as built:
        yield built


@pytest.fixture
def redecided(world: Standing[Redecided]) -> Iterator[Redecided]:
    with world.at_work() as working:
        yield working


def test_each_decision_says_who_won_it_and_who_lost_it_by_which_rule(redecided):
    anne = redecided.anne.actor
    [(name, _, won)] = redecided.before
    assert (won, anne.adviser_id) == ("won", redecided.anne.id)
    *_, lost, took = redecided.results("A-1")
    assert lost == (name, took[1], "earlier_touch") and took == ("Bert", lost[1], "won") and took[1] > 1
    assert {one[::2] for one in redecided.results("A-2")} == {(name, "offer_draft")}
    assert {one[::2] for one in redecided.results("A-3")} == {(name, "won")}
    # One row for each that a receipt names, also of the decisions that no longer stand.
    assert len(redecided.rows(KEPT)) == redecided.rows(SAID)[0]["named"]
    assert redecided.broken_promises() == {}


def test_an_adviser_sees_only_where_they_took_part_and_nobody_writes_it(redecided):
    mine, his = redecided.seen(redecided.anne), redecided.seen(redecided.bert)
    assert {row["adviser_id"] for row in mine} == {redecided.anne.id}
    assert {row["adviser_id"] for row in his} == {redecided.bert.id}
    assert len(mine) + len(his) == len(redecided.rows(KEPT))
    for statement in (
        "INSERT INTO order_participant SELECT * FROM order_participant",
        "UPDATE order_participant SET result = 'won'",
        "DELETE FROM order_participant",
    ):
        refused = pytest.raises(sa.exc.ProgrammingError, match="permission denied")
        with db.use_scope(db.Scope(None, (redecided.world.shop_id,))), refused, db.transaction() as session:
            session.execute(sa.text(statement))
    for statement in ("UPDATE order_participant SET result = 'won'", "DELETE FROM order_participant"):
        with pytest.raises(sa.exc.DBAPIError, match="its rows are history"):
            redecided.execute(statement)


def test_a_row_that_says_something_else_than_its_receipt_is_found(redecided):
    redecided.execute("ALTER TABLE order_participant DISABLE TRIGGER USER")
    redecided.execute("CREATE TABLE kept AS TABLE order_participant")
    for wrong in (
        "UPDATE order_participant SET result = 'late_click_guard' WHERE result = 'earlier_touch'",
        "DELETE FROM order_participant WHERE result = 'earlier_touch'",
        "UPDATE order_participant p SET adviser_id = (SELECT a.id FROM adviser a WHERE a.id <> p.adviser_id LIMIT 1)"
        " WHERE result = 'offer_draft'",
        "UPDATE order_participant SET received_at = received_at + interval '1 second' WHERE result = 'offer_draft'",
    ):
        redecided.execute(wrong)
        assert set(redecided.broken_promises()) == {"attribution_equals_participants"}, wrong
        redecided.execute("DELETE FROM order_participant")
        redecided.execute("INSERT INTO order_participant SELECT * FROM kept")
    redecided.execute("DROP TABLE kept")
    redecided.execute("ALTER TABLE order_participant ENABLE ALWAYS TRIGGER order_participant_append_only")
    assert redecided.broken_promises() == {}


def test_an_advisers_list_of_orders_holds_each_once_and_goes_on_where_it_ended(redecided):
    for who, wanted in ((redecided.anne, ["A-3", "A-2", "A-1"]), (redecided.bert, ["A-1"])):
        for narrowed in ("", f"&adviser_id={who.id}"):
            refs, cursor = [], ""
            while cursor is not None:
                path = f"/orders?limit=1{narrowed}{cursor}"
                found = redecided.call("GET", path, status=200, bearer=who.bearer)
                refs += [one["order_ref"] for one in found["items"]]
                cursor = found["next_cursor"] and f"&cursor={found['next_cursor']}"
            assert refs == wanted
        path = f"/orders?adviser_id={who.id}"
        found = redecided.call("GET", path, status=200, bearer=redecided.owner)
        assert [one["order_ref"] for one in found["items"]] == wanted
