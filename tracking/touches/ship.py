"""Shipping: the lines of one slot into PostgreSQL, in batches that may be repeated any number of times.

A batch is one transaction, see `storing`: it stores what is new, counts exactly that, and moves the edge's mark. Only
then is the position file moved. A crash between the two ships the batch again, and nothing of it is new then: no click
is lost, none is counted twice. A shipper that is behind stores one batch while the one before is counted.
"""

import contextlib
import datetime as dt
import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
import structlog

from marketplace.core import failpoints
from tracking.touches import segments, storing
from tracking.touches.segments import Position
from tracking.touches.storing import Turn

log = structlog.get_logger(__name__)

# Some 27,000 clicks. Larger ones add less often to the same counts, but two of them are less often under way at once.
BATCH_BYTES = 4 << 20
# Positions that a full disk did not take, by the folder of their slot.
_unwritten: dict[Path, Position] = {}


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
    connection: psycopg.Connection[Any],
    segments_dir: Path,
    slot: str,
    seen_at: dt.datetime,
    second: Callable[[], psycopg.Connection[Any]] | None = None,
) -> Shipment:
    """Ship all whole lines of a slot and remove the segments that are done with.

    connection: as the worker's role, in autocommit; seen_at: wall time; second: gives another such connection, asked
    when more than one batch waits. Raises psycopg.Error; then nothing of the present batch is stored, and the next call
    begins with it again.
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
            waiting = segments.segment_path(folder, number).stat().st_size - position.offset
            lanes = [connection, second()] if second and waiting > BATCH_BYTES else [connection]
            is_closed = number != numbers[-1]
            position, shipped = _ship_segment(lanes, folder, position, is_closed, slot, seen_at)
            total += shipped
    return total


def _ship_segment(
    lanes: Sequence[psycopg.Connection[Any]],
    folder: Path,
    position: Position,
    is_closed: bool,
    slot: str,
    seen_at: dt.datetime,
) -> tuple[Position, Shipment]:
    path, total = segments.segment_path(folder, position.segment), Shipment()
    # What comes meanwhile is the next round's: one that went after it would not end while visitors keep coming.
    end = path.stat().st_size
    with path.open("rb") as file:
        for shipped in _in_order(lanes, _batches(file, position.offset, end), folder, slot, seen_at):
            total += shipped
            position = Position(position.segment, position.offset + shipped.bytes)
            failpoints.reach("touches.position", "before_write")
            _keep_position(folder, position)
            failpoints.reach("touches.position", "after_write")
        file.seek(position.offset)
        if is_closed and (rest := file.read()):
            # The last line of a closed segment without its end: the machine died in the middle of it.
            _set_aside(folder, [rest])
            total += Shipment(0, len(rest), 1)
    if is_closed:
        position = Position(position.segment + 1, 0)
        failpoints.reach("touches.segment", "before_write")
        _keep_position(folder, position)
        failpoints.reach("touches.segment", "after_write")
        path.unlink(missing_ok=True)
    return position, total


def _batches(file: BinaryIO, offset: int, end: int) -> Iterator[bytes]:
    """Cut what is in a segment from `offset` up to `end` into batches of whole lines."""
    while True:
        file.seek(offset)
        chunk = file.read(max(0, min(BATCH_BYTES, end - offset)))
        whole = chunk[: chunk.rfind(b"\n") + 1]
        if not whole:
            return
        yield whole
        offset += len(whole)


def _in_order(
    lanes: Sequence[psycopg.Connection[Any]],
    batches: Iterator[bytes],
    folder: Path,
    slot: str,
    seen_at: dt.datetime,
) -> Iterator[Shipment]:
    """Ship the batches over one connection, or over two in turn, and give what each brought in their order."""
    if len(lanes) == 1:
        for batch in batches:
            yield _ship_batch(lanes[0], folder, batch, slot, seen_at, Turn())
        return
    underway: deque[Future[Shipment]] = deque()
    turn: Turn | None = None
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="ship") as pool:
        for number, batch in enumerate(batches):
            turn = Turn(turn)
            lane = lanes[number % len(lanes)]
            underway.append(pool.submit(_ship_batch, lane, folder, batch, slot, seen_at, turn))
            if len(underway) == len(lanes):
                yield underway.popleft().result()
        while underway:
            yield underway.popleft().result()


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
    connection: psycopg.Connection[Any],
    folder: Path,
    batch: bytes,
    slot: str,
    seen_at: dt.datetime,
    turn: Turn,
) -> Shipment:
    with turn.taken():
        try:
            return Shipment(storing.store(connection, batch, slot, seen_at, turn), len(batch))
        except psycopg.DataError as error:
            # An edge writes no line that COPY refuses, so a disk did; the good lines must not wait for a bad one.
            lines = batch.splitlines(keepends=True)
            good = [line for line in lines if segments.is_line(line[:-1])]
            bad = [line for line in lines if not segments.is_line(line[:-1])]
            if not bad:
                raise
            log.error("click_lines_rejected", slot=slot, lines=len(bad), error=repr(error))
            stored = storing.store(connection, b"".join(good), slot, seen_at, turn) if good else 0
            # Nothing may be set aside that a later start would set aside again, so the batch before comes first.
            turn.to_count()
            _set_aside(folder, bad)
            return Shipment(stored, len(batch), len(bad))


def _set_aside(folder: Path, lines: list[bytes]) -> None:
    failpoints.reach("touches.set_aside", "before_write")
    with (folder / "rejected.tsv").open("ab") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    failpoints.reach("touches.set_aside", "after_write")
