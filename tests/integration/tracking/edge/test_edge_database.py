"""The edge follows PostgreSQL within moments, and goes on without it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from marketplace.accounts import advisers
from marketplace.core import clock, config, db, migrate
from marketplace.core.actor import SYSTEM
from marketplace.core.config import Settings
from marketplace.devtools.postgres import Postgres
from marketplace.offers import partnerships
from marketplace.offers import service as offers
from tests.conftest import PASSWORDS, Database, let_tests_act_for_everybody
from tests.integration.tracking.edge.conftest import Caller
from tests.integration.tracking.world import World
from tracking.links import switching
from tracking.touches import shipper


def until(is_so: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something is so; fail when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def click(world: World, settings: Settings) -> Iterator[Caller]:
    caller = Caller(dataclasses.replace(settings, database_url=world.database.url("edge")))
    yield caller
    caller.edge.close()


def location(click: Caller, path: str) -> str:
    return click(path)[1]["Location"]


def test_a_new_link_works_at_once(world: World, click: Caller) -> None:
    assert click.edge.directory.source == "postgres"
    version = click.edge.directory.version
    link = world.link("/p/9?color=blue")
    # Before the table is loaded again, one look-up finds it.
    assert location(click, link.path).startswith("https://shop.example/p/9?color=blue&aan=")
    until(lambda: link.path in click.edge.directory.entries)
    assert click.edge.directory.version > version


def test_an_unknown_code_is_asked_for_once(click: Caller) -> None:
    for _ in range(5):
        assert "/search?q=nothing" in location(click, "/t/nothing")
    assert click.edge.directory._lookups == 1


def test_links_stop_earning_when_the_offer_is_paused_the_adviser_banned_or_gone(
    world: World, click: Caller
) -> None:
    link = world.link()
    path, plain = link.path, "https://shop.example/p/1"

    def earns() -> bool:
        return "aan=" in location(click, path)

    def standing() -> str:
        return click.edge.directory.entries[path][3]

    until(lambda: path in click.edge.directory.entries)
    assert earns()
    with db.transaction() as session:
        offers.move(session, world.owner, world.offer_id, "paused", now=clock.now())
    until(lambda: standing() == "paused")
    assert location(click, path) == plain
    with db.transaction() as session:
        offers.move(session, world.owner, world.offer_id, "open", now=clock.now())
    until(earns)
    with db.transaction() as session:
        advisers.change_state(session, world.adviser_id, "banned", SYSTEM, clock.now())
    until(lambda: standing() == "banned")
    with db.transaction() as session:
        advisers.change_state(session, world.adviser_id, "active", SYSTEM, clock.now())
    until(earns)
    with db.transaction() as session:
        switching.disable(session, world.adviser, link.id, clock.now())
    until(lambda: standing() == "disabled")
    with db.transaction() as session:
        switching.enable(session, world.adviser, link.id, clock.now())
    until(earns)
    with db.transaction() as session:
        partnerships.leave(session, world.adviser, world.partnership_id, now=clock.now())
    until(lambda: click.edge.directory.entries[world.offer_link.path][3] == "left")
    assert location(click, path) == plain


def test_the_moved_clock_reaches_the_edge_and_its_mark(world: World, click: Caller) -> None:
    with psycopg.connect(
        world.database.postgres.url("postgres", world.database.name).replace("+psycopg", ""), autocommit=True
    ) as boss:
        boss.execute("UPDATE business_clock SET offset_seconds = 864000")
    until(lambda: click.edge.health()["offset_seconds"] == 864000)
    until(lambda: click.edge.spool.last_ms > (time.time() + 863000) * 1000)


@pytest.fixture
def own_postgres(settings: Settings) -> Iterator[Database]:
    """A PostgreSQL that this test may stop."""
    with Postgres.throwaway(durable=True) as postgres:
        migrate.upgrade(postgres.url("bootstrap"), PASSWORDS)
        let_tests_act_for_everybody(postgres.url("bootstrap"))
        made = Database("aanrader", postgres)
        made.open("app")
        yield made
        db.close()


def test_redirects_go_on_without_postgresql_and_the_clicks_arrive_later(
    own_postgres: Database, settings: Settings
) -> None:
    world = World(own_postgres)
    path = world.offer_link.path
    settings = dataclasses.replace(settings, database_url=own_postgres.url("edge"))
    first = Caller(settings)
    try:
        assert "aan=" in location(first, path)
        own_postgres.postgres.stop()
        until(lambda: not first.edge.directory.is_listening)
        assert "aan=" in location(first, path)
        assert "/search?q=new12345" in location(first, "/t/new12345")
    finally:
        first.edge.close()
    # A restart while PostgreSQL is still away: the slot goes on, the links come from the copy.
    second = Caller(settings)
    try:
        assert second.edge.directory.source == "snapshot" and second.edge.slot.name == "edge"
        assert "aan=" in location(second, path)
        with pytest.raises(psycopg.OperationalError):
            shipper.connect(own_postgres.url("worker"))
        own_postgres.postgres.start()
        until(lambda: second.edge.directory.source == "postgres", 30)
        assert "aan=" in location(second, path)
    finally:
        second.edge.close()
    with contextlib.closing(shipper.connect(own_postgres.url("worker"))) as connection:
        assert shipper.ship_all(connection, Path(settings.segments_dir)).clicks == 4
        assert connection.execute("SELECT count(DISTINCT click_id), count(*) FROM click").fetchone() == (4, 4)


def test_two_edges_of_one_name_get_two_slots(world: World, click: Caller, settings: Settings) -> None:
    other = Caller(dataclasses.replace(settings, database_url=world.database.url("edge")))
    assert other.edge.slot.name == "edge-2"
    other.edge.close()
    again = Caller(dataclasses.replace(settings, database_url=world.database.url("edge")))
    assert again.edge.slot.name == "edge-2"
    again.edge.close()


def test_an_edge_without_a_place_for_its_clicks_does_not_start(settings: Settings) -> None:
    from tracking.edge.slot import SlotUnavailable

    for changes in (
        {"segments_dir": ""},
        {"edge_slot": "../up"},
        {"token_keys": ()},
        {"secret_key": "short"},
    ):
        with pytest.raises((SlotUnavailable, config.SettingsError)):
            Caller(dataclasses.replace(settings, **changes))
    assert config.current() is settings
