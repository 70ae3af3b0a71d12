"""Decisions made again later: what was not there yet explains itself, what was there and was left out does not."""

import datetime as dt

import pytest

from marketplace.core import clock, db, ids
from tests.integration.tracking.attribution.test_attribution_over_time import VISITOR
from tracking.attribution import replay
from tracking.attribution.replay import Slice
from tracking.links.models import LinkRest

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def late(trade):
    """An approved order, and a better click of the same visitor that became known only after that."""
    bert = trade.join()
    token = trade.token(trade.anne, 30 * MINUTE, visitor=VISITOR)
    answer = trade.report(trade.order("A-1", token))
    trade.work()
    trade.call("POST", f"/commissions/{answer['commissions'][0]['id']}/approve", {}, status=200)
    trade.click(bert, MINUTE, visitor=VISITOR)
    # The next order of the visitor makes a touch of the click.
    trade.report(trade.order("A-2", token))
    trade.work()
    return trade


def test_a_click_that_came_after_approval_is_no_difference(late):
    with late.as_worker(), db.session() as session:
        assert replay.replay(session, Slice()) == replay.Replay(2, 0, 1, 1, ())
    assert late.broken_promises() == {}


def test_a_click_that_was_there_and_was_left_out_is_a_difference(late):
    late.execute("ALTER TABLE touch DISABLE TRIGGER USER")
    late.execute("UPDATE touch SET recorded_at = recorded_at - interval '1 day'")
    assert late.broken_promises() == {"attributions_replay_equal": 1}


def test_an_earlier_order_that_was_reported_later_is_no_difference(trade):
    stan = {"ref": "stan"}
    ago = trade.token(trade.anne, 60 * MINUTE)
    # The touch is there from the start, by somebody else's order; that it is also Stan's is said too late.
    trade.report(trade.order("A-1", ago))
    before = (clock.now() - 30 * MINUTE).isoformat()
    trade.report(trade.order("A-2", customer=stan))
    trade.move_clock(days=1)
    trade.work()
    trade.report(trade.order("A-0", ago, customer=stan, ordered_at=before))
    trade.work()
    assert trade.show("A-2")["attribution"]["winner"] is None
    with trade.as_worker(), db.session() as session:
        found = replay.replay(session, Slice())
    assert (found.explained, found.differences) == (1, ())
    assert trade.broken_promises() == {}


def test_clicks_while_a_link_was_off_earn_nothing_also_when_it_is_on_again(trade):
    now, link = clock.now(), trade.anne.link
    with db.transaction() as session:
        for start, end in ((50, 40), (30, 20)):
            spans = {"from_at": now - start * MINUTE, "to_at": now - end * MINUTE}
            of = {"link_id": link.id, "shop_id": link.shop_id, "adviser_id": link.adviser_id}
            session.add(LinkRest(id=ids.new_id(), **of, **spans))
    for n, (ago, earns) in enumerate(((55, True), (45, False), (35, True), (25, False), (15, True))):
        answer = trade.report(trade.order(f"R-{n}", trade.token(trade.anne, ago * MINUTE)))
        assert bool(answer["commissions"]) is earns, answer["attribution"]
    trade.work()
    with trade.as_worker(), db.session() as session:
        found = replay.replay(session, Slice())
    # The statement over sets knows it too: nothing is left to be judged one by one.
    assert (found.orders, found.judged, found.differences) == (5, 0, ())
