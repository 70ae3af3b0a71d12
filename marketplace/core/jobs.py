"""Background work: RQ carries hints, the rows in PostgreSQL are the queue, and sweeps find what a hint missed.

A job is a named function whose arguments are ids; it opens its own transaction and is safe to run twice.
"""

from __future__ import annotations

import gc
import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
import structlog
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from marketplace.core import clock, config, heartbeat, waking

log = structlog.get_logger(__name__)
F = TypeVar("F", bound=Callable[..., Any])

QUEUE = "aanrader"
SWEPT = "aanrader:swept"
# How often a wake-up goes round at most, and from how many seconds on a sweep goes by time alone.
_MOST_ROUNDS, _SELDOM_SECONDS = 20, 600


@dataclass(slots=True)
class Sweep:
    """A function that finds and does what is due; `every` in seconds of wall time."""

    name: str
    every: float
    run: Callable[[], int]
    due_at: float = 0.0


registry: dict[str, Callable[..., Any]] = {}
sweeps: dict[str, Sweep] = {}
_connections: dict[str, redis.Redis] = {}
# What SimpleWorker adds to a job's time-out, and how long a begun job counts as running.
_OVERDUE_SECONDS, _BEGUN_SECONDS = 60, 20
# After a hint that Valkey did not take in time, none is given until then.
_SILENT_SECONDS = 5.0
_silent_until = [0.0]


def job(name: str) -> Callable[[F], F]:
    """Register a function as the job `name`."""

    def register(function: F) -> F:
        registry[name] = function
        return function

    return register


def sweep(name: str, *, every: float) -> Callable[[F], F]:
    """Register a function that is run every so many seconds; it returns how many things it did."""

    def register(function: F) -> F:
        sweeps[name] = Sweep(name, every, function)
        return function

    return register


def connection() -> redis.Redis:
    """Return this process' connection to Valkey, with short timeouts."""
    url = config.current().redis_url
    if url not in _connections:
        _connections[url] = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    return _connections[url]


def hurried() -> redis.Redis:
    """Return the connection for what a request may do without: somebody waits, so that it gives up within a second."""
    url = config.current().redis_url
    name = f"{url} in a hurry"
    if name not in _connections:
        _connections[name] = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    return _connections[name]


def queue(server: redis.Redis | None = None) -> Queue:
    """Return the queue; its jobs are JSON, because whoever writes pickles to Valkey would run code here."""
    return Queue(QUEUE, connection=server or connection(), serializer=JSONSerializer, job_class=OwnJob)


def enqueue(name: str, *arguments: str) -> None:
    """Hint that a job may be due now. A failure is logged, never raised: the sweep finds the row.

    A Valkey that hangs is left alone for some seconds, so that not every request waits for it.
    """
    if name not in registry:
        raise KeyError(f"no job is called {name}")
    if not config.current().redis_url or time.monotonic() < _silent_until[0]:
        return
    try:
        queue(hurried()).enqueue(
            perform, name, *[str(argument) for argument in arguments], result_ttl=0, failure_ttl=86400
        )
    except redis.RedisError as error:
        _silent_until[0] = time.monotonic() + _SILENT_SECONDS
        log.warning("nudge_failed", job=name, error=repr(error))


class JobFailed(Exception):
    """A job failed; says which and by what kind of error, and never a value: RQ keeps it in Valkey for a day."""


class UnknownJob(JobFailed):
    """The queue asked for something that no room registered."""


class OwnJob(Job):
    """A job as it may come out of Valkey: it calls `perform` and nothing else, and afterwards calls nobody.

    RQ imports whatever function a job, or a callback of it, names, and posts to webhooks that it lists. So whoever
    writes to Valkey would run code here, JSON or not.
    """

    def restore(self, raw_data: Any) -> Any:
        """Read a job from Valkey, without what it wants to be done besides."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []

    @property
    def func(self) -> Callable[..., Any]:
        """Return `perform`. Raises UnknownJob when the job names any other function."""
        if self.func_name != f"{perform.__module__}.{perform.__qualname__}" or self.instance is not None:
            raise UnknownJob("a job names a function that is not ours to run")
        return perform


def perform(name: str, *arguments: str) -> None:
    """Run a registered job; only names that rooms registered can be run from the queue.

    Raises UnknownJob, JobFailed. What went wrong stands in the log, whose tracebacks hold no rows.
    """
    function = registry.get(name)
    if function is None:
        raise UnknownJob("no room registered a job of that name")
    try:
        function(*arguments)
    except Exception as error:
        log.error("job_failed", job=name, error=repr(error), exc_info=True)
        failed = JobFailed(f"{name}: {type(error).__name__}")
    else:
        return
    # Raised outside the handler, so that the traceback in Valkey carries nothing of the first error.
    raise failed


def wake(patience: float = 0.0) -> bool:
    """Ask all background processes to look for work at once; tell whether the worker rested within `patience` seconds.

    Raises redis.RedisError when Valkey is away.
    """
    return waking.call(connection(), patience)


def run_sweeps(*, only_due: bool = False) -> int:
    """Run the sweeps (all, or those whose time has come) once and return how many things were done.

    A sweep that fails is logged and tried again at its next time; the others go on.
    """
    notes = dict[str, str]()
    done = sum(
        _run(one, notes)
        for _, one in sorted(sweeps.items())
        if not only_due or time.monotonic() >= one.due_at
    )
    _leave(notes)
    return done


def run_until_rest() -> int:
    """Run all sweeps in turn until each found nothing since any found something; return how many things were done.

    One thing done may make another due. What runs by the hour waits for time alone, so it runs once.
    """
    turn, notes, done, idle = [one for _, one in sorted(sweeps.items())], dict[str, str](), 0, 0
    for place in range(_MOST_ROUNDS * len(turn)):
        one = turn[place % len(turn)]
        count = _run(one, notes) if place < len(turn) or one.every < _SELDOM_SECONDS else 0
        done, idle = done + count, 0 if count else idle + 1
        if idle >= len(turn):
            break
    _leave(notes)
    return done


def _run(one: Sweep, notes: dict[str, str]) -> int:
    """Run one sweep, note how it ended, and return how many things it did."""
    one.due_at = time.monotonic() + one.every
    count, failed = 0, ""
    try:
        count = one.run()
    except Exception as error:
        log.error("sweep_failed", sweep=one.name, error=repr(error), exc_info=True)
        # The kind of error only: what it says may hold values, and an admin reads this.
        failed = type(error).__name__
    notes[one.name] = json.dumps({"at": clock.wall().isoformat(), "done": count, "error": failed})
    return count


def _leave(notes: dict[str, str]) -> None:
    """Leave word of when each sweep ran and how it ended, for the page about background work; without Valkey none."""
    if not notes or not config.current().redis_url or time.monotonic() < _silent_until[0]:
        return
    try:
        hurried().hset(SWEPT, mapping=notes)  # type: ignore[arg-type]
    except redis.RedisError as error:
        _silent_until[0] = time.monotonic() + _SILENT_SECONDS
        log.warning("sweeps_not_noted", error=repr(error))


def _sweep_forever(name: str, woken: threading.Event, stopping: threading.Event) -> None:
    while not stopping.is_set():
        all_at_once = woken.is_set()
        woken.clear()
        try:
            number = waking.calls(connection()) if all_at_once else 0
            heartbeat.beat(name)
            if all_at_once:
                run_until_rest()
                waking.rest(connection(), number)
            else:
                run_sweeps(only_due=True)
        except Exception as error:  # noqa: BLE001 - the worker outlives a database that is away.
            log.error("sweeps_interrupted", error=repr(error))
            stopping.wait(1.0)
        woken.wait(0.5)


def spare_collector() -> None:
    """Keep the garbage collector from looking through what was loaded at start, which never becomes garbage.

    Batches make tens of thousands of objects that live until their end; looking for cycles among them took a third of
    the time that Python used for a batch of accruals.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def work(name: str = "worker") -> int:
    """Run the worker until SIGTERM: RQ jobs in this thread, sweeps in another. Returns the exit code."""
    spare_collector()
    woken, stopping = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=_sweep_forever, args=(name, woken, stopping), name="sweeps", daemon=True),
        threading.Thread(target=waking.listen, args=(connection, woken, stopping), name="wake", daemon=True),
    ]
    for thread in threads:
        thread.start()

    class Worker(SimpleWorker):
        """RQ's worker in one process; ends at once on a signal, because every job is safe to run again."""

        def _install_signal_handlers(self) -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._leave)

        def _leave(self, _number: int, _frame: Any) -> None:
            stopping.set()
            woken.set()
            raise SystemExit(0)

    while not stopping.is_set():
        try:
            Worker([QUEUE], connection=connection(), serializer=JSONSerializer, job_class=OwnJob).work(
                logging_level="WARNING"
            )
        except redis.RedisError as error:
            log.warning("queue_lost", error=repr(error))
            stopping.wait(1.0)
    return 0


def waiting() -> int:
    """Return how many jobs wait or were begun just now; without a queue none. Raises redis.RedisError without Valkey.

    A killed worker leaves its job as begun for minutes. A job is a hint, so what is due then are the rows it was about.
    """
    if not config.current().redis_url:
        return 0
    line = queue()
    # RQ files a begun job under the instant at which it is overdue.
    just_begun = clock.wall().timestamp() + line.DEFAULT_TIMEOUT + _OVERDUE_SECONDS - _BEGUN_SECONDS
    started = connection().zcount(line.started_job_registry.key, just_begun, "+inf")
    return int(line.count) + int(started)
