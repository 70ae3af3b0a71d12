"""Fetch a source that is due: claim it, fetch outside of any transaction, then line the feed up or say why not.

A claim is a lease by wall time under a number of its own. A worker that dies leaves it to run out; one that was given
up on finds another number there, and what it fetched is dropped.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import BinaryIO

import httpx
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue.feeds import news
from marketplace.catalogue.feeds import service as feeds
from marketplace.catalogue.feeds.models import FeedFetch, FeedJob, FeedSource
from marketplace.catalogue.feeds.sources import service as sources
from marketplace.catalogue.feeds.sources.hours import next_fetch, retry_after
from marketplace.core import ids
from marketplace.core.actor import SYSTEM
from marketplace.core.config import Settings
from marketplace.core.errors import AppError
from marketplace.core.fetch import Stored, Wish, into

DEADLINE = 120
SILENCE = 60
LEASE = dt.timedelta(seconds=DEADLINE + 60)
MOST_TRIES = 3
MOST_FAILURES = 10
MOST_HEADER = 500
MOST_CHARSET = 40


@dataclass(frozen=True, slots=True)
class Claim:
    """A source that is this worker's for a while: what to fetch, and what was known of it."""

    source_id: uuid.UUID
    lease: uuid.UUID
    url: str
    began_at: dt.datetime
    wish: Wish
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of a fetch: a stable code, the reason, what to do about it, and what answered."""

    code: str
    reason: str
    fix: str
    status: int | None = None
    size: int | None = None


def due(session: Session, now: dt.datetime, wall: dt.datetime) -> list[uuid.UUID]:
    """Return the sources that may be claimed now, the longest due first."""
    return list(session.scalars(_due(now, wall).with_only_columns(FeedSource.id)))


def _due(now: dt.datetime, wall: dt.datetime) -> sa.Select[FeedSource]:
    free = FeedSource.lease_until.is_(None) | (FeedSource.lease_until < wall)
    return sa.select(FeedSource).where(FeedSource.next_at <= now, free).order_by(FeedSource.next_at)


def waiting(session: Session, now: dt.datetime) -> int:
    """Return how many sources are due or being fetched."""
    query = sa.select(sa.func.count()).select_from(FeedSource).where(FeedSource.next_at <= now)
    return session.scalars(query).one()


def claim(session: Session, source_id: uuid.UUID, *, now: dt.datetime, wall: dt.datetime) -> Claim | None:
    """Take a due source for this worker, or return None when it isn't due or somebody else has it.

    After MOST_TRIES that all died the fetch counts as failed instead.
    """
    query = _due(now, wall).where(FeedSource.id == source_id).with_for_update(skip_locked=True)
    source = session.scalars(query).first()
    if source is None:
        return None
    if source.tries >= MOST_TRIES:
        why = Failure(
            "interrupted", f"Fetching was interrupted {source.tries} times.", "Nothing: we try again."
        )
        _failed(session, source, why, began_at=now, now=now)
        return None
    source.lease, source.lease_until, source.tries = ids.new_id(), wall + LEASE, source.tries + 1
    known = not _is_lost(session, source)
    conditions = {"If-None-Match": source.etag, "If-Modified-Since": source.last_modified} if known else {}
    wish = Wish(
        {name: value for name, value in conditions.items() if value}, SILENCE, unpack=True, whole=True
    )
    sha256 = source.sha256 if known else None
    return Claim(source.id, source.lease, source.url, now, wish, sha256)


def _is_lost(session: Session, source: FeedSource) -> bool:
    """Tell whether the last content was never read to its end by us, so that the same content is worth a feed."""
    if source.last_feed_id is None:
        return False
    query = sa.select(FeedJob.failure_code).where(FeedJob.id == source.last_feed_id)
    return session.scalars(query).first() == "interrupted"


def fetch(claimed: Claim, settings: Settings, file: BinaryIO) -> Stored | Failure:
    """Fetch what was claimed into a file; no transaction may be open."""
    try:
        stored = into(claimed.url, settings, file, feeds.MOST_BYTES, deadline=DEADLINE, wish=claimed.wish)
    except AppError as error:
        return Failure(error.code, error.message(), error.next)
    if stored.status == 304 and claimed.wish.headers:
        return stored
    if stored.status != 200:
        reason = f"The server answered with status {stored.status}."
        fix = "Open the address in a browser where nobody is signed in; it must give the feed itself."
        return Failure("bad_status", reason, fix, stored.status)
    if stored.size == 0:
        fix = "Check that the export has finished before it is fetched."
        return Failure("empty", "The answer was empty.", fix, stored.status, 0)
    return stored


def finish(
    session: Session, claimed: Claim, found: Stored | Failure, file: BinaryIO, *, now: dt.datetime
) -> FeedFetch | None:
    """Write down how a fetch ended, line its feed up where there is a new one, and say when the next is due.

    Returns None when the claim is no longer this worker's: then nothing is written.
    """
    mine = (FeedSource.id == claimed.source_id) & (FeedSource.lease == claimed.lease)
    source = session.scalars(sa.select(FeedSource).where(mine).with_for_update()).first()
    if source is None:
        return None
    if isinstance(found, Failure):
        return _failed(session, source, found, began_at=claimed.began_at, now=now)
    job: FeedJob | None = None
    if found.status != 304 and found.sha256 != claimed.sha256:
        file.seek(0)
        received = feeds.Received(file, found.size, found.sha256)
        try:
            job = feeds.queue(
                session, SYSTEM, source.shop_id, received, is_complete=source.is_complete, now=now,
                source_id=source.id, charset=_charset(found),
            )  # fmt: skip
        except (feeds.ShopClosed, feeds.FeedsWaiting) as error:
            why = Failure(error.code, error.message(), error.next, found.status, found.size)
            return _failed(session, source, why, began_at=claimed.began_at, now=now)
        source.sha256, source.last_feed_id = found.sha256, job.id
    if found.status != 304:
        source.etag, source.last_modified = (_header(found, name) for name in ("etag", "last-modified"))
    source.failures = 0
    _release(session, source, now)
    return _write(
        session,
        source,
        began_at=claimed.began_at,
        finished_at=now,
        outcome="queued" if job else "unchanged",
        status=found.status,
        size=None if found.status == 304 else found.size,
        feed_id=job.id if job else None,
    )


def _charset(found: Stored) -> str | None:
    """Return what the server says the encoding is; of a packed file it says nothing about the feed inside."""
    named = httpx.Response(200, headers=dict(found.headers)).charset_encoding or ""
    return named if named.isascii() and named.isprintable() and 0 < len(named) <= MOST_CHARSET else None


def _header(found: Stored, name: str) -> str | None:
    """Return a header to be sent back as it came; one that can't be is as good as none."""
    value = found.headers.get(name, "")
    return value if value.isascii() and value.isprintable() and 0 < len(value) <= MOST_HEADER else None


def _release(session: Session, source: FeedSource, now: dt.datetime) -> None:
    source.lease = source.lease_until = None
    source.tries = 0
    country = shops.get(session, source.shop_id).country
    source.next_at = next_fetch(source.every, source.hour, country, now)


def _failed(
    session: Session, source: FeedSource, why: Failure, *, began_at: dt.datetime, now: dt.datetime
) -> FeedFetch:
    source.failures += 1
    _release(session, source, now)
    if why.code == feeds.ShopClosed.code:
        sources.stop(source, why.code, why.reason)
    elif source.failures >= MOST_FAILURES:
        sources.stop(
            source, "failed_often", f"{source.failures} fetches in a row failed. The last: {why.reason}"
        )
    elif source.every != "manual":
        # Sooner than the schedule says after the first failures, later after many.
        source.next_at = now + retry_after(source.failures)
    if source.failures == 1 or source.state == "paused":
        news.unfetched(session, source.shop_id, source.id, why.reason, why.fix, now)
    return _write(
        session,
        source,
        began_at=began_at,
        finished_at=now,
        outcome="failed",
        status=why.status,
        size=why.size,
        failure_code=why.code,
        failure_reason=why.reason,
        failure_fix=why.fix,
    )


def _write(session: Session, source: FeedSource, **facts: object) -> FeedFetch:
    row = FeedFetch(id=ids.new_id(), source_id=source.id, shop_id=source.shop_id, **facts)
    session.add(row)
    session.flush()
    return row
