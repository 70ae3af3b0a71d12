"""Feeds on the real database: good rows are kept, bad ones reported; repeats and broken feeds change nothing."""

from __future__ import annotations

import datetime as dt
import io
import threading
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue import products
from marketplace.catalogue.feeds import checks, ingest, jobs
from marketplace.catalogue.feeds import service as feeds
from marketplace.catalogue.feeds.models import FeedJob, FeedRow
from marketplace.catalogue.models import Product
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.core import clock, db
from marketplace.core.db import transaction
from marketplace.core.errors import InvalidInput, PayloadTooLarge

SAMPLES = Path(__file__).resolve().parents[5] / "shared" / "data" / "feeds"
HEADER = "id\ttitle\tlink\tprice\tproduct_type\n"


def tsv(*lines: str) -> bytes:
    """Return a feed; a line is `id price` or `id price category`, or a whole line with tabs."""
    text = HEADER
    for line in lines:
        sku, price, category = (*line.split(" ", 2), "")[:3]
        text += (
            line
            if "\t" in line
            else f"{sku}\tTitle {sku}\thttps://shop.example/{sku}\t{price} EUR\t{category}\n"
        )
    return text.encode()


def queue(market: Any, shop: Any, content: bytes, *, complete: bool = True) -> uuid.UUID:
    """Line a feed up as the web does."""
    received = feeds.receive(io.BytesIO(content), io.BytesIO())
    with transaction() as session:
        return feeds.queue(
            session, shop.owner.actor, shop.id, received, is_complete=complete, now=clock.now()
        ).id


def load(market: Any, shop: Any, content: bytes, *, complete: bool = True) -> FeedJob:
    """Line a feed up as the web does and read it as the worker does."""
    job_id = queue(market, shop, content, complete=complete)
    with market.as_worker():
        assert jobs.read(job_id)
    return job_of(job_id)


def job_of(job_id: uuid.UUID) -> FeedJob:
    with db.new_session() as session:
        return session.get_one(FeedJob, job_id)


def counts(job: FeedJob) -> dict[str, int]:
    names = ("added", "changed", "unchanged", "refused", "retired")
    return {name: getattr(job, name) for name in names if getattr(job, name)}


def report(job: FeedJob) -> list[FeedRow]:
    with db.new_session() as session:
        return feeds.report(session, job, limit=1000)


def skus(shop: Any) -> dict[str, Product]:
    with db.new_session() as session:
        return {
            product.sku: product
            for product in session.scalars(sa.select(Product).where(Product.shop_id == shop.id))
        }


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


def test_good_rows_are_kept_and_bad_ones_reported_with_the_way_to_mend_them(market: Any, shop: Any) -> None:
    job = load(market, shop, tsv("A 12.50 Home>Pans", "B free", "C 3,00", "A 9.00"))
    assert (job.state, job.rows_read, job.rows_total) == ("done", 4, 4)
    assert counts(job) == {"added": 2, "refused": 2}
    assert job.bytes_read == job.size and job.finished_at is not None
    first, second, third, fourth = report(job)
    assert [first.outcome, second.outcome, third.outcome, fourth.outcome] == [
        "added",
        "refused",
        "added",
        "refused",
    ]
    assert (second.row_number, second.sku, second.notes[0]["field"], second.notes[0]["code"]) == (
        2, "B", "price", "price_unreadable",
    )  # fmt: skip
    assert second.notes[0]["fix"] and fourth.notes[0]["code"] == "duplicate_id"
    kept = skus(shop)
    assert set(kept) == {"A", "C"}
    assert (kept["A"].price_minor, kept["A"].category, kept["A"].warnings) == (1250, "Home > Pans", [])


def test_that_an_unchanged_product_was_seen_is_written_down_every_six_hours(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00", "B 1.00"))
    with market.rows() as session:
        for sku, hours in (("A", 7), ("B", 5)):
            session.execute(
                sa.text(
                    "UPDATE product SET seen_at = seen_at - make_interval(hours => :hours) WHERE sku = :sku"
                ),
                {"sku": sku, "hours": hours},
            )
    before = skus(shop)
    assert counts(load(market, shop, tsv("A 1.00", "B 1.00"))) == {"unchanged": 2}
    after = skus(shop)
    assert [before[sku].seen_at == after[sku].seen_at for sku in "AB"] == [False, True]
    assert [before[sku].updated_at == after[sku].updated_at for sku in "AB"] == [True, True]


def test_a_feed_of_several_slices_is_applied_as_one(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "SLICE", 3)
    job = load(market, shop, tsv(*(f"S{n} {n}.00" for n in range(10)), "T free"))
    assert counts(job) == {"added": 10, "refused": 1} and len(skus(shop)) == 10
    assert counts(load(market, shop, tsv(*(f"S{n} 1.00" for n in range(7))))) == {
        "changed": 6,
        "unchanged": 1,
        "retired": 3,
    }


def test_a_repeat_changes_nothing(market: Any, shop: Any) -> None:
    content = tsv("A 1.00", "B 2.00", "C bad")
    load(market, shop, content)
    before = {sku: (one.id, one.updated_at, one.feed_job_id) for sku, one in skus(shop).items()}
    again = load(market, shop, content)
    assert counts(again) == {"unchanged": 2, "refused": 1}
    assert {sku: (one.id, one.updated_at, one.feed_job_id) for sku, one in skus(shop).items()} == before


def test_only_what_differs_changes(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00", "B 2.00"))
    before = skus(shop)
    job = load(market, shop, tsv("A 1.00", "B 2.50", "C 3.00"))
    assert counts(job) == {"added": 1, "changed": 1, "unchanged": 1}
    after = skus(shop)
    assert after["B"].price_minor == 250 and after["B"].id == before["B"].id
    assert after["A"].updated_at == before["A"].updated_at


def test_a_complete_feed_retires_what_it_lacks_and_a_return_revives_it(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00", "B 2.00", "C 3.00"))
    job = load(market, shop, tsv("A 1.00", "C free"))
    assert counts(job) == {"unchanged": 1, "refused": 1, "retired": 1}
    now = skus(shop)
    assert now["B"].retired_at is not None
    assert now["C"].retired_at is None, "a row that is refused has not vanished from the feed"
    revived = load(market, shop, tsv("A 1.00", "B 2.00", "C 3.00"))
    assert counts(revived) == {"changed": 1, "unchanged": 2}
    assert skus(shop)["B"].retired_at is None


def test_a_part_of_the_catalogue_retires_nothing(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00", "B 2.00"))
    assert counts(load(market, shop, tsv("C 3.00"), complete=False)) == {"added": 1}
    assert all(one.retired_at is None for one in skus(shop).values())


def test_a_feed_without_one_good_row_retires_nothing(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00"))
    assert counts(load(market, shop, tsv("X free", "Y free"))) == {"refused": 2}
    assert skus(shop)["A"].retired_at is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<rss><channel>" + b"<item>" * 3, "not_well_formed"),
        (b"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss/>", "doctype_refused"),
        (HEADER.encode(), "no_rows"),
        (b"hello", "not_a_feed"),
    ],
)
def test_a_broken_feed_fails_with_the_reason_and_changes_nothing(
    market: Any, shop: Any, content: bytes, code: str
) -> None:
    load(market, shop, tsv("A 1.00"))
    job = load(market, shop, content)
    assert (job.state, job.failure_code) == ("failed", code)
    assert job.failure_reason and job.failure_fix and job.finished_at
    assert set(skus(shop)) == {"A"} and skus(shop)["A"].retired_at is None
    assert report(job) == []


def test_a_feed_that_breaks_after_thousands_of_good_rows_changes_nothing(market: Any, shop: Any) -> None:
    item = "<item><g:id>{0}</g:id><title>T</title><link>https://shop.example/{0}</link><g:price>1 EUR</g:price></item>"
    content = "<rss xmlns:g='http://base.google.com/ns/1.0'><channel>" + "".join(
        item.format(n) for n in range(2500)
    )
    job = load(market, shop, (content + "<broken>").encode())
    assert (job.state, job.failure_code) == ("failed", "not_well_formed")
    assert (job.failure_line, job.failure_column) == (1, len(content) + len("<broken>") + 1)
    assert job.rows_read == 2500 and skus(shop) == {} and counts(job) == {}
    assert {row.outcome for row in report(job)} == {"added"}, "what would have become of them"
    assert len(report(job)) == 1001 and market.count("SELECT count(*) FROM feed_staged") == 0
    whole = load(market, shop, (content + "</channel></rss>").encode())
    assert counts(whole) == {"added": 2500}


def test_a_price_in_another_currency_is_kept_with_a_warning(market: Any) -> None:
    shop = market.shop(currency="USD")
    job = load(market, shop, tsv("A 1.00"))
    (product,) = skus(shop).values()
    assert (product.price_minor, product.currency) == (100, "EUR")
    assert product.warnings == ["foreign_currency", "host_unverified"]
    (row,) = report(job)
    assert row.outcome == "added" and [note["refuses"] for note in row.notes] == [False, False]


def test_verifying_the_host_takes_the_warning_away_at_the_next_feed(market: Any) -> None:
    shop = market.shop()
    load(market, shop, tsv("A 1.00"))
    with market.rows() as session:
        session.execute(
            sa.text(
                "INSERT INTO shop_domain (id, shop_id, host, proof, proof_token, verified_at)"
                " VALUES (gen_random_uuid(), :shop, 'shop.example', 'file', 't', now())"
            ),
            {"shop": shop.id},
        )
    assert counts(load(market, shop, tsv("A 1.00"))) == {"changed": 1}
    assert skus(shop)["A"].warnings == []


def test_shops_do_not_touch_each_other(market: Any, shop: Any) -> None:
    other = market.shop()
    load(market, shop, tsv("A 1.00"))
    load(market, other, tsv("A 2.00", "B 1.00"))
    assert counts(load(market, other, tsv("B 1.00"))) == {"unchanged": 1, "retired": 1}
    assert {sku: one.price_minor for sku, one in skus(shop).items()} == {"A": 100}
    assert skus(shop)["A"].retired_at is None


def test_progress_can_be_read_while_the_feed_runs(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 10)
    seen: list[tuple[str, int]] = []
    original = ingest.stage

    def stage(session: Session, job: FeedJob, *rest: Any, **named: Any) -> None:
        look = job_of(job.id)
        seen.append((look.state, look.rows_read))
        original(session, job, *rest, **named)

    monkeypatch.setattr(ingest, "stage", stage)
    load(market, shop, tsv(*(f"S{n} 1.00" for n in range(30))))
    assert seen == [("running", 0), ("running", 10), ("running", 20)]


def test_feeds_of_a_shop_are_applied_in_the_order_they_came(market: Any, shop: Any) -> None:
    first, second = queue(market, shop, tsv("A 1.00")), queue(market, shop, tsv("A 2.00"))
    with market.as_worker():
        assert jobs.read(second) is False, "the older one goes first"
        assert jobs.read_waiting_feeds() == 1
        assert jobs.read_waiting_feeds() == 1
    assert [job_of(one).state for one in (first, second)] == ["done", "done"]
    assert skus(shop)["A"].price_minor == 200


def test_two_workers_at_once_read_a_feed_once(market: Any, shop: Any) -> None:
    job_id = queue(market, shop, tsv(*(f"S{n} 1.00" for n in range(50))))
    barrier, results = threading.Barrier(6), []

    def work() -> None:
        barrier.wait()
        results.append(jobs.read(job_id))

    with market.as_worker():
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [False] * 5 + [True]
    assert counts(job_of(job_id)) == {"added": 50}


def claim(job_id: uuid.UUID, wall: dt.datetime) -> FeedJob | None:
    with transaction() as session:
        return ingest.claim(session, job_id, now=wall, wall=wall)


def test_a_stalled_feed_is_taken_over_and_the_first_worker_can_not_finish_it(market: Any, shop: Any) -> None:
    job_id = queue(market, shop, tsv("A 1.00"))
    with market.as_worker():
        long_ago = clock.wall() - dt.timedelta(minutes=3)
        dead = claim(job_id, long_ago)
        assert dead is not None
        assert claim(job_id, long_ago + dt.timedelta(minutes=1)) is None, "it is not stalled yet"
        assert jobs.read_waiting_feeds() == 1
        steps: list[Callable[[Session], None]] = [
            lambda session: ingest.apply(session, dead, now=clock.now()),
            lambda session: ingest.stage(session, dead, [], bytes_read=0, wall=clock.wall()),
            lambda session: ingest.refuse(session, dead, FeedUnreadable("x", "x", "x"), now=clock.now()),
        ]
        for late in steps:
            with pytest.raises(ingest.FeedOvertaken), transaction() as session:
                late(session)
    job = job_of(job_id)
    assert (job.state, job.attempt, counts(job)) == ("done", 2, {"added": 1})


def test_a_feed_that_kills_its_worker_each_time_fails_in_the_end(market: Any, shop: Any) -> None:
    job_id = queue(market, shop, tsv("A 1.00"))
    after = queue(market, shop, tsv("B 1.00"))
    wall = clock.wall() - dt.timedelta(minutes=30)
    with market.as_worker():
        for _ in range(ingest.MOST_ATTEMPTS):
            assert claim(job_id, wall) is not None
            wall += dt.timedelta(minutes=3)
        assert claim(job_id, wall) is None
        assert jobs.read(after), "what waits behind it goes on"
    assert (job_of(job_id).state, job_of(job_id).failure_code) == ("failed", "interrupted")


def test_nothing_is_left_lying_about_and_old_reports_go(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "REPORTS_KEPT", 2)
    done = [load(market, shop, tsv("A 1.00")) for _ in range(4)]
    load(market, shop, b"broken")
    assert market.count("SELECT count(*) FROM feed_chunk") == 0
    assert market.count("SELECT count(*) FROM feed_staged") == 0
    assert [len(report(job)) for job in done] == [0, 0, 0, 1], "the one that failed counts as well"
    assert [job_of(job.id).state for job in done] == ["done"] * 4


def test_the_invariant_finds_counts_that_do_not_add_up(market: Any, shop: Any) -> None:
    job = load(market, shop, tsv("A 1.00", "B free"))
    with db.new_session() as session:
        assert checks.feed_counts(session).holds and checks.feed_counts(session).rows_seen == 1
    with market.rows() as session:
        session.execute(sa.text("UPDATE feed_job SET refused = 7 WHERE id = :id"), {"id": job.id})
    with db.new_session() as session:
        assert checks.feed_counts(session).figure == 1


def test_the_web_can_not_write_products_or_reports(market: Any, shop: Any) -> None:
    job = load(market, shop, tsv("A 1.00"))
    for statement in (
        "UPDATE product SET sku = 'x'",
        "DELETE FROM product",
        "DELETE FROM feed_row",
        "UPDATE feed_job SET state = 'queued'",
        "SELECT * FROM feed_chunk",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), transaction() as session:
            session.execute(sa.text(statement))
    assert job.state == "done"


def test_receiving_stops_at_the_limit_and_refuses_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_BYTES", 10)
    with pytest.raises(PayloadTooLarge):
        feeds.receive(io.BytesIO(b"x" * 11), io.BytesIO())
    with pytest.raises(InvalidInput):
        feeds.receive(io.BytesIO(b""), io.BytesIO())
    assert feeds.receive(io.BytesIO(b"x" * 10), io.BytesIO()).size == 10


def test_lookups_for_orders_and_links(market: Any, shop: Any) -> None:
    load(market, shop, tsv("A 1.00", "B 1.00"))
    load(market, shop, tsv("A 1.00"))
    with db.new_session() as session:
        assert set(products.by_sku(session, shop.id, ["A", "B", "Z"])) == {"A", "B"}
        found = products.by_link(session, shop.id, "http://www.shop.example/A/?utm_source=x#y")
        assert found is not None and found.sku == "A"
        assert products.by_link(session, shop.id, "https://shop.example/B") is None, "it is retired"
        assert products.by_link(session, shop.id, "no address") is None
        assert products.by_link(session, uuid.uuid4(), "https://shop.example/A") is None


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder with real feeds is not there")
@pytest.mark.parametrize(
    ("name", "count"), [("sample-rss.xml", 1), ("sample-atom.xml", 1), ("pets-merchant-feed.tsv", 381)]
)
def test_real_feeds_load_and_repeat(market: Any, shop: Any, name: str, count: int) -> None:
    content = (SAMPLES / name).read_bytes()
    assert counts(load(market, shop, content)) == {"added": count}
    assert counts(load(market, shop, content)) == {"unchanged": count}


def large_feed(rows: int) -> Iterator[bytes]:
    yield b"id\ttitle\tlink\tprice\tdescription\n"
    for n in range(rows):
        yield f"S{n}\tTitle\thttps://shop.example/{n}\t12.50 EUR\t{'description ' * 200}\n".encode()


@pytest.mark.slow
def test_a_large_feed_is_never_whole_in_memory(market: Any, shop: Any) -> None:
    """20,000 rows, 48 MB: reading them takes as much memory as a batch of rows, whatever the size of the feed."""
    content = b"".join(large_feed(20_000))
    size, job_id = len(content), queue(market, shop, content)
    del content
    with market.as_worker():
        tracemalloc.start()
        try:
            assert jobs.read(job_id)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert counts(job_of(job_id)) == {"added": 20_000}
    assert size > 45_000_000 and peak < 25_000_000, peak
