"""Feeds as a shop sees them: send one, follow it, read its report."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.catalogue.feeds.models import FeedChunk, FeedJob, FeedRow
from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge

MOST_BYTES = 100 * 1000 * 1000
PIECE = 1000 * 1000
MOST_WAITING = 20


class FeedsWaiting(Conflict):
    """A shop sent many feeds that were not read yet."""

    code = "feeds_waiting"
    title = "Earlier feeds are still being read"
    detail = "{waiting} feeds of this shop wait to be read."
    next = "Wait until one is done; only the newest feed counts in the end."


class ShopClosed(Conflict):
    """A closed shop's catalogue doesn't change."""

    code = "shop_closed"
    title = "The shop is closed"
    detail = "Shop {shop_id} is closed."
    next = "Use a shop that is open."


class Readable(Protocol):
    """Anything that gives bytes piece by piece."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Received:
    """A feed's bytes in a file of ours, with their number and SHA-256."""

    file: BinaryIO
    size: int
    sha256: bytes


def receive(stream: Readable, file: BinaryIO) -> Received:
    """Copy a feed into `file`, piece by piece; at most one piece is in memory, and no transaction waits for
    it.

    Raises PayloadTooLarge beyond MOST_BYTES and InvalidInput when nothing comes.
    """
    size, sha256 = 0, hashlib.sha256()
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > MOST_BYTES:
            raise PayloadTooLarge(limit=MOST_BYTES)
        sha256.update(piece)
        file.write(piece)
    if size == 0:
        raise InvalidInput({"_body": ["The body is empty: send the feed itself as the body."]})
    file.seek(0)
    return Received(file, size, sha256.digest())


def queue(
    session: Session,
    actor: Actor,
    shop_id: uuid.UUID,
    received: Received,
    *,
    is_complete: bool,
    now: dt.datetime,
    source_id: uuid.UUID | None = None,
    charset: str | None = None,
) -> FeedJob:
    """Store a feed and line it up to be read.

    is_complete: the feed is the whole catalogue, so that products it lacks are retired; source_id: where it was
    fetched, when nobody sent it; charset: what the sender says the encoding is.
    Raises ShopClosed, and FeedsWaiting when MOST_WAITING feeds of this shop wait.
    """
    if shops.get(session, shop_id).state == "closed":
        raise ShopClosed(shop_id=shop_id)
    # Feeds of a shop are lined up one after the other: so they are counted rightly, and an id that is lower is never
    # seen later, with which two of them would be read at once and the older one applied last.
    turn = {"key": f"feed:{shop_id}"}
    session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), turn)
    open_feeds = sa.select(sa.func.count()).where(
        FeedJob.shop_id == shop_id, FeedJob.state.in_(("queued", "running"))
    )
    if (waiting := session.scalars(open_feeds).one()) >= MOST_WAITING:
        raise FeedsWaiting(waiting=waiting)
    job = FeedJob(
        id=ids.new_id(),
        shop_id=shop_id,
        is_complete=is_complete,
        size=received.size,
        sha256=received.sha256,
        charset=charset,
        queued_by=actor.user_id,
        source_id=source_id,
        queued_at=now,
    )
    session.add(job)
    session.flush()
    for number, piece in enumerate(iter(lambda: received.file.read(PIECE), b"")):
        session.execute(sa.insert(FeedChunk), {"job_id": job.id, "number": number, "content": piece})
    facts = {"bytes": received.size, "sha256": received.sha256.hex(), "complete": is_complete}
    audit.record(session, actor, "feed.upload", "feed", job.id, facts, now=now, shop_id=shop_id)
    return job


def visible(actor: Actor) -> sa.Select[FeedJob]:
    """Select the feeds of the actor's shops; all of them for the platform."""
    query = sa.select(FeedJob)
    return query if actor.is_platform else query.where(tenancy.shops(actor, "feeds.seen", FeedJob.shop_id))


def get(session: Session, actor: Actor, job_id: uuid.UUID) -> FeedJob:
    """Return a feed that the actor may see. Raises NotFound."""
    job = session.scalars(visible(actor).where(FeedJob.id == job_id)).first()
    if job is None:
        raise NotFound("feed", job_id)
    return job


def listed(
    session: Session,
    actor: Actor,
    *,
    shop_id: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
    limit: int = 50,
) -> list[FeedJob]:
    """Return up to limit + 1 feeds, newest first, older than the feed `before`."""
    query = visible(actor).order_by(FeedJob.id.desc()).limit(limit + 1)
    if shop_id is not None:
        query = query.where(FeedJob.shop_id == shop_id)
    if before is not None:
        query = query.where(FeedJob.id < before)
    return list(session.scalars(query))


def report(
    session: Session,
    job: FeedJob,
    *,
    outcomes: Iterable[str] = (),
    after: int = 0,
    limit: int = 50,
) -> list[FeedRow]:
    """Return up to limit + 1 rows of a feed's report in the order of the feed, after row number `after`."""
    query = sa.select(FeedRow).where(FeedRow.job_id == job.id, FeedRow.row_number > after)
    if wanted := list(outcomes):
        query = query.where(FeedRow.outcome.in_(wanted))
    return list(session.scalars(query.order_by(FeedRow.row_number).limit(limit + 1)))
