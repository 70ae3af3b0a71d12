"""The shipper: a process that moves click lines from this machine's segments into PostgreSQL."""

import contextlib
import functools
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from marketplace.core import clock, config, db, heartbeat, jobs, patience, waking
from tracking.touches import segments, ship

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.25
BEAT_SECONDS = 1.0
STATEMENT_SECONDS = 120.0


def connect(database_url: str) -> psycopg.Connection[Any]:
    """Open a connection as the worker's role for COPY. Raises psycopg.OperationalError."""
    return patience.bounded(limit=STATEMENT_SECONDS).connect(
        database_url.replace("postgresql+psycopg://", "postgresql://", 1),
        autocommit=True,
        connect_timeout=patience.CONNECT_SECONDS,
        application_name="aanrader-shipper",
        **patience.TCP,
    )


def ship_all(
    connection: psycopg.Connection[Any],
    segments_dir: Path,
    second: Callable[[], psycopg.Connection[Any]] | None = None,
) -> ship.Shipment:
    """Ship what every slot on this machine holds now. Raises psycopg.Error; nothing is lost then.

    second: gives another connection, asked when a slot is far behind.
    """
    total = ship.Shipment()
    for slot in segments.slots(segments_dir):
        for attempt in range(1, 6):
            try:
                total += ship.ship_slot(connection, segments_dir, slot, clock.wall(), second)
                break
            except psycopg.OperationalError as error:
                # Shippers of two machines may add to the same counts in the same moment.
                if error.sqlstate not in db.RETRIED_STATES or attempt == 5:
                    raise
                time.sleep(0.01 * 2**attempt)
    return total


def run(arguments: Sequence[str]) -> int:
    """Ship until SIGTERM, or once with `--once`. Returns the exit code: 2 when there is no folder to ship from."""
    settings = config.current()
    if not settings.segments_dir:
        log.error("shipper_without_segments", mend="set AANRADER_SEGMENTS_DIR")
        return 2
    db.init(settings.database_url, pool_size=2, clock_moves=settings.clock_moves)
    if "--once" in arguments:
        with contextlib.closing(connect(settings.database_url)) as connection:
            ship_all(connection, Path(settings.segments_dir))
        return 0
    woken, stopping = threading.Event(), threading.Event()

    def leave(_number: int, _frame: object) -> None:
        stopping.set()
        woken.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    if settings.redis_url:
        threading.Thread(
            target=waking.listen, args=(jobs.connection, woken, stopping), name="wake", daemon=True
        ).start()
    _ship_forever(settings, woken, stopping)
    return 0


def _ship_forever(settings: config.Settings, woken: threading.Event, stopping: threading.Event) -> None:
    pause = POLL_SECONDS
    while not stopping.is_set():
        try:
            with contextlib.ExitStack() as opened:
                connection = opened.enter_context(contextlib.closing(connect(settings.database_url)))
                pause = POLL_SECONDS
                _ship_while_connected(
                    connection, Path(settings.segments_dir), _second(settings, opened), woken, stopping
                )
        except (psycopg.Error, sa.exc.DBAPIError) as error:
            log.warning("shipper_database_away", error=repr(error))
            stopping.wait(pause)
            pause = min(pause * 2, 5.0)
        except OSError as error:
            log.error("shipper_segments_unreadable", error=repr(error))
            stopping.wait(1.0)


def _second(settings: config.Settings, opened: contextlib.ExitStack) -> Callable[[], psycopg.Connection[Any]]:
    """Return what opens another connection when it is first asked, to be closed with the others."""
    return functools.cache(lambda: opened.enter_context(contextlib.closing(connect(settings.database_url))))


def _ship_while_connected(
    connection: psycopg.Connection[Any],
    segments_dir: Path,
    second: Callable[[], psycopg.Connection[Any]],
    woken: threading.Event,
    stopping: threading.Event,
) -> None:
    beat_at = 0.0
    while not stopping.is_set():
        is_woken = woken.is_set()
        woken.clear()
        shipped = ship_all(connection, segments_dir, second)
        if shipped.rejected:
            log.error("click_lines_set_aside", lines=shipped.rejected)
        if is_woken or time.monotonic() >= beat_at:
            heartbeat.beat("shipper")
            beat_at = time.monotonic() + BEAT_SECONDS
        woken.wait(POLL_SECONDS)
