"""The jobs of feeds: read a feed that was lined up, and find feeds that nobody reads."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace

import redis
from sqlalchemy.orm import Session

from marketplace.catalogue.feeds import ingest
from marketplace.catalogue.feeds.formats.reading import Feed
from marketplace.catalogue.feeds.models import FeedJob
from marketplace.catalogue.rows.notes import FeedUnreadable, Note
from marketplace.catalogue.rows.reading import ReadRow, read_row
from marketplace.catalogue.taxonomy import store as taxonomy_store
from marketplace.core import clock, config, jobs
from marketplace.core.db import transaction

BATCH = 1000
READ = "feeds.read"


def register() -> None:
    """Register the job and the sweep; safe to call twice."""
    jobs.job(READ)(read_feed)
    jobs.sweep("feeds", every=5)(read_waiting_feeds)


def read_feed(job_id: str) -> None:
    """Read one feed when it is due; safe to run twice and at once."""
    read(uuid.UUID(job_id))


def read_waiting_feeds() -> int:
    """Find queued and stalled feeds and have them read; returns how many were read here.

    While Valkey answers this only repeats the hint, because a large feed would keep the other sweeps waiting.
    """
    with transaction() as session:
        waiting = ingest.due(session, clock.wall())
    if waiting and queue_answers():
        for job_id in waiting:
            jobs.enqueue(READ, str(job_id))
        return 0
    return sum(read(job_id) for job_id in waiting)


def queue_answers() -> bool:
    """Tell whether hints reach somebody now; without a queue, or while Valkey is away, sweeps do the work."""
    if not config.current().redis_url:
        return False
    try:
        return bool(jobs.connection().ping())
    except redis.RedisError:
        return False


def read(job_id: uuid.UUID) -> bool:
    """Read a feed from first byte to applied catalogue; False when it wasn't due or was taken over."""
    with transaction() as session:
        job = ingest.claim(session, job_id, now=clock.now(), wall=clock.wall())
        if job is None:
            return False
        currency, hosts = ingest.surroundings(session, job)
        taxonomy_store.learn(session)
    taken = _Pieces(job)
    feed = Feed(taken, job.charset)
    try:
        _stage_all(job, feed, taken, currency, hosts)
    except FeedUnreadable as why:
        with transaction() as session:
            ingest.refuse(session, job, why, read_as=feed.read_as.as_dict(), now=clock.now())
        return True
    except ingest.FeedOvertaken:
        return False
    with transaction() as session:
        ingest.apply(session, job, read_as=feed.read_as.as_dict(), now=clock.now())
    return True


def _stage_all(job: FeedJob, feed: Feed, taken: _Pieces, currency: str, hosts: frozenset[str]) -> None:
    """Stage all rows in batches, those before a break too; no transaction is open while rows are read."""
    seen: set[str] = set()
    rows, now, count = iter(feed), clock.now(), 0
    broken: FeedUnreadable | None = None
    while broken is None:
        batch: list[ReadRow] = []
        try:
            for raw in itertools.islice(rows, BATCH):
                batch.append(_once(read_row(raw, shop_currency=currency, hosts=hosts, now=now), seen))
        except FeedUnreadable as why:
            broken = why
        if not batch:
            break
        count += len(batch)
        with transaction() as session:
            ingest.stage(session, job, batch, bytes_read=taken.bytes_read, wall=clock.wall())
    if broken is not None:
        raise broken
    if count == 0:
        fix = "Send a feed with products; to retire all of them, close the offers or the shop instead."
        raise FeedUnreadable("no_rows", "The feed holds no rows.", fix)


class _Pieces:
    """The bytes of a feed, each piece read in a transaction of its own, and how many were read."""

    def __init__(self, job: FeedJob) -> None:
        self._job, self.bytes_read = job, 0

    def __iter__(self) -> Iterator[bytes]:
        for number in itertools.count():
            with transaction() as session:
                content = ingest.piece(session, self._job, number)
            if content is None:
                return
            self.bytes_read += len(content)
            yield content


def _once(row: ReadRow, seen: set[str]) -> ReadRow:
    """Refuse a row whose id came before in the same feed: the first good one wins."""
    if row.facts is None:
        return row
    if row.facts.sku in seen:
        reason = "An earlier row of this feed has the same id, and that one was kept."
        note = Note("id", "duplicate_id", reason, "Give each product an id of its own.", refuses=True)
        return replace(row, facts=None, notes=(note, *row.notes))
    seen.add(row.facts.sku)
    return row


def lag(session: Session, now: dt.datetime) -> int:
    """Return how many feeds wait or are being read."""
    return ingest.open_count(session)
