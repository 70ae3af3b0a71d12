"""Shipping: the lines of one slot into PostgreSQL, in batches that may be repeated any number of times.

A batch is one transaction: COPY into a temporary table, insert what is new, count exactly what was inserted, move the
edge's mark. Only then is the position file moved. A crash between the two ships the batch again, and ON CONFLICT DO
NOTHING makes that a repeat of nothing: no click is lost, none is counted twice.
"""

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog

from marketplace.core import failpoints
from tracking.touches import segments
from tracking.touches.segments import Position
from tracking.touches.tokens import instant

log = structlog.get_logger(__name__)

BATCH_BYTES = 2 << 20
# Positions that a full disk did not take, by the folder of their slot.
_unwritten: dict[Path, Position] = {}

_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS click_staging (
  click_id uuid, ts_ms bigint, link_id uuid, verdict text, dedup text, visitor_id text, placement text,
  referrer_host text, agent_family text
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY click_staging FROM STDIN"
_DAYS = """
SELECT min(ts_ms), max(ts_ms), (SELECT count(*) FROM click_staging s WHERE s.click_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM tracked_link l WHERE l.id = s.link_id))
FROM click_staging WHERE click_id IS NOT NULL
"""
_INSERT = """
WITH fresh AS (
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
  ON CONFLICT DO NOTHING
  RETURNING click_id, link_id, (ts AT TIME ZONE 'UTC')::date AS day, adviser_id, verdict, dedup, own
), first AS (
  INSERT INTO click_first (day, link_id, dedup)
  SELECT DISTINCT day, link_id, dedup FROM fresh WHERE verdict = 'qualified' ORDER BY day, link_id, dedup
  ON CONFLICT DO NOTHING
  RETURNING day, link_id, dedup
), counted AS (
  SELECT link_id, day, 'raw' AS name, count(*) AS clicks FROM fresh GROUP BY link_id, day
  UNION ALL
  SELECT link_id, day, verdict, count(*) FROM fresh WHERE verdict <> 'qualified' GROUP BY link_id, day, verdict
  UNION ALL
  SELECT link_id, day, 'unique', count(*) FROM first GROUP BY link_id, day
  UNION ALL
  SELECT link_id, day, 'billable', count(*) FROM first
  WHERE NOT EXISTS (SELECT FROM fresh f WHERE f.own AND f.link_id = first.link_id AND f.dedup = first.dedup
    AND f.day = first.day)
  GROUP BY link_id, day
), tallied AS (
  INSERT INTO click_tally (link_id, day, name, clicks)
  SELECT link_id, day, name, clicks FROM counted ORDER BY link_id, day, name
  ON CONFLICT (link_id, day, name) DO UPDATE SET clicks = click_tally.clicks + EXCLUDED.clicks
), screened AS (
  INSERT INTO touch_screening (touch_id, verdict, own, edge)
  SELECT f.click_id, f.verdict, f.own, %(edge)s FROM fresh f JOIN touch t ON t.id = f.click_id
  ON CONFLICT DO NOTHING
)
SELECT count(*) FROM fresh
"""
# The newest line's own millisecond may still see another click, so the promise ends just before it.
_MARK = """
INSERT INTO edge_mark (edge, mark, seen_at) VALUES (%(edge)s, %(mark)s, %(seen)s)
ON CONFLICT (edge) DO UPDATE SET mark = greatest(edge_mark.mark, EXCLUDED.mark), seen_at = EXCLUDED.seen_at
"""
_MILLISECOND = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one round brought: `clicks` newly stored, `bytes` read, `rejected` lines set aside."""

    clicks: int = 0
    bytes: int = 0
    rejected: int = 0

    def __add__(self, other: "Shipment") -> "Shipment":
        return Shipment(self.clicks + other.clicks, self.bytes + other.bytes, self.rejected + other.rejected)


@contextlib.contextmanager
def slot_claimed(folder: Path) -> Iterator[bool]:
    """Give True while no other shipper works on this slot; two would only do the same work twice."""
    fd = os.open(folder / "shipper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def ship_slot(
    connection: psycopg.Connection[Any], segments_dir: Path, slot: str, seen_at: dt.datetime
) -> Shipment:
    """Ship all whole lines of a slot and remove the segments that are done with.

    connection: as the worker's role, in autocommit; seen_at: wall time. Raises psycopg.Error; then nothing of the
    present batch is stored, and the next call begins with it again.
    """
    folder = segments_dir / slot
    total = Shipment()
    with slot_claimed(folder) as is_ours:
        if not is_ours:
            return total
        position = _read_position(folder)
        numbers = segments.segment_numbers(folder)
        for number in numbers:
            if number < position.segment:
                # Shipped before a crash that came between the position and the removal.
                segments.segment_path(folder, number).unlink(missing_ok=True)
                continue
            if number > position.segment:
                position = Position(number, 0)
            is_closed = number != numbers[-1]
            position, shipped = _ship_segment(connection, folder, position, is_closed, slot, seen_at)
            total += shipped
    return total


def _ship_segment(
    connection: psycopg.Connection[Any],
    folder: Path,
    position: Position,
    is_closed: bool,
    slot: str,
    seen_at: dt.datetime,
) -> tuple[Position, Shipment]:
    path, total = segments.segment_path(folder, position.segment), Shipment()
    with path.open("rb") as file:
        file.seek(position.offset)
        while chunk := file.read(BATCH_BYTES):
            end = chunk.rfind(b"\n") + 1
            if end == 0:
                if is_closed:
                    # The last line of a closed segment without its end: the machine died in the middle of it.
                    _set_aside(folder, [chunk])
                    total += Shipment(0, len(chunk), 1)
                break
            total += _ship_batch(connection, folder, chunk[:end], slot, seen_at)
            position = Position(position.segment, position.offset + end)
            failpoints.reach("touches.position", "before_write")
            _keep_position(folder, position)
            failpoints.reach("touches.position", "after_write")
            file.seek(position.offset)
    if is_closed:
        position = Position(position.segment + 1, 0)
        failpoints.reach("touches.segment", "before_write")
        _keep_position(folder, position)
        failpoints.reach("touches.segment", "after_write")
        path.unlink(missing_ok=True)
    return position, total


def _read_position(folder: Path) -> Position:
    written = segments.read_position(folder)
    known = _unwritten.get(folder, written)
    return max(written, known, key=lambda one: (one.segment, one.offset))


def _keep_position(folder: Path, position: Position) -> None:
    """Remember how far we came: on disk, or in this process while the disk is full.

    Shipping must go on then, because removing what was shipped is what makes room; a restart ships it once more.
    """
    try:
        segments.write_position(folder, position)
    except OSError as error:
        log.error("shipper_position_unwritten", slot=folder.name, error=repr(error))
        _unwritten[folder] = position
    else:
        _unwritten.pop(folder, None)


def _ship_batch(
    connection: psycopg.Connection[Any], folder: Path, batch: bytes, slot: str, seen_at: dt.datetime
) -> Shipment:
    try:
        return Shipment(_store(connection, batch, slot, seen_at), len(batch))
    except psycopg.DataError as error:
        # An edge writes no line that COPY refuses, so a disk did; the good lines must not wait for a bad one.
        lines = batch.splitlines(keepends=True)
        good = [line for line in lines if segments.is_line(line[:-1])]
        bad = [line for line in lines if not segments.is_line(line[:-1])]
        if not bad:
            raise
        log.error("click_lines_rejected", slot=slot, lines=len(bad), error=repr(error))
        stored = _store(connection, b"".join(good), slot, seen_at) if good else 0
        _set_aside(folder, bad)
        return Shipment(stored, len(batch), len(bad))


def _set_aside(folder: Path, lines: list[bytes]) -> None:
    failpoints.reach("touches.set_aside", "before_write")
    with (folder / "rejected.tsv").open("ab") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    failpoints.reach("touches.set_aside", "after_write")


def _store(connection: psycopg.Connection[Any], batch: bytes, slot: str, seen_at: dt.datetime) -> int:
    stored = 0
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_STAGING)
        with cursor.copy(_COPY) as copy:
            copy.write(batch)
        found = cursor.execute(_DAYS).fetchone()
        if found is not None and found[0] is not None:
            first, last, orphans = instant(found[0]), instant(found[1]), found[2]
            cursor.execute("SELECT ensure_click_days(%s, %s)", [first.date(), last.date()])
            inserted = cursor.execute(_INSERT, {"edge": slot}).fetchone()
            stored = 0 if inserted is None else int(inserted[0])
            if orphans:
                log.error("clicks_without_link", slot=slot, clicks=orphans)
        mark = instant(int(batch[batch.rstrip(b"\n").rfind(b"\n") + 1 :].split(b"\t")[1])) - _MILLISECOND
        cursor.execute(_MARK, {"edge": slot, "mark": mark, "seen": seen_at})
        failpoints.reach("touches.ship", "before_commit")
    failpoints.reach("touches.ship", "after_commit")
    return stored
