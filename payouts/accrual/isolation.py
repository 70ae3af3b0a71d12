"""Isolation: one commission that can't be posted stops nobody else's. It is found, set aside, and tried again later."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from marketplace.core import clock, config, db
from marketplace.core.errors import AppError
from payouts.accrual import queue, service

log = structlog.get_logger(__name__)

# So many in one go are no accident of single commissions: the sweep ends, says so, and goes on at its next time.
MOST_AT_ONCE: Final = 20

# A row counts the tries; two workers that fail on the same commission in the same moment count once.
_SET_ASIDE = sa.text(
    """
    INSERT INTO accrual_set_aside AS s (move_id, commission_id, code, retry_at)
    SELECT u.move_id, u.commission_id, :code, now() + interval '1 minute'
      FROM accrual_unposted u WHERE u.commission_id = :commission AND NOT u.awaits_shop ORDER BY u.seq LIMIT 1
    ON CONFLICT (move_id) DO UPDATE
       SET code = excluded.code, tries = s.tries + 1, last_at = now(),
           retry_at = now() + least(interval '1 hour', interval '1 minute' * 2 ^ least(s.tries, 10))
     WHERE s.retry_at <= now()
    RETURNING s.move_id, s.tries
    """
)
_TO_RETRY = sa.text(
    "SELECT commission_id FROM accrual_stuck GROUP BY commission_id HAVING bool_and(retry_at <= now())"
    " ORDER BY min(retry_at) LIMIT 100"
)
_RETRY_NOW = sa.text(
    "UPDATE accrual_set_aside s SET retry_at = now() FROM accrual_stuck q"
    " WHERE q.move_id = s.move_id AND s.commission_id = coalesce(CAST(:commission AS uuid), s.commission_id)"
    " RETURNING s.move_id"
)
_OPEN = sa.text(
    "SELECT move_id, commission_id, code, tries, first_at, last_at, retry_at FROM accrual_stuck"
    " ORDER BY first_at, move_id LIMIT 100"
)


class TooManySetAside(RuntimeError):
    """So many commissions could not be posted at once that the cause is hardly in each of them."""


def post_everything(*, since: UUID | None = None, batch: int = service.BATCH) -> int:
    """Post what is due until nothing is, and return how many things were done.

    A batch that fails is halved until the commissions that fail alone are found; these are set aside and the rest is
    posted. Without `since`, what was set aside and has waited long enough is tried again, each commission alone.
    Raises what passes by itself (a lost connection, a full disk), and TooManySetAside.
    """
    found: list[UUID] = []
    done = 0
    while step := _post_batch(found, batch, since):
        done += step
    if since is None:
        with db.session() as session:
            again = list(session.execute(_TO_RETRY).scalars())
        for commission_id in again:
            done += _post_alone(commission_id, found)
    return done


def retry_now(session: Session, commission_id: UUID | None = None) -> int:
    """Let what is set aside (all, or one commission) be tried at the next sweep, and return how many moves that is."""
    return len(session.execute(_RETRY_NOW, {"commission": commission_id}).all())


def open_ones(session: Session) -> list[dict[str, Any]]:
    """Return what is set aside, oldest first; at most a hundred moves."""
    return [dict(row) for row in session.execute(_OPEN).mappings()]


def code_of(error: Exception) -> str:
    """Return what went wrong as a name without values: an error code, or SQLSTATE and constraint, or a class."""
    if isinstance(error, AppError):
        return error.code
    if isinstance(error, sa.exc.DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or type(error.orig).__name__
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        return f"{state} {constraint}" if constraint else str(state)
    return type(error).__name__


def passes_by_itself(error: Exception) -> bool:
    """Tell whether an error says something of the moment and nothing of the commission."""
    return isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


def _post_batch(found: list[UUID], batch: int, since: UUID | None) -> int:
    claimed: list[UUID] = []

    def work(session: Session) -> int:
        claimed[:] = queue.claim(session, batch, since)
        return service.post_claimed(session, claimed, clock.now())

    try:
        return db.run_in_transaction(work, point="accrual.post")
    except Exception as error:
        if passes_by_itself(error) or not claimed:
            raise
        log.warning("accrual_batch_failed", commissions=len(claimed), code=code_of(error))
    before = len(found)
    # What was set aside is progress too: the queue is looked at again.
    return _post_parts(claimed, found) + len(found) - before


def _post_parts(commission_ids: Sequence[UUID], found: list[UUID]) -> int:
    if len(commission_ids) == 1:
        return _post_alone(commission_ids[0], found)
    middle = len(commission_ids) // 2
    done = 0
    for part in (commission_ids[:middle], commission_ids[middle:]):
        try:
            done += _post_part(part)
        except Exception as error:
            if passes_by_itself(error):
                raise
            done += _post_parts(part, found) if len(part) > 1 else _set_aside(part[0], error, found)
    return done


def _post_part(commission_ids: Sequence[UUID]) -> int:
    return db.run_in_transaction(lambda session: _post_these(session, commission_ids), point="accrual.halve")


def _post_these(session: Session, commission_ids: Sequence[UUID]) -> int:
    return service.post_claimed(session, queue.claim_these(session, commission_ids), clock.now())


def _post_alone(commission_id: UUID, found: list[UUID]) -> int:
    try:
        return db.run_in_transaction(
            lambda session: _post_these(session, [commission_id]), point="accrual.alone"
        )
    except Exception as error:
        if passes_by_itself(error):
            raise
        return _set_aside(commission_id, error, found)


def _set_aside(commission_id: UUID, error: Exception, found: list[UUID]) -> int:
    code = code_of(error)

    def work(session: Session) -> list[sa.Row[tuple[UUID, int]]]:
        # Another worker may have posted it, or set it aside, since we failed.
        if not queue.claim_these(session, [commission_id]):
            return []
        return list(session.execute(_SET_ASIDE, {"commission": commission_id, "code": code}).all())

    for row in db.run_in_transaction(work, point="accrual.set_aside"):
        log.error(
            "accrual_set_aside",
            commission_id=str(commission_id),
            move_id=str(row.move_id),
            code=code,
            tries=row.tries,
        )
    found.append(commission_id)
    if len(found) >= MOST_AT_ONCE:
        raise TooManySetAside(
            f"{len(found)} commissions in a row could not be posted, the last one: {code}"
        ) from error
    return 0


def command(argv: Sequence[str]) -> int:
    """Let what is set aside be tried at the next sweep: `retry-set-aside [COMMISSION]`. Works as the worker's role."""
    parser = argparse.ArgumentParser(
        prog="retry-set-aside", description="Try again what could not be posted."
    )
    parser.add_argument("commission", nargs="?", type=UUID)
    options = parser.parse_args(list(argv))
    settings = config.current()
    db.init(settings.database_url, clock_moves=settings.clock_moves)
    try:
        with db.transaction(point="accrual.retry_now") as session:
            print(retry_now(session, options.commission))
    finally:
        db.close()
    return 0
