"""Advisers hear once of their first click, their first order and each decline; nobody hears of tests."""

import datetime as dt

from tests import letters
from tracking.commissions import news as commission_news
from tracking.touches import news as touch_news


def told(court, template):
    query = "SELECT audience, dedupe, facts, dropped_as FROM mail_message WHERE template = :t ORDER BY id"
    return [dict(row) for row in court.rows(query, t=template)]


def test_a_decline_is_told_once_with_its_reason_and_its_amount(court):
    commission = court.decline(reason="duplicate")
    court.call("POST", f"/commissions/{commission}/decline", {"reason": "duplicate"}, status=200)
    [row] = told(court, "order_declined")
    assert row["audience"] == f"adviser:{court.anne.id}"
    assert row["facts"]["amount"] == {"minor": 1000, "currency": "EUR"}
    twins = letters.draw("order_declined", "nl", row["facts"] | {"name": "Anne"})
    assert "A-1" in twins.subject
    assert "het is dubbel" in twins.plain


def test_the_first_order_is_told_once_and_a_test_order_never(court):
    with court.as_worker():
        assert commission_news.first_orders() == 0
    for ref in ("A-1", "A-2"):
        court.report(court.order(ref, court.token(court.anne)))
    court.work()
    with court.as_worker():
        assert commission_news.first_orders() == 1
        assert commission_news.first_orders() == 0
    [row] = told(court, "first_order")
    assert (row["audience"], row["facts"]["order_ref"]) == (f"adviser:{court.anne.id}", "A-1")
    assert row["facts"]["amount"] == {"minor": 1000, "currency": "EUR"}
    court.execute("DELETE FROM mail_message")
    court.move_clock(days=9)
    with court.as_worker():
        # Old news counts as told: on the day this is first switched on, nobody hears of last year.
        assert commission_news.first_orders() == 0
        assert commission_news.first_orders() == 0
    assert [row["dropped_as"] for row in told(court, "first_order")] == ["too_late"]


def test_the_first_click_of_somebody_else_is_told_once(court):
    day = dt.datetime.now(dt.UTC).date()
    link = "SELECT id FROM tracked_link WHERE adviser_id = :a LIMIT 1"
    [row] = court.rows(link, a=court.anne.id)
    tally = "INSERT INTO click_tally (link_id, day, name, clicks) VALUES (:l, :d, :n, 1)"
    court.execute(tally, l=row["id"], d=day, n="raw")
    with court.as_worker():
        assert touch_news.first_clicks() == 0
    court.execute(tally, l=row["id"], d=day, n="billable")
    with court.as_worker():
        assert touch_news.first_clicks() == 1
        assert touch_news.first_clicks() == 0
    [row] = told(court, "first_click")
    assert row["audience"] == f"adviser:{court.anne.id}"
    assert "30" in letters.draw("first_click", "en", row["facts"] | {"name": "Anne"}).plain
