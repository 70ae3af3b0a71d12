"""Connections to PostgreSQL that don't wait for ever: a server that hangs is told from one that is slow.

libpq has no time-out for an answer: a stopped server keeps its sockets open, and the kernel takes what is sent to it.
So whoever waits long asks over a new connection whether the server still answers anybody. A slow statement may go on;
a server that answers nobody is away, and the connection is given up.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg import errors

T = TypeVar("T")

# psycopg takes no less than 2.
PROBE_SECONDS = 2
CONNECT_SECONDS = 3
# For TCP: a peer that vanished is noticed by the kernel, in an idle connection and in one that sends.
TCP: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_REST_SECONDS = 0.5
# A connection on which the server answered so recently is not asked whether it still does.
_FRESH_SECONDS = 1.0


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up after `patience` seconds when the server answers nobody, after `limit` in any case.

    Raises psycopg.OperationalError then, and is closed. The outcome of what was asked is not known.
    """

    patience = 2.0
    limit = 60.0
    given_up: Callable[[], None] = staticmethod(lambda: None)
    _answered_at = 0.0

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **named: Any) -> T:
        """Wait for an answer of the server, as long as it lives and the limit has not passed."""
        if named.get("timeout") is not None or len(arguments) > 1:
            return super().wait(gen, *arguments, **named)
        began = time.monotonic()
        named["timeout"] = min(self.patience, self.limit)
        kept = _resumable(gen)
        while True:
            try:
                answer = super().wait(kept, *arguments, **named)
            except errors._WaitTimeout:
                if time.monotonic() - began >= self.limit or not self._server_lives():
                    self.pgconn.finish()
                    self.given_up()
                    waited = time.monotonic() - began
                    raise psycopg.OperationalError(f"no answer from PostgreSQL in {waited:.1f} s") from None
            else:
                self._answered_at = time.monotonic()
                return answer

    def is_fresh(self) -> bool:
        """Tell whether the server answered a moment ago and has not hung up since; asks nobody.

        An idle connection is silent, so whatever can be read on it is its end.
        """
        if time.monotonic() - self._answered_at > _FRESH_SECONDS:
            return False
        heard = select.poll()
        heard.register(self.fileno(), select.POLLIN)
        return not heard.poll(0)

    def _server_lives(self) -> bool:
        """Say whether the server answers a new connection; being full is an answer too."""
        asked: dict[str, Any] = {**self.info.get_parameters(), "password": self.info.password}
        asked["connect_timeout"] = PROBE_SECONDS
        try:
            with psycopg.connect(**asked):
                return True
        except psycopg.OperationalError as error:
            return error.sqlstate is not None and not error.sqlstate.startswith(("57", "08"))


def _resumable(gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """Let a wait that was given up be taken up again: whoever starts over is told what is still waited for.

    A new wait begins with `next`, and psycopg's own generators, once begun, take a number there and fail on None.
    """
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready is not None:
                wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result


def pinging(ping: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a ping that asks the server only on a connection that was not used a moment ago.

    A request takes several connections from the pool, and a round trip before each was a tenth of its time. A server
    that hangs is noticed by the statement that comes instead, as soon as by a ping.
    """
    return lambda connection: connection.is_fresh() or ping(connection)


def bounded(*, limit: float, patience: float = BoundedConnection.patience) -> type[BoundedConnection]:
    """Return a class of connections with these bounds, in seconds."""
    return type("BoundedConnection", (BoundedConnection,), {"patience": patience, "limit": limit})


class Door:
    """Opens connections, and remembers for a moment that a server did not answer, so that few wait for it.

    While it is away one caller at a time tries; the others are refused at once with psycopg.OperationalError.
    """

    def __init__(self, kind: type[BoundedConnection]) -> None:
        """Open connections of this class."""
        self._kind = kind
        self._closed_until = 0.0
        self._is_away = False
        kind.given_up = staticmethod(self._shut)

    def _shut(self) -> None:
        self._is_away, self._closed_until = True, time.monotonic() + _REST_SECONDS

    def connect(self, *arguments: Any, **named: Any) -> BoundedConnection:
        """Return a new connection."""
        moment = time.monotonic()
        if self._is_away:
            if moment < self._closed_until:
                raise psycopg.OperationalError("PostgreSQL did not answer a moment ago")
            self._closed_until = moment + CONNECT_SECONDS + _REST_SECONDS
        try:
            made = self._kind.connect(*arguments, **named)
        except psycopg.OperationalError as error:
            if self._is_away or isinstance(error, errors.ConnectionTimeout):
                self._shut()
            raise
        self._is_away = False
        return made
