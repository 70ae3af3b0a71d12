"""Tokens prove touches, clicks become touches when a decision looks at them, and old clicks go while touches stay."""

from __future__ import annotations

import datetime as dt
import uuid

import psycopg
import pytest
import sqlalchemy as sa

from marketplace.core import clock, config, db
from tests.conftest import Database
from tests.integration.tracking.touches.conftest import Road
from tests.integration.tracking.world import World
from tracking.touches import retention, service, tokens
from tracking.touches.models import EdgeMark, Touch


def clicked(road: Road, **headers: str) -> tuple[str, tokens.ClickToken]:
    """Click on the offer link; return the token's text and what it says."""
    text = road.click(road.world.offer_link.path, **headers)[1]["Location"].partition("aan=")[2]
    return text, tokens.read(config.current().token_keys, text)


def test_a_token_proves_its_touch_before_the_click_is_shipped_and_is_screened_after(road: Road) -> None:
    text, token = clicked(road)
    with db.transaction() as session:
        touch = service.prove(session, text, road.world.shop_id, clock.now())
        assert isinstance(touch, Touch)
        assert (touch.id, touch.ts, touch.source) == (token.click_id, token.ts, "token")
        assert (touch.adviser_id, touch.offer_id) == (road.world.adviser_id, road.world.offer_id)
    with db.transaction() as session:
        again = service.prove(session, text, road.world.shop_id, clock.now())
        assert isinstance(again, Touch) and again.id == touch.id
    road.world.database.open("worker")
    with db.transaction() as session:
        (facts,) = service.for_decision(session, road.world.shop_id, [], [touch.id], clock.now())
        assert (facts.verdict, facts.own) == (None, False)
    road.ship()
    with db.transaction() as session:
        (facts,) = service.for_decision(session, road.world.shop_id, [], [touch.id], clock.now())
        assert facts.verdict == "qualified" and facts.ts == token.ts


def test_a_touch_proved_after_its_click_was_shipped_is_screened_by_the_decision(road: Road) -> None:
    text, token = clicked(road, sec_fetch_dest="iframe")
    road.ship()
    with db.transaction() as session:
        service.prove(session, text, road.world.shop_id, clock.now())
    road.world.database.open("worker")
    with db.transaction() as session:
        (facts,) = service.for_decision(session, road.world.shop_id, [], [token.click_id], clock.now())
    assert facts.verdict == "not_document"


def test_bad_tokens_are_told_apart_and_never_raise(road: Road) -> None:
    text, _ = clicked(road)
    other = World(road.world.database, host="other.example")
    foreign = tokens.sign(config.current().token_keys, uuid.uuid4(), uuid.uuid4(), clock.now())
    with db.transaction() as session:
        prove = [
            service.prove(session, one, shop, clock.now())
            for one, shop in (
                (text, other.shop_id),
                (text[:-1] + ("0" if text[-1] != "0" else "1"), road.world.shop_id),
                ("", road.world.shop_id),
                ("x" * 5000, road.world.shop_id),
                (foreign, road.world.shop_id),
            )
        ]
    assert prove == ["token_of_other_shop", *["token_invalid"] * 4]


def test_a_decision_sees_the_earlier_clicks_of_the_same_visitor_at_that_shop(road: Road) -> None:
    _, headers = road.click(road.world.offer_link.path)
    cookie = headers["Set-Cookie"].partition(";")[0]
    first = tokens.read(config.current().token_keys, headers["Location"].partition("aan=")[2])
    _, second = clicked(road, cookie=cookie)
    clicked(road, remote_addr="198.51.100.1")  # Somebody else.
    assert first.visitor_id == second.visitor_id is not None
    road.ship()
    road.world.database.open("worker")
    with db.transaction() as session:
        found = service.for_decision(session, road.world.shop_id, [first.visitor_id], [], clock.now())
        # Two clicks can fall into one millisecond; then the larger id counts as the later one.
        clicked_in_order = sorted((first, second), key=lambda token: (token.ts, token.click_id))
        assert [one.touch_id for one in found] == [token.click_id for token in clicked_in_order]
        assert {one.verdict for one in found} == {"qualified"}
        assert all(one.visitor_id == first.visitor_id for one in found)
    with db.transaction() as session:
        upto = service.for_decision(session, road.world.shop_id, [first.visitor_id], [], first.ts)
        assert [one.touch_id for one in upto] == [first.click_id] or first.ts == second.ts
    with db.transaction() as session:
        nobody = service.for_decision(
            session, uuid.uuid4(), [first.visitor_id], [first.click_id], clock.now()
        )
        assert nobody == []
    assert road.rows("SELECT count(*) FROM touch") == [(2,)]


def test_touches_outlive_their_clicks(road: Road) -> None:
    text, token = clicked(road)
    road.ship()
    with db.transaction() as session:
        service.prove(session, text, road.world.shop_id, clock.now())
    road.world.database.open("worker")
    with db.transaction() as session:
        service.for_decision(session, road.world.shop_id, [], [token.click_id], clock.now())
    _move_clock(road, days=89)
    with db.transaction() as session:
        retention.keep_days(session, clock.now())
    assert road.rows("SELECT count(*) FROM click") == [(1,)]
    _move_clock(road, days=91)
    with db.transaction() as session:
        assert retention.keep_days(session, clock.now()) > 0
    with db.transaction() as session:
        assert retention.keep_days(session, clock.now()) == 0
    assert road.rows("SELECT count(*) FROM click") == [(0,)]
    with db.transaction() as session:
        (facts,) = service.for_decision(session, road.world.shop_id, [], [token.click_id], clock.now())
    assert facts.verdict == "qualified"


def test_the_database_refuses_to_drop_clicks_too_early(road: Road) -> None:
    today = clock.now().date()
    for clicks, firsts in (
        (today - dt.timedelta(days=89), today - dt.timedelta(days=5)),
        (dt.date(2000, 1, 1), today),
    ):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            road.connection.execute("SELECT drop_click_days(%s, %s)", [clicks, firsts])


def test_an_order_is_provisional_while_an_edge_may_still_bring_clicks(as_worker: Database) -> None:
    now, wall = clock.now(), clock.wall()

    def provisional() -> bool:
        with db.session() as session:
            return service.provisional(session, now, now)

    assert not provisional()
    with db.transaction() as session:
        session.execute(
            sa.insert(EdgeMark).values(edge="a", mark=now + dt.timedelta(seconds=1), seen_at=wall)
        )
    assert not provisional()
    with db.transaction() as session:
        session.execute(
            sa.insert(EdgeMark).values(edge="b", mark=now - dt.timedelta(seconds=1), seen_at=wall)
        )
    assert provisional()
    for ago, waits in (
        (dt.timedelta(minutes=11), True),
        (dt.timedelta(hours=23), True),
        (dt.timedelta(hours=25), False),
    ):
        with db.transaction() as session:
            session.execute(sa.update(EdgeMark).where(EdgeMark.edge == "b").values(seen_at=wall - ago))
        assert provisional() is waits
        with db.session() as session:
            told = {one["name"]: one for one in service.edges(session, wall)}
        assert told["b"]["silent"] is True and told["b"]["waited_for"] is waits
        assert told["a"]["silent"] is False


def _move_clock(road: Road, *, days: int) -> None:
    with psycopg.connect(
        road.world.database.postgres.url("postgres", road.world.database.name).replace("+psycopg", ""),
        autocommit=True,
    ) as boss:
        boss.execute("UPDATE business_clock SET offset_seconds = %s", [days * 86_400])
    with db.transaction() as session:
        session.execute(sa.text("SELECT 1"))
