"""Wake-up calls: all background processes look for work at once, and the worker tells when it found nothing any more.

Calls are numbered in Valkey. Production has no use for them: hints and the clock are enough there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog

log = structlog.get_logger(__name__)

CHANNEL = "aanrader:wake"
CALLED, RESTED = "aanrader:woken", "aanrader:rested"
_LOOK_SECONDS = 0.01


def call(server: redis.Redis, patience: float = 0.0) -> bool:
    """Ask all background processes to look for work, and wait until the worker rests, at most `patience` seconds.

    Returns whether it did. Raises redis.RedisError when Valkey is away.
    """
    number: Any = server.incr(CALLED)
    server.publish(CHANNEL, "now")
    deadline = time.monotonic() + patience
    while (has_rested := _number(server, RESTED) >= int(number)) is False and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return has_rested


def calls(server: redis.Redis) -> int:
    """Return the number of the last call; 0 without Valkey, which then has forgotten them anyway."""
    try:
        return _number(server, CALLED)
    except redis.RedisError:
        return 0


def rest(server: redis.Redis, number: int) -> None:
    """Tell that nothing was left to do after a call."""
    try:
        server.set(RESTED, number)
    except redis.RedisError as error:
        log.warning("rest_not_told", error=repr(error))


def _number(server: redis.Redis, key: str) -> int:
    text: Any = server.get(key)
    return int(text or 0)


def listen(connect: Callable[[], redis.Redis], woken: threading.Event, stopping: threading.Event) -> None:
    """Set `woken` at each call until `stopping`; go on by itself when Valkey was away."""
    while not stopping.is_set():
        try:
            with connect().pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                channel.subscribe(CHANNEL)
                woken.set()
                while not stopping.is_set():
                    if channel.get_message(timeout=1.0) is not None:
                        woken.set()
        except (redis.RedisError, OSError, ValueError) as error:
            log.warning("wake_channel_lost", error=repr(error))
            stopping.wait(1.0)
