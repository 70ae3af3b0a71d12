"""Storing: one batch of click lines into PostgreSQL, in one transaction.

What is new is stored by a plain INSERT, because asking for each click whether it is there costs as much again; only
when one was there already is each asked. Then exactly what was stored is counted, and the edge's mark moved.
"""

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import psycopg
import structlog

from marketplace.core import failpoints
from tracking.touches.tokens import instant

log = structlog.get_logger(__name__)

# Room for one batch, so that neither the staging table nor a sort of it goes to disk.
_ROOM = "SET LOCAL temp_buffers = '64MB'; SET LOCAL work_mem = '64MB'"
_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS click_staging (
  click_id uuid, ts_ms bigint, link_id uuid, verdict text, dedup text, visitor_id text, placement text,
  referrer_host text, agent_family text
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY click_staging FROM STDIN"
_STAGED = """
SELECT coalesce(min(ts_ms), 0), coalesce(max(ts_ms), 0), count(*) FROM click_staging WHERE click_id IS NOT NULL
"""
_INSERT = """
INSERT INTO click (click_id, ts, link_id, shop_id, adviser_id, kind, verdict, dedup, visitor_id, own, placement,
  referrer_host, agent_family, edge)
SELECT s.click_id, s.ts, s.link_id, l.shop_id, l.adviser_id, l.kind, s.verdict, s.dedup, s.visitor_id,
  o.dedup IS NOT NULL, s.placement, s.referrer_host, s.agent_family, %(edge)s
FROM (
  SELECT click_id, timestamptz 'epoch' + ts_ms * interval '1 ms' AS ts, link_id, verdict,
    decode(dedup, 'hex') AS dedup, decode(visitor_id, 'hex') AS visitor_id, placement, referrer_host, agent_family
  FROM click_staging WHERE click_id IS NOT NULL
) s
JOIN tracked_link l ON l.id = s.link_id
LEFT JOIN own_device o
  ON o.day = (s.ts AT TIME ZONE 'UTC')::date AND o.adviser_id = l.adviser_id AND o.dedup = s.dedup
"""
_TWICE_HERE = """
DELETE FROM click_staging s USING click_staging earlier
WHERE earlier.click_id = s.click_id AND earlier.ts_ms = s.ts_ms AND earlier.ctid < s.ctid
"""
_ONCE = f"{_INSERT}  ON CONFLICT DO NOTHING\n  RETURNING click_id, ts\n"
_INSERT_NEW = f"""
WITH fresh AS ({_ONCE}), known AS (
  DELETE FROM click_staging s WHERE click_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM fresh f WHERE f.click_id = s.click_id AND f.ts = timestamptz 'epoch' + s.ts_ms * interval '1 ms')
)
SELECT count(*) FROM fresh
"""  # noqa: S608 - both parts stand in this module.
_ORPHANS = """
DELETE FROM click_staging s WHERE click_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM tracked_link l WHERE l.id = s.link_id)
"""
# What lies in the staging table now are the clicks that were just stored, each once.
_COUNT = """
WITH first AS (
  INSERT INTO click_first (day, link_id, dedup)
  SELECT DISTINCT (timestamp 'epoch' + ts_ms * interval '1 ms')::date, link_id, decode(dedup, 'hex')
  FROM click_staging WHERE verdict = 'qualified' ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING
  RETURNING day, link_id, dedup
), uniques AS (
  SELECT link_id, day, count(*) AS clicks FROM first GROUP BY link_id, day
), owned AS (
  SELECT f.link_id, f.day, count(*) AS clicks
  FROM own_device o JOIN first f ON f.day = o.day AND f.dedup = o.dedup
  JOIN tracked_link l ON l.id = f.link_id AND l.adviser_id = o.adviser_id GROUP BY f.link_id, f.day
), verdicts AS (
  SELECT link_id, (timestamp 'epoch' + ts_ms * interval '1 ms')::date AS day, verdict, count(*) AS clicks
  FROM click_staging WHERE click_id IS NOT NULL GROUP BY 1, 2, 3
), counted AS (
  SELECT link_id, day, 'raw' AS name, sum(clicks)::bigint AS clicks FROM verdicts GROUP BY link_id, day
  UNION ALL
  SELECT link_id, day, verdict, clicks FROM verdicts WHERE verdict <> 'qualified'
  UNION ALL
  SELECT link_id, day, 'unique', clicks FROM uniques
  UNION ALL
  SELECT u.link_id, u.day, 'billable', u.clicks - coalesce(o.clicks, 0)
  FROM uniques u LEFT JOIN owned o ON o.link_id = u.link_id AND o.day = u.day
  WHERE u.clicks > coalesce(o.clicks, 0)
)
INSERT INTO click_tally (link_id, day, name, clicks)
SELECT link_id, day, name, clicks FROM counted ORDER BY link_id, day, name
ON CONFLICT (link_id, day, name) DO UPDATE SET clicks = click_tally.clicks + EXCLUDED.clicks
"""
# Ids begin with their millisecond, so the touches of a batch lie side by side however many there are.
_SCREEN = """
INSERT INTO touch_screening (touch_id, verdict, own, edge)
SELECT c.click_id, c.verdict, c.own, c.edge
FROM touch t JOIN click_staging s ON s.click_id = t.id
JOIN click c ON c.click_id = t.id AND c.ts = timestamptz 'epoch' + s.ts_ms * interval '1 ms'
WHERE t.id BETWEEN %(low)s AND %(high)s AND c.ts BETWEEN %(first)s AND %(last)s
ON CONFLICT DO NOTHING
"""
# The newest line's own millisecond may still see another click, so the promise ends just before it.
_MARK = """
INSERT INTO edge_mark (edge, mark, seen_at) VALUES (%(edge)s, %(mark)s, %(seen)s)
ON CONFLICT (edge) DO UPDATE SET mark = greatest(edge_mark.mark, EXCLUDED.mark), seen_at = EXCLUDED.seen_at
"""
_MILLISECOND = dt.timedelta(milliseconds=1)


class Turn:
    """When a batch of a slot may go on, while the one before it is under way on another connection.

    The server can't see who waits here for whom, so a batch takes locks only after the one before has all of them that
    it could be kept waiting for: it stores when that has stored, and counts when that is committed.
    """

    def __init__(self, earlier: "Turn | None" = None) -> None:
        self._earlier = earlier
        self._stored = threading.Event()
        self._committed: Future[None] = Future()

    def to_store(self) -> None:
        """Wait until the earlier batch has stored its clicks, or has failed."""
        if self._earlier is not None:
            self._earlier._stored.wait()

    def to_count(self) -> None:
        """Say that this batch is stored; wait until the earlier one is committed, and raise what it raised."""
        self._stored.set()
        if self._earlier is not None:
            self._earlier._committed.result()
            self._earlier = None

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Tell the next batch how this one ended."""
        try:
            yield
        except BaseException as error:
            self._committed.set_exception(error)
            raise
        else:
            self._committed.set_result(None)
        finally:
            self._stored.set()


def store(
    connection: psycopg.Connection[Any], batch: bytes, slot: str, seen_at: dt.datetime, turn: Turn
) -> int:
    """Store and count what is new of a batch of whole lines, move its edge's mark, commit; return how many were new.

    connection: as the worker's role, in autocommit; seen_at: wall time. Raises psycopg.Error, or what an earlier batch
    raised; then nothing of the batch is stored.
    """
    stored = 0
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_ROOM)
        cursor.execute(_STAGING)
        with cursor.copy(_COPY) as copy:
            copy.write(batch)
        turn.to_store()
        first_ms, last_ms, clicks = cursor.execute(_STAGED).fetchone() or (0, 0, 0)
        if clicks:
            days = [instant(first_ms).date(), instant(last_ms).date()]
            cursor.execute("SELECT ensure_click_days(%s, %s)", days)
            stored = _store_new(cursor, clicks, slot)
        turn.to_count()
        if stored:
            cursor.execute(_COUNT)
            ids = {"low": UUID(int=first_ms << 80), "high": UUID(int=(last_ms + 1 << 80) - 1)}
            cursor.execute(_SCREEN, ids | {"first": instant(first_ms), "last": instant(last_ms)})
        newest = batch[batch.rstrip(b"\n").rfind(b"\n") + 1 :]
        mark = instant(int(newest.split(b"\t")[1])) - _MILLISECOND
        cursor.execute(_MARK, {"edge": slot, "mark": mark, "seen": seen_at})
        failpoints.reach("touches.ship", "before_commit")
    failpoints.reach("touches.ship", "after_commit")
    return stored


def _store_new(cursor: psycopg.Cursor[Any], clicks: int, slot: str) -> int:
    """Store the staged clicks, of which there are `clicks`; leave in the staging table only those that were new."""
    edge = {"edge": slot}
    cursor.execute("SAVEPOINT all_new")
    try:
        stored = cursor.execute(_INSERT, edge).rowcount
        orphans = cursor.execute(_ORPHANS).rowcount if stored < clicks else 0
    except psycopg.errors.UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT all_new")
        cursor.execute(_TWICE_HERE)
        orphans = cursor.execute(_ORPHANS).rowcount
        inserted = cursor.execute(_INSERT_NEW, edge).fetchone()
        stored = 0 if inserted is None else int(inserted[0])
    if orphans:
        log.error("clicks_without_link", slot=slot, clicks=orphans)
    return stored
