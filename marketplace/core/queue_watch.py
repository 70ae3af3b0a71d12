"""What background work says of itself, for an admin: sweeps and when they ran, jobs that failed, promises checked.

All of it lies in Valkey and may be gone after a restart: it says how things are, and nothing depends on it.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from marketplace.core import clock, db, hooks, jobs
from marketplace.core.errors import Gone, Unavailable

log = structlog.get_logger(__name__)
CHECK = "promises.check"
CHECKED, ASKED = "aanrader:promises", "aanrader:promises:asked"
KEPT_SECONDS, ASKED_SECONDS = 7 * 86_400, 600
# A process that says nothing for so long is not at work.
SILENT_AFTER = dt.timedelta(minutes=1)
MOST_FAILED = 25


class JobGone(Gone):
    """A failed job was retried by somebody else, or its day is over."""

    code = "job_gone"
    detail = "This job is not among the failed ones any more."
    next = "Look at the list anew; sweeps find what is due without it."


@dataclass(frozen=True, slots=True)
class Swept:
    """One sweep: every how many seconds it runs, when it last did, how much it did, and the error if it failed."""

    name: str
    every: float
    at: dt.datetime | None = None
    done: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed: its id, its name with the ids that it was about, when, and by what kind of error."""

    id: str
    name: str
    about: tuple[str, ...]
    at: dt.datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the last check of all promises found; each line: name, unit, figure, rows, ok."""

    at: dt.datetime
    lines: tuple[dict[str, Any], ...]

    @property
    def broken(self) -> list[dict[str, Any]]:
        """Return the promises that did not hold."""
        return [line for line in self.lines if not line["ok"]]


def sweeps() -> list[Swept]:
    """Return every sweep with the word that the worker left of it. Raises redis.RedisError without Valkey."""
    said: dict[bytes, bytes] = jobs.connection().hgetall(jobs.SWEPT)  # type: ignore[assignment]
    return [
        _swept(one, json.loads(said.get(one.name.encode(), b"{}")))
        for one in sorted(jobs.sweeps.values(), key=lambda item: item.name)
    ]


def _swept(one: jobs.Sweep, note: dict[str, Any]) -> Swept:
    if not note:
        return Swept(one.name, one.every)
    at = dt.datetime.fromisoformat(note["at"])
    return Swept(one.name, one.every, at, int(note["done"]), str(note["error"]))


def failed() -> list[FailedJob]:
    """Return the jobs that failed within a day, the latest first. Raises redis.RedisError without Valkey."""
    line = jobs.queue()
    wanted = line.failed_job_registry.get_job_ids(0, MOST_FAILED - 1, desc=True)
    found = jobs.OwnJob.fetch_many(wanted, connection=line.connection, serializer=line.serializer)
    return [_failed(one) for one in found if one is not None]


def _failed(one: Any) -> FailedJob:
    given = [str(argument) for argument in one.args] or ["?"]
    last = one.latest_result()
    told = ((last.exc_string if last is not None else None) or "").strip().splitlines()
    return FailedJob(one.id, given[0], tuple(given[1:]), one.ended_at, told[-1][-200:] if told else "")


def how_many_failed() -> int:
    """Return how many jobs failed within a day. Raises redis.RedisError without Valkey."""
    return int(jobs.queue().failed_job_registry.count)


def retry(job_id: str) -> str:
    """Put a failed job back into the queue and return its name; every job is safe to run again.

    Raises JobGone when it is not among the failed ones, Unavailable without Valkey.
    """
    line = jobs.queue()
    try:
        return _failed(line.failed_job_registry.requeue(job_id)).name
    except (InvalidJobOperation, NoSuchJobError) as error:
        raise JobGone() from error
    except redis.RedisError as error:
        raise Unavailable(retry_after=2) from error


def ask_check() -> None:
    """Ask the worker to check every promise on live data. Raises Unavailable without Valkey."""
    try:
        if jobs.connection().set(ASKED, clock.wall().isoformat(), ex=ASKED_SECONDS, nx=True):
            jobs.enqueue(CHECK)
    except redis.RedisError as error:
        raise Unavailable(retry_after=2) from error


def asked_at() -> dt.datetime | None:
    """Return since when a check runs or waits, or None. Raises redis.RedisError without Valkey."""
    text: Any = jobs.connection().get(ASKED)
    return dt.datetime.fromisoformat(text.decode()) if text else None


def checked() -> Checked | None:
    """Return what the last check found, or None. Raises redis.RedisError without Valkey."""
    text: Any = jobs.connection().get(CHECKED)
    if not text:
        return None
    said = json.loads(text)
    return Checked(dt.datetime.fromisoformat(said["at"]), tuple(said["lines"]))


def check() -> None:
    """Check every promise as the worker, each in a snapshot of its own, and leave word of what was found."""
    lines = []
    for one in sorted(hooks.invariants.values(), key=lambda item: item.name):
        with db.session() as session:
            try:
                found = one.check(session)
            except Exception as error:
                # A promise that can't be checked is not kept; the rest go on.
                log.error("promise_not_checked", promise=one.name, error=repr(error), exc_info=True)
                found = hooks.Finding(figure=-1, rows_seen=0, ok=False)
        facts = {"name": one.name, "unit": one.unit, "figure": found.figure}
        lines.append(facts | {"rows": found.rows_seen, "ok": found.holds})
    said = json.dumps({"at": clock.wall().isoformat(), "lines": lines})
    jobs.connection().set(CHECKED, said, ex=KEPT_SECONDS)
    jobs.connection().delete(ASKED)


def register() -> None:
    """Register the job that checks promises. Safe to call twice."""
    jobs.job(CHECK)(check)
