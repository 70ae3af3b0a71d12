"""Feeds that are fetched: on time, once, in bounds, taken up again after a death; what is unchanged queues nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import threading
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.accounts import limits
from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.feeds.models import FeedFetch, FeedJob, FeedSource
from marketplace.catalogue.feeds.sources import fetching, hours
from marketplace.catalogue.feeds.sources import jobs as source_jobs
from marketplace.catalogue.feeds.sources import service as sources
from marketplace.core import clock, config, db, fetch
from marketplace.core.db import transaction
from tests.integration.marketplace.catalogue.conftest import drop

FEED = b"id\ttitle\tlink\tprice\n" + b"".join(
    b"%d\tBeans %d\thttps://shop.example/%d\t%d.50 EUR\n" % (n, n, n, n + 1) for n in range(3)
)
URL = "https://feeds.example/all.tsv"
DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


def call(market: Any, shop: Any, method: str, path: str = "", status: int = 200, **body: Any) -> Any:
    answer = market.client.open(
        f"/api/v1/feed-sources{path}", method=method, headers=shop.owner.headers, json=body or None
    )
    assert answer.status_code == status, answer.json
    return answer.json


def source_of(market: Any, shop: Any, **data: Any) -> str:
    made: str = call(market, shop, "POST", status=201, **({"url": URL, "every": "daily"} | data))["id"]
    return made


def fetched(market: Any, source_id: str) -> FeedFetch | None:
    """Fetch as the worker does; return how it ended."""
    with market.as_worker():
        source_jobs.fetch(uuid.UUID(source_id))
    with db.new_session() as session:
        query = sa.select(FeedFetch).where(FeedFetch.source_id == uuid.UUID(source_id))
        return session.scalars(query.order_by(FeedFetch.id.desc()).limit(1)).first()


def later(by: dt.timedelta, market: Any) -> None:
    """Move business time on, as the demo does."""
    with market.rows() as session:
        session.execute(
            sa.text("UPDATE business_clock SET offset_seconds = offset_seconds + :s"),
            {"s": int(by.total_seconds())},
        )
    with db.new_session() as session:
        session.execute(sa.text("SELECT 1"))


def state_of(source_id: str) -> FeedSource:
    with db.new_session() as session:
        return session.get_one(FeedSource, uuid.UUID(source_id))


def feeds_of(shop: Any) -> list[FeedJob]:
    with db.new_session() as session:
        return list(
            session.scalars(sa.select(FeedJob).where(FeedJob.shop_id == shop.id).order_by(FeedJob.id))
        )


def test_a_source_is_fetched_lined_up_read_and_due_again_at_its_hour(
    market: Any, shop: Any, stranger: Any
) -> None:
    kind = "text/plain; charset=windows-1252"
    stranger.lay(
        "/all.tsv", FEED, ETag='"one"', Last_Modified="Sun, 22 Nov 2026 10:00:00 GMT", Content_Type=kind
    )
    source_id = source_of(market, shop, hour=3, complete=False)
    shown = call(market, shop, "GET", f"/{source_id}")
    assert (shown["state"], shown["time_zone"], shown["last_fetch"]) == ("active", "Europe/Amsterdam", None)
    with market.as_worker():
        assert source_jobs.fetch_due_sources() == 1
        assert source_jobs.fetch_due_sources() == 0
        assert jobs.read_waiting_feeds() == 1
    [job] = feeds_of(shop)
    assert (job.state, job.added, job.is_complete, job.queued_by) == ("done", 3, False, None)
    assert (str(job.source_id), job.charset) == (source_id, "windows-1252")
    shown = call(market, shop, "GET", f"/{source_id}")
    assert shown["last_fetch"]["outcome"] == "queued" and shown["last_fetch"]["feed_id"] == str(job.id)
    assert (shown["last_fetch"]["status"], shown["last_fetch"]["bytes"]) == (200, len(FEED))
    assert shown["etag"] == '"one"' and shown["sha256"]
    next_at = dt.datetime.fromisoformat(shown["next_at"])
    assert next_at.astimezone(hours.zone_of("NL")).hour == 3 and next_at - clock.now() <= DAY
    assert market.count("SELECT count(*) FROM product WHERE source = 'feed' AND seen_at IS NOT NULL") == 3


def test_unchanged_content_queues_nothing_and_says_so_by_either_sign(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", FEED, ETag='"one"')
    source_id = source_of(market, shop)
    assert fetched(market, source_id).outcome == "queued"
    call(market, shop, "POST", f"/{source_id}/pause")
    call(market, shop, "POST", f"/{source_id}/resume")
    second = fetched(market, source_id)
    assert (second.outcome, second.status, second.size, second.feed_id) == ("unchanged", 304, None, None)
    assert stranger.asked[-1][2]["if-none-match"] == '"one"'
    stranger.lay("/all.tsv", FEED, ETag='"two"')
    call(market, shop, "POST", f"/{source_id}/pause")
    call(market, shop, "POST", f"/{source_id}/resume")
    third = fetched(market, source_id)
    assert (third.outcome, third.status, third.size) == ("unchanged", 200, len(FEED))
    assert len(feeds_of(shop)) == 1
    call(market, shop, "PATCH", f"/{source_id}", complete=False)
    call(market, shop, "POST", f"/{source_id}/pause")
    call(market, shop, "POST", f"/{source_id}/resume")
    assert fetched(market, source_id).outcome == "queued", "another meaning of the same content is new"


def test_content_whose_reading_was_interrupted_is_fetched_again(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", FEED, ETag='"one"')
    source_id = source_of(market, shop, every="hourly")
    fetched(market, source_id)
    with market.rows() as session:
        session.execute(
            sa.text(
                "UPDATE feed_job SET state = 'failed', failure_code = 'interrupted', finished_at = now()"
                " WHERE source_id = :i"
            ),
            {"i": uuid.UUID(source_id)},
        )
    later(dt.timedelta(hours=2), market)
    assert fetched(market, source_id).outcome == "queued"


def test_ten_failures_in_a_row_back_off_and_pause_with_a_reason(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", b"<h1>Sign in</h1>", 403)
    source_id = source_of(market, shop, every="hourly")
    waits = []
    for _ in range(10):
        failed = fetched(market, source_id)
        assert (failed.outcome, failed.failure_code, failed.status) == ("failed", "bad_status", 403)
        assert failed.failure_reason and failed.failure_fix
        source = state_of(source_id)
        if source.next_at is not None:
            waits.append(round((source.next_at - failed.finished_at).total_seconds() / 60))
            assert fetched(market, source_id).id == failed.id, "not before its time"
            later(source.next_at - clock.now() + dt.timedelta(seconds=1), market)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280]
    shown = call(market, shop, "GET", f"/{source_id}")
    assert (shown["state"], shown["paused"]["code"], shown["next_at"]) == ("paused", "failed_often", None)
    assert "403" in shown["paused"]["reason"]
    assert call(market, shop, "POST", f"/{source_id}/fetch", 409)["code"] == "source_paused"
    stranger.lay("/all.tsv", FEED)
    call(market, shop, "POST", f"/{source_id}/resume")
    assert fetched(market, source_id).outcome == "queued"
    assert state_of(source_id).failures == 0


def test_a_manual_source_is_fetched_when_asked_and_so_often_only(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", FEED)
    source_id = source_of(market, shop, every="manual")
    assert fetched(market, source_id) is None and stranger.asked == []
    assert call(market, shop, "POST", f"/{source_id}/fetch", 202)["next_at"] is not None
    assert fetched(market, source_id).outcome == "queued"
    assert state_of(source_id).next_at is None
    for _ in range(29):
        limits.spend("feed.fetch", str(shop.id))
    assert call(market, shop, "POST", f"/{source_id}/fetch", 429)["code"] == "rate_limited"


def packed(body: bytes, **headers: str) -> tuple[bytes, dict[str, str]]:
    return gzip.compress(body), headers


@pytest.mark.parametrize(
    ("path", "headers", "times"),
    [("/all.tsv", {"Content_Encoding": "gzip"}, 1), ("/all.tsv.gz", {"Content_Type": "application/gzip"}, 1),
     ("/all.tsv.gz", {"Content_Encoding": "gzip"}, 2)],
)  # fmt: skip
def test_packed_feeds_are_unpacked(
    market: Any, shop: Any, stranger: Any, path: str, headers: dict[str, str], times: int
) -> None:
    content = FEED
    for _ in range(times):
        content = gzip.compress(content)
    stranger.lay(path, content, **headers)
    source_id = source_of(market, shop, url=f"https://feeds.example{path}")
    found = fetched(market, source_id)
    assert (found.outcome, found.size) == ("queued", len(FEED))
    with market.as_worker():
        jobs.read_waiting_feeds()
    assert feeds_of(shop)[0].added == 3


class Counting:
    """A file that only counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, piece: bytes) -> int:
        self.size += len(piece)
        return len(piece)


def bomb(megabytes: int, levels: int = 1) -> bytes:
    content = b""
    for level in range(levels):
        engine = zlib.compressobj(9, zlib.DEFLATED, 31)
        piece = content or bytes(1_000_000)
        content = (
            b"".join(engine.compress(piece) for _ in range(megabytes if level == 0 else 1)) + engine.flush()
        )
    return content


@pytest.mark.parametrize(("levels", "encoding"), [(1, "gzip"), (1, ""), (2, "gzip")])
def test_a_bomb_costs_nothing(stranger: Any, levels: int, encoding: str) -> None:
    packed_bomb = bomb(100, levels)
    assert len(packed_bomb) < 110_000
    stranger.lay("/bomb", packed_bomb, **({"Content_Encoding": encoding} if encoding else {}))
    file, before = Counting(), time.process_time()
    with pytest.raises(fetch.FetchRefused, match=r"unpacks to more than|larger than"):
        fetch.into(
            "https://feeds.example/bomb", config.current(), file, 100_000_000, deadline=20,
            wish=fetch.Wish(unpack=True),
        )  # fmt: skip
    assert file.size <= 12_000_000 and time.process_time() - before < 1.5


def test_what_is_too_large_too_slow_broken_off_or_elsewhere_fails_with_a_reason(
    market: Any, shop: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            return

    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(FEED)))
        handler.end_headers()
        handler.wfile.write(FEED[:40])
        drop(handler)

    def without_end(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(FEED)

    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            return

    monkeypatch.setattr("marketplace.catalogue.feeds.service.MOST_BYTES", 1_000_000)
    monkeypatch.setattr(fetching, "DEADLINE", 1)
    for path, action in (
        ("/endless", endless),
        ("/broken", broken),
        ("/open", without_end),
        ("/drip", dripping),
    ):
        stranger.act(path, action)
    stranger.lay("/round", b"", 302, Location="https://feeds.example/round")
    stranger.lay("/inside", b"", 302, Location="http://169.254.169.254/latest")
    stranger.lay("/nothing", b"")
    stranger.lay("/half.gz", gzip.compress(FEED)[:-9])
    stranger.lay("/brotli", b"x", Content_Encoding="br")
    expected = {
        "/endless": "fetch_refused", "/broken": "fetch_failed", "/open": "fetch_refused", "/drip": "fetch_failed",
        "/round": "fetch_refused", "/inside": "fetch_refused", "/nothing": "empty", "/half.gz": "fetch_refused",
        "/brotli": "fetch_refused", "/missing": "bad_status",
    }  # fmt: skip
    found = {}
    for path in expected:
        source_id = source_of(market, shop, url=f"https://feeds.example{path}")
        begun = time.monotonic()
        ended = fetched(market, source_id)
        found[path] = ended.failure_code
        assert time.monotonic() - begun < 5 and ended.failure_reason and ended.failure_fix, path
    assert found == expected
    assert feeds_of(shop) == []


def test_a_fetch_that_died_is_taken_up_again_and_what_it_brings_late_is_dropped(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", FEED)
    source_id = uuid.UUID(source_of(market, shop))
    with market.as_worker():
        with transaction() as session:
            dead = fetching.claim(session, source_id, now=clock.now(), wall=clock.wall())
        assert dead is not None
        assert not source_jobs.fetch(source_id), "one worker has it"
        with db.session() as session:
            assert source_jobs.lag(session, clock.now()) == 1
        with transaction() as session:
            session.execute(sa.update(FeedSource).values(lease_until=clock.wall() - dt.timedelta(seconds=1)))
        assert source_jobs.fetch(source_id)
        late = fetching.Failure("fetch_failed", "late", "none")
        with transaction() as session:
            assert fetching.finish(session, dead, late, None, now=clock.now()) is None  # type: ignore[arg-type]
    assert [job.state for job in feeds_of(shop)] == ["queued"]
    assert state_of(str(source_id)).failures == 0


def test_a_source_whose_workers_all_die_counts_as_failed(market: Any, shop: Any, stranger: Any) -> None:
    source_id = uuid.UUID(source_of(market, shop))
    with market.as_worker():
        for _ in range(fetching.MOST_TRIES):
            with transaction() as session:
                assert fetching.claim(session, source_id, now=clock.now(), wall=clock.wall())
                session.execute(sa.update(FeedSource).values(lease_until=clock.wall() - DAY))
        assert not source_jobs.fetch(source_id)
    assert stranger.asked == []
    with db.new_session() as session:
        assert session.scalars(sa.select(FeedFetch.failure_code)).all() == ["interrupted"]


def test_two_workers_at_once_fetch_a_source_once(market: Any, shop: Any, stranger: Any) -> None:
    stranger.lay("/all.tsv", FEED)
    source_id = uuid.UUID(source_of(market, shop))
    done: list[bool] = []
    with market.as_worker():
        threads = [
            threading.Thread(target=lambda: done.append(source_jobs.fetch(source_id))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(done) == [False, False, False, True]
    assert len(stranger.asked) == 1 and len(feeds_of(shop)) == 1


def test_a_source_that_is_paused_or_changed_while_it_is_fetched_brings_nothing(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/all.tsv", FEED)
    for act, body in (("PATCH", {"url": "https://feeds.example/other.tsv"}), ("POST", {})):
        source_id = source_of(market, shop)
        with market.as_worker(), transaction() as session:
            claimed = fetching.claim(session, uuid.UUID(source_id), now=clock.now(), wall=clock.wall())
        call(market, shop, act, f"/{source_id}" + ("" if body else "/pause"), **body)
        with market.as_worker(), transaction() as session:
            why = fetching.Failure("x", "y", "z")
            assert fetching.finish(session, claimed, why, None, now=clock.now()) is None  # type: ignore[arg-type]
    assert market.count("SELECT count(*) FROM feed_fetch") == 0


def test_a_closed_shop_is_fetched_no_more(market: Any, shop: Any, stranger: Any) -> None:
    stranger.lay("/all.tsv", FEED)
    source_id = source_of(market, shop)
    with market.rows() as session:
        session.execute(sa.text("UPDATE shop SET state = 'closed'"))
    assert fetched(market, source_id).failure_code == "shop_closed"
    assert state_of(source_id).paused_code == "shop_closed"


def test_sources_are_the_shops_own(market: Any, shop: Any, stranger: Any) -> None:
    source_id = source_of(market, shop)
    other = market.shop()
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/fetch"),
        ("POST", "/pause"),
        ("GET", "/fetches"),
    ):
        call(market, other, method, f"/{source_id}{path}", 404)
    assert call(market, other, "GET")["items"] == []
    assert [row["id"] for row in call(market, shop, "GET")["items"]] == [source_id]
    assert call(market, shop, "GET", f"/{source_id}/fetches") == {"items": [], "next_cursor": None}
    for url in (
        "http://feeds.example/x",
        "https://user:word@feeds.example/x",
        "https://localhost/x",
        "ftp://x.nl",
    ):
        call(market, shop, "POST", status=422, url=url)


def test_the_history_of_fetches_is_never_changed(market: Any, shop: Any, stranger: Any) -> None:
    fetched(market, source_of(market, shop))
    with pytest.raises(sa.exc.DBAPIError), market.rows() as session:
        session.execute(sa.text("UPDATE feed_fetch SET failure_reason = 'x'"))


def test_no_transaction_is_open_while_a_stranger_is_waited_for(
    market: Any, shop: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    stranger.lay("/all.tsv", FEED)
    real = fetching.into
    monkeypatch.setattr(
        fetching, "into", lambda *a, **k: (seen.append(db.in_transaction()), real(*a, **k))[1]
    )
    fetched(market, source_of(market, shop))
    assert seen == [False]


def test_a_shop_has_only_so_many_sources(
    market: Any, shop: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_SOURCES", 2)
    for _ in range(sources.MOST_SOURCES):
        source_of(market, shop)
    assert call(market, shop, "POST", status=409, url=URL)["code"] == "too_many_sources"


def test_a_shop_has_no_more_sources_when_they_are_named_at_once(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_SOURCES", 2)
    application, gate = market.client.application, threading.Barrier(5)

    def name(_number: int) -> int:
        gate.wait()
        sent = {"json": {"url": URL}, "headers": shop.owner.headers}
        return int(application.test_client().post("/api/v1/feed-sources", **sent).status_code)

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(name, range(5))) == [201, 201, 409, 409, 409]


@pytest.mark.slow
def test_refused_rows_are_told_when_there_are_more_and_not_again_for_the_same_goods_elsewhere(
    market: Any, shop: Any, stranger: Any
) -> None:
    def told() -> list[tuple[int, int | None]]:
        query = "SELECT facts FROM mail_message WHERE template = 'feed_errors' AND audience = :o ORDER BY id"
        with market.rows() as session:
            rows = session.execute(sa.text(query), {"o": f"owners:{shop.id}"}).scalars().all()
        return [(facts["refused"], facts["before"]) for facts in rows]

    def read(source: str) -> None:
        later(DAY, market)
        fetched(market, source)
        with market.as_worker():
            jobs.read_waiting_feeds()

    one_bad = FEED + b"9\tBeans 9\thttps://shop.example/9\tfree\n"
    stranger.lay("/all.tsv", one_bad)
    source = source_of(market, shop)
    read(source)
    assert told() == [(1, None)]
    stranger.lay("/all.tsv", one_bad.replace(b"1.50", b"1.75"))
    read(source)
    assert told() == [(1, None)]
    stranger.lay("/copy.tsv", one_bad.replace(b"1.50", b"1.95"))
    read(source_of(market, shop, url="https://feeds.example/copy.tsv"))
    assert told() == [(1, None)]
    stranger.lay("/all.tsv", one_bad + b"8\tBeans 8\thttps://shop.example/8\tfree\n")
    read(source)
    assert told() == [(1, None), (2, 1)]
