"""Clicks reach PostgreSQL exactly once, whatever breaks on the way, and their counts are exact."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest

from marketplace.core import clock, config, db, failpoints
from marketplace.core.config import Settings
from tests.integration.tracking.edge.conftest import Caller
from tests.integration.tracking.touches.conftest import Road
from tracking.links import counts
from tracking.touches import counts as promises
from tracking.touches import own, segments, ship, shipper, tokens


def test_counts_by_reason_are_exact(road: Road) -> None:
    path = road.world.offer_link.path
    for _ in range(3):
        road.click(path, x_forwarded_for="192.0.2.1", remote_addr="127.0.0.1")
    road.click(path, remote_addr="198.51.100.1")
    road.click(path, remote_addr="198.51.100.99")  # The same /24 and browser: the same visitor.
    road.click(path, remote_addr="198.51.100.1", user_agent="Another Browser/1 Safari")
    road.click(path, method="HEAD")
    road.click(path, user_agent="Googlebot/2.1")
    road.click(path, sec_purpose="prefetch")
    road.click(path, sec_fetch_dest="iframe")
    shipped = road.ship()
    assert (shipped.clicks, shipped.rejected) == (10, 0)
    assert road.tally() == {
        "raw": 10,
        "unique": 3,
        "billable": 3,
        "head": 1,
        "bot": 1,
        "prefetch": 1,
        "not_document": 1,
    }
    with db.session() as session:
        found = counts.by_link(session, [road.world.offer_link.id])[road.world.offer_link.id]
    assert (found.raw, found.unique, found.billable) == (10, 3, 3)
    assert found.unqualified == {"head": 1, "bot": 1, "prefetch": 1, "not_document": 1}


def test_a_click_row_says_what_the_edge_knew_and_no_more(road: Road) -> None:
    _, headers = road.click(road.world.offer_link.path, query="p=page-1", referer="https://blog.example/x")
    road.ship()
    token = tokens.read(config.current().token_keys, headers["Location"].partition("aan=")[2])
    (row,) = road.rows(
        "SELECT click_id, ts, link_id, shop_id, adviser_id, kind, verdict, own, placement, referrer_host,"
        " agent_family, edge, visitor_id FROM click"
    )
    world = road.world
    expected = (token.click_id, token.ts, world.offer_link.id, world.shop_id, world.adviser_id)
    assert row[:5] == expected
    assert row[5:12] == ("offer", "qualified", False, "page-1", "blog.example", "firefox", "edge")
    assert row[12] == token.visitor_id


def test_shipping_again_from_the_start_changes_nothing(road: Road) -> None:
    for number in range(25):
        road.click(road.world.offer_link.path, remote_addr=f"192.0.{number % 5}.1")
    road.ship()
    before = road.tally()
    assert before["raw"] == 25 and before["unique"] == 5
    for text in ("", json.dumps({"segment": 1, "offset": 0})):
        (road.folder / "shipped.json").write_text(text)
        again = road.ship()
        assert again.clicks == 0 and again.bytes > 0
    assert road.tally() == before
    assert road.rows("SELECT count(*) FROM click") == [(25,)]


def test_a_crash_between_commit_and_position_doubles_nothing(road: Road) -> None:
    road.click(road.world.offer_link.path)
    # The disk refuses the position file: the batch is committed, the position is not.
    in_the_way = road.folder / f".shipped.json.{os.getpid()}"
    in_the_way.mkdir()
    assert road.ship().clicks == 1
    # What the process knows by heart goes with it.
    ship._unwritten.clear()
    assert road.tally() == {"raw": 1, "unique": 1, "billable": 1}
    in_the_way.rmdir()
    assert road.ship().clicks == 0
    assert road.tally() == {"raw": 1, "unique": 1, "billable": 1}


def test_a_batch_of_which_half_is_there_stores_and_counts_the_other_half(road: Road) -> None:
    for number in range(6):
        road.click(road.world.offer_link.path, remote_addr=f"192.0.{number}.1")
    road.ship()
    for number in range(4, 9):
        road.click(road.world.offer_link.path, remote_addr=f"192.0.{number}.1")
    newest = segments.segment_numbers(road.folder)[-1]
    path = segments.segment_path(road.folder, newest)
    # A line that stands there twice is one click, in the same batch too.
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])
    (road.folder / "shipped.json").unlink()
    assert road.ship().clicks == 5
    assert road.tally() == {"raw": 11, "unique": 9, "billable": 9}
    assert road.rows("SELECT count(*) FROM click") == [(11,)]


@pytest.fixture
def far_behind(road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], ship.Shipment]]:
    """Give what ships over two connections, in batches of a few lines, after 40 clicks of 8 visitors."""
    for number in range(40):
        road.click(road.world.offer_link.path, remote_addr=f"192.0.{number % 8}.1")
    monkeypatch.setattr(ship, "BATCH_BYTES", 700)
    url = road.world.database.url("worker")
    with (
        contextlib.closing(shipper.connect(url)) as first,
        contextlib.closing(shipper.connect(url)) as second,
    ):
        yield lambda: shipper.ship_all(first, road.segments, lambda: second)
    failpoints.watch(None)


def test_a_shipper_far_behind_ships_each_click_once_over_two_connections(
    road: Road, far_behind: Callable[[], ship.Shipment]
) -> None:
    assert far_behind().clicks == 40
    (road.folder / "shipped.json").unlink()
    assert far_behind().clicks == 0
    assert road.tally() == {"raw": 40, "unique": 8, "billable": 8}
    assert road.rows("SELECT count(*) FROM click") == [(40,)]
    assert road.rows("SELECT mark FROM edge_mark") == [(tokens.instant(road.click.edge.spool.last_ms - 1),)]


@pytest.mark.parametrize("arrival", [1, 2, 5])
def test_no_batch_is_stored_before_the_one_before_it(
    road: Road, far_behind: Callable[[], ship.Shipment], arrival: int
) -> None:
    written = segments.segment_path(road.folder, 1).read_bytes().splitlines()
    lines = [line for line in written if not segments.is_heartbeat(line)]
    failpoints.arm(f"touches.ship.before_commit:raise:{arrival}")
    with pytest.raises(failpoints.Reached):
        far_behind()
    stored = {click.hex for (click,) in road.rows("SELECT click_id FROM click")}
    # What is there is a beginning of the segment.
    assert stored == {line[:32].decode() for line in lines[: len(stored)]}
    assert len(stored) < 40
    assert road.tally().get("raw", 0) == len(stored)
    failpoints.watch(None)
    assert far_behind().clicks == 40 - len(stored)
    assert road.tally() == {"raw": 40, "unique": 8, "billable": 8}


def test_finished_segments_go_and_the_living_one_stays(road: Road) -> None:
    road.click(road.world.offer_link.path)
    road.click.edge.spool._rotate()
    road.click(road.world.offer_link.path)
    assert segments.segment_numbers(road.folder) == [1, 2]
    assert road.ship().clicks == 2
    assert segments.segment_numbers(road.folder) == [2]
    assert segments.waiting_bytes(road.folder) == 0
    road.click(road.world.offer_link.path)
    assert segments.waiting_bytes(road.folder) > 0
    assert road.ship().clicks == 1


def test_half_a_line_waits_for_its_end_and_is_set_aside_when_the_segment_is_closed(road: Road) -> None:
    road.click(road.world.offer_link.path)
    road.click.edge.close()
    newest = segments.segment_numbers(road.folder)[-1]
    whole = segments.segment_path(road.folder, newest)
    text = whole.read_bytes()
    whole.write_bytes(text + b"01a2039f7b5c7")
    assert road.ship() == ship.Shipment(1, len(text), 0)
    segments.segment_path(road.folder, newest + 1).write_bytes(segments.heartbeat_line(1))
    assert road.ship().rejected == 1
    assert (road.folder / "rejected.tsv").read_bytes() == b"01a2039f7b5c7\n"
    assert road.ship().bytes == 0


def test_a_line_that_a_disk_broke_does_not_hold_up_the_others(road: Road) -> None:
    road.click(road.world.offer_link.path)
    road.click.edge.close()
    path = segments.segment_path(road.folder, segments.segment_numbers(road.folder)[-1])
    good = path.read_bytes()
    broken = [b"\x00\x00\x00garbage\n", b"a\tb\n", b"\\N\n", good.splitlines()[-1][5:] + b"\n"]
    path.write_bytes(b"".join(broken) + good)
    shipped = road.ship()
    assert (shipped.clicks, shipped.rejected) == (1, 4)
    assert (road.folder / "rejected.tsv").read_bytes() == b"".join(broken)


def test_two_shippers_at_once_do_not_get_in_each_others_way(road: Road) -> None:
    road.click(road.world.offer_link.path)
    with ship.slot_claimed(road.folder) as is_ours:
        assert is_ours
        assert road.ship().clicks == 0
    assert road.ship().clicks == 1


def test_the_mark_promises_everything_up_to_just_before_the_last_line(road: Road) -> None:
    road.click(road.world.offer_link.path)
    road.ship()
    ((edge, mark),) = road.rows("SELECT edge, mark FROM edge_mark")
    assert edge == "edge"
    assert mark == tokens.instant(road.click.edge.spool.last_ms - 1)
    road.click.edge.spool.heartbeat()
    road.ship()
    assert road.rows("SELECT mark FROM edge_mark")[0][0] >= mark


def test_an_advisers_own_clicks_are_counted_but_not_billable(road: Road) -> None:
    path = road.world.offer_link.path
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
    own.note(road.world.adviser_id, {"REMOTE_ADDR": "203.0.113.5", "HTTP_USER_AGENT": agent}, clock.now())
    own.note(road.world.adviser_id, {"REMOTE_ADDR": "203.0.113.5", "HTTP_USER_AGENT": agent}, clock.now())
    road.click(path, remote_addr="203.0.113.77", user_agent=agent)
    road.click(path, remote_addr="192.0.2.9", user_agent=agent)
    road.ship()
    assert road.tally() == {"raw": 2, "unique": 2, "billable": 1}
    assert sorted(road.rows("SELECT own FROM click")) == [(False,), (True,)]


def test_two_edges_count_one_visitor_once(road: Road, settings: Settings) -> None:
    other = Caller(
        dataclasses.replace(settings, database_url=road.world.database.url("edge"), edge_slot="second")
    )
    try:
        road.click(road.world.offer_link.path)
        other(road.world.offer_link.path)
        road.ship()
    finally:
        other.edge.close()
    assert road.tally() == {"raw": 2, "unique": 1, "billable": 1}
    assert [edge for (edge,) in road.rows("SELECT edge FROM edge_mark ORDER BY edge")] == ["edge", "second"]


def test_a_day_that_nobody_prepared_is_made_when_its_first_click_arrives(road: Road) -> None:
    road.click.edge.spool.set_offset(1234 * 86_400_000)
    road.click(road.world.offer_link.path)
    assert road.ship().clicks == 1
    day = (clock.wall() + dt.timedelta(days=1234)).strftime("%Y%m%d")
    assert road.rows("SELECT tableoid::regclass::text FROM click") == [(f"click_p{day}",)]


def test_a_click_that_an_edge_kept_for_days_arrives_and_holds_up_nobody(road: Road) -> None:
    today = clock.wall().date()
    with psycopg.connect(
        road.world.database.url("worker").replace("+psycopg", ""), autocommit=True
    ) as worker:
        worker.execute("SELECT ensure_click_days(%s, %s)", [today - dt.timedelta(days=6), today])
        worker.execute(
            "SELECT drop_click_days(%s, %s)", [today - dt.timedelta(days=90), today - dt.timedelta(days=2)]
        )
    road.click.edge.spool.set_offset(-5 * 86_400_000)
    road.click(road.world.offer_link.path)
    road.click.edge.spool.set_offset(0)
    road.click(road.world.offer_link.path)
    assert road.ship().clicks == 2
    assert road.tally()["raw"] == 2


def test_counts_that_differ_from_rows_are_found(road: Road) -> None:
    road.click(road.world.offer_link.path)
    road.ship()
    road.world.database.open("worker")
    with db.session() as session:
        finding = promises.tally_differences(session)
        assert (finding.figure, finding.rows_seen) == (0, 1)
    road.connection.execute("UPDATE click_tally SET clicks = clicks + 1 WHERE name = 'raw'")
    with db.session() as session:
        assert promises.tally_differences(session).figure == 1


FORBIDDEN_TO_WEB = (
    "SELECT * FROM click",
    "INSERT INTO click_tally VALUES (gen_random_uuid(), '2026-01-01', 'raw', 1)",
    "UPDATE touch SET ts = now()",
    "DELETE FROM touch",
    "UPDATE tracked_link SET target_url = 'https://evil.example/'",
    "SELECT ensure_click_days('2026-01-01', '2026-01-02')",
    "SELECT drop_click_days('2026-01-01', '2026-01-02')",
    "SELECT * FROM touches_for(gen_random_uuid(), '{}', '{}', now())",
)


def test_roles_can_do_their_own_work_only(road: Road) -> None:
    database = road.world.database
    with psycopg.connect(database.url("app").replace("+psycopg", ""), autocommit=True) as web:
        for statement in FORBIDDEN_TO_WEB:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(statement)
    with psycopg.connect(database.url("edge").replace("+psycopg", ""), autocommit=True) as edge:
        assert edge.execute("SELECT count(*) FROM edge_link").fetchone() == (1,)
        for table in ("tracked_link", "click", "shop", "adviser", "user_account", "touch", "shop_domain"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                edge.execute(f"SELECT * FROM {table}")
    for statement in ("DELETE FROM click", "UPDATE touch SET ts = now()", "UPDATE click SET verdict = ''"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            road.connection.execute(statement)


def test_a_round_ends_with_what_was_there_when_it_began_however_many_clicks_come(tmp_path):
    segment = tmp_path / "1.tsv"
    segment.write_bytes(b"a\nb\n")
    with segment.open("rb") as file, segment.open("ab", buffering=0) as visitors:
        rounds = ship._batches(file, 0, segment.stat().st_size)
        visitors.write(b"c\n")
        assert next(rounds) == b"a\nb\n"
        visitors.write(b"d\n")
        assert list(rounds) == []
