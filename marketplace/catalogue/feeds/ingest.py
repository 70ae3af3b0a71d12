"""Read a queued feed into the catalogue: claim it, stage its good rows, then apply all of them at once.

Staging runs in short transactions, so that progress can be read meanwhile; products change in the one
transaction at the end, so that a feed that turns out to be broken changes nothing. Each step says which
attempt it belongs to: a worker that was given up on finds that the feed is no longer its own and stops.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from marketplace.accounts import shops
from marketplace.catalogue.feeds import news, staging
from marketplace.catalogue.feeds.models import FeedChunk, FeedJob, FeedRow, FeedStaged
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import ReadRow
from marketplace.core.errors import Conflict

STALLED_AFTER = dt.timedelta(minutes=2)
MOST_ATTEMPTS = 3
REPORTS_KEPT = 10
SLICE = 10_000
OPEN = ("queued", "running")


class FeedOvertaken(Conflict):
    """Another worker took the feed over; what this one still holds of it is dropped."""

    code = "feed_overtaken"
    title = "Another worker reads this feed"
    detail = "Attempt {attempt} at feed {job_id} is no longer the present one."


def due(session: Session, wall: dt.datetime) -> list[uuid.UUID]:
    """Return the feeds that may be claimed now, oldest first: queued or stalled, the first of their shop."""
    return list(session.scalars(_due(wall).with_only_columns(FeedJob.id)))


def _due(wall: dt.datetime) -> sa.Select[FeedJob]:
    earlier = aliased(FeedJob)
    stalled = (FeedJob.state == "running") & (FeedJob.heartbeat_at < wall - STALLED_AFTER)
    blocked = sa.select(earlier.id).where(
        earlier.shop_id == FeedJob.shop_id, earlier.id < FeedJob.id, earlier.state.in_(OPEN)
    )
    # The list of states looks redundant; it lets PostgreSQL use the index of open feeds.
    is_due = FeedJob.state.in_(OPEN) & ((FeedJob.state == "queued") | stalled) & ~blocked.exists()
    return sa.select(FeedJob).where(is_due).order_by(FeedJob.id)


def claim(session: Session, job_id: uuid.UUID, *, now: dt.datetime, wall: dt.datetime) -> FeedJob | None:
    """Take a due feed for this worker, or return None when it isn't due or somebody else has it.

    What an attempt before left behind is removed; after MOST_ATTEMPTS the feed fails instead.
    """
    query = _due(wall).where(FeedJob.id == job_id).with_for_update(of=FeedJob, skip_locked=True)
    job = session.scalars(query).first()
    if job is None:
        return None
    _forget(session, job.id, report=True)
    job.attempt += 1
    job.bytes_read = job.rows_read = job.refused = 0
    if job.attempt > MOST_ATTEMPTS:
        reason = f"Reading was interrupted {MOST_ATTEMPTS} times."
        _fail(session, job, FeedUnreadable("interrupted", reason, "Send the feed again."), now)
        return None
    job.state, job.started_at, job.heartbeat_at = "running", now, wall
    return job


def piece(session: Session, job: FeedJob, number: int) -> bytes | None:
    """Return a piece of the feed's bytes, or None after the last."""
    query = sa.select(FeedChunk.content).where(FeedChunk.job_id == job.id, FeedChunk.number == number)
    return session.scalars(query).first()


def surroundings(session: Session, job: FeedJob) -> tuple[str, frozenset[str]]:
    """Return what rows are read against: the shop's currency and its verified hosts."""
    return shops.get(session, job.shop_id).currency, shops.verified_hosts(session, job.shop_id)


def stage(
    session: Session, job: FeedJob, rows: Sequence[ReadRow], *, bytes_read: int, wall: dt.datetime
) -> None:
    """Put rows aside, write refusals into the report, and tell how far reading is.

    Raises FeedOvertaken when another worker has taken over.
    """
    refused = [row for row in rows if row.facts is None]
    _hold(
        session,
        job,
        bytes_read=bytes_read,
        rows_read=FeedJob.rows_read + len(rows),
        refused=FeedJob.refused + len(refused),
        heartbeat_at=wall,
    )
    if refused:
        session.execute(
            sa.insert(FeedRow),
            [
                {
                    "job_id": job.id,
                    "row_number": row.number,
                    "shop_id": job.shop_id,
                    "sku": row.sku,
                    "outcome": "refused",
                    "notes": [note.as_dict() for note in row.notes],
                }
                for row in refused
            ],
        )
    staging.write(session, job.id, rows)


def _hold(session: Session, job: FeedJob, **values: object) -> None:
    mine = (FeedJob.id == job.id) & (FeedJob.attempt == job.attempt) & (FeedJob.state == "running")
    held = session.execute(sa.update(FeedJob).where(mine).values(**values).returning(FeedJob.id)).first()
    if held is None:
        raise FeedOvertaken(job_id=job.id, attempt=job.attempt)


_REPORT = """
INSERT INTO feed_row (job_id, row_number, shop_id, sku, outcome, notes)
SELECT s.job_id, s.row_number, :shop_id, s.sku,
       CASE WHEN p.id IS NULL THEN 'added'
            WHEN p.content_hash = s.content_hash AND p.retired_at IS NULL AND p.source = 'feed' THEN 'unchanged'
            ELSE 'changed' END,
       s.notes
  FROM feed_staged s LEFT JOIN product p ON p.shop_id = :shop_id AND p.sku = s.sku
 WHERE s.job_id = :job_id AND s.row_number BETWEEN :first AND :last
"""
_FACTS = (
    "title", "description", "link", "page_digest", "image_link", "brand", "gtin", "price_minor", "currency",
    "sale_price_minor", "availability", "category", "google_category", "product_type", "warnings",
    "content_hash", "folded",
)  # fmt: skip
# A product that was given by hand or read from a page becomes the feed's. That an unchanged one was seen again is only
# written down every six hours: a feed that comes each hour would write the whole catalogue each hour.
_SAME = (
    "product.content_hash = excluded.content_hash AND product.retired_at IS NULL AND product.source = 'feed'"
)
_UPSERT = f"""
INSERT INTO product (id, shop_id, sku, {", ".join(_FACTS)}, feed_job_id, updated_at, seen_at)
SELECT product_id, :shop_id, sku, {", ".join(_FACTS)}, job_id, :now, :now FROM feed_staged
 WHERE job_id = :job_id AND row_number BETWEEN :first AND :last AND row_number IN (
   SELECT r.row_number FROM feed_row r WHERE r.job_id = :job_id AND r.row_number BETWEEN :first AND :last
      AND r.outcome IN ('added', 'changed'))
ON CONFLICT (shop_id, sku) DO UPDATE
   SET {", ".join(f"{name} = excluded.{name}" for name in _FACTS)},
       feed_job_id = CASE WHEN {_SAME} THEN product.feed_job_id ELSE excluded.feed_job_id END,
       updated_at = CASE WHEN {_SAME} THEN product.updated_at ELSE excluded.updated_at END,
       seen_at = excluded.seen_at, source = 'feed', retired_at = NULL
 WHERE NOT ({_SAME}) OR product.seen_at IS NULL OR product.seen_at < excluded.seen_at - interval '6 hours'
"""  # noqa: S608 - made of our own column names only.
# Rows that change nothing are kept away from the table above: their words for search would be worked out, and dropped.
_SEEN = """
UPDATE product p SET seen_at = :now FROM feed_row r
 WHERE r.job_id = :job_id AND r.row_number BETWEEN :first AND :last AND r.outcome = 'unchanged'
   AND p.shop_id = :shop_id AND p.sku = r.sku AND (p.seen_at IS NULL OR p.seen_at < :now - interval '6 hours')
"""
# A product whose row was refused did not vanish from the feed: it stays as it was.
_RETIRE = """
UPDATE product p SET retired_at = :now, updated_at = :now
 WHERE p.shop_id = :shop_id AND p.retired_at IS NULL AND p.source = 'feed'
   AND NOT EXISTS (SELECT FROM feed_row r WHERE r.job_id = :job_id AND r.sku = p.sku)
RETURNING p.id
"""
_COUNTS = "SELECT outcome, count(*) AS number FROM feed_row WHERE job_id = :job_id GROUP BY outcome"
_OLD_REPORTS = """
DELETE FROM feed_row WHERE job_id IN
  (SELECT id FROM feed_job WHERE shop_id = :shop_id AND id < :job_id ORDER BY id DESC OFFSET :kept)
"""


def apply(
    session: Session, job: FeedJob, *, now: dt.datetime, read_as: Mapping[str, object] | None = None
) -> None:
    """Make the catalogue as the staged rows say, write the report, and finish the feed; all or nothing.

    Rows that say what is known already change nothing. When the feed is the whole catalogue, products that
    it lacks are retired, unless none of its rows was good. Reports of feeds before the last REPORTS_KEPT are
    removed. A new price goes into its product's history by a trigger. Raises FeedOvertaken when another worker has
    taken over, or when rows that were staged are no longer there, which a crash of the server leaves behind.
    """
    _hold(session, job, heartbeat_at=FeedJob.heartbeat_at)
    ours = {"job_id": job.id, "shop_id": job.shop_id, "now": now, "kept": REPORTS_KEPT - 1}
    read = session.scalars(sa.select(FeedJob.rows_read).where(FeedJob.id == job.id)).one()
    _by_the_set(session, True)
    for some in _slices(read):
        session.execute(sa.text(_REPORT), ours | some)
        session.execute(sa.text(_UPSERT), ours | some)
        session.execute(sa.text(_SEEN), ours | some)
    counts = {row.outcome: int(row.number) for row in session.execute(sa.text(_COUNTS), ours)}
    good = sum(count for outcome, count in counts.items() if outcome != "refused")
    retired = len(session.execute(sa.text(_RETIRE), ours).all()) if job.is_complete and good else 0
    _by_the_set(session, False)
    names = ("added", "changed", "unchanged", "refused")
    if sum(counts.values()) != read:
        raise FeedOvertaken(job_id=job.id, attempt=job.attempt)
    _hold(
        session,
        job,
        state="done",
        read_as=read_as,
        finished_at=now,
        rows_total=FeedJob.rows_read,
        retired=retired,
        **{name: counts.get(name, 0) for name in names},
    )
    session.execute(sa.text(_OLD_REPORTS), ours)
    _forget(session, job.id, chunks=True)
    news.refused_rows(session, job, rows=read, refused=counts.get("refused", 0), now=now)


def _slices(rows: int) -> Iterator[dict[str, int]]:
    """Yield the rows of a feed in parts that one statement does in the time that a statement may take."""
    for first in range(1, rows + 1, SLICE):
        yield {"first": first, "last": first + SLICE - 1}


def _by_the_set(session: Session, is_so: bool) -> None:
    """Forbid or allow nested loops in this transaction.

    What statistics say of these tables is as old as the last time somebody looked: a table that was empty then, or a
    feed that just came, is planned as if it had no rows, and comparing each row with each takes hours.
    """
    session.execute(sa.text(f"SET LOCAL enable_nestloop = {'off' if is_so else 'on'}"))


def refuse(
    session: Session,
    job: FeedJob,
    why: FeedUnreadable,
    *,
    now: dt.datetime,
    read_as: Mapping[str, object] | None = None,
) -> None:
    """Let a feed that can't be read fail with the reason; nothing of it is applied.

    Its report keeps the rows before the break, with what would have become of them. Raises FeedOvertaken when another
    worker has taken over.
    """
    _hold(session, job, heartbeat_at=FeedJob.heartbeat_at, read_as=read_as)
    ours = {"job_id": job.id, "shop_id": job.shop_id, "kept": REPORTS_KEPT - 1}
    failed = session.get_one(FeedJob, job.id)
    _by_the_set(session, True)
    for some in _slices(failed.rows_read):
        session.execute(sa.text(_REPORT), ours | some)
    _by_the_set(session, False)
    session.execute(sa.text(_OLD_REPORTS), ours)
    _fail(session, failed, why, now)


def _fail(session: Session, job: FeedJob, why: FeedUnreadable, now: dt.datetime) -> None:
    job.state, job.finished_at = "failed", now
    job.failure_code, job.failure_reason, job.failure_fix = why.code, why.reason, why.fix
    job.failure_line, job.failure_column = why.line, why.column
    session.flush()
    _forget(session, job.id, chunks=True)
    news.unreadable(session, job, why.reason, why.fix, now)


def _forget(session: Session, job_id: uuid.UUID, *, report: bool = False, chunks: bool = False) -> None:
    session.execute(sa.delete(FeedStaged).where(FeedStaged.job_id == job_id))
    if report:
        session.execute(sa.delete(FeedRow).where(FeedRow.job_id == job_id))
    if chunks:
        session.execute(sa.delete(FeedChunk).where(FeedChunk.job_id == job_id))


def open_count(session: Session) -> int:
    """Return how many feeds wait or are being read."""
    query = sa.select(sa.func.count()).select_from(FeedJob).where(FeedJob.state.in_(OPEN))
    return session.scalars(query).one()
