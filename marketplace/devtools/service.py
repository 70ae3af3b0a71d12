"""What the supervisor needs to know of one service, and ways to ask a server whether it is ready."""

import http.client
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.devtools.account import RunAs
from marketplace.devtools.ports import HOST


def _always() -> bool:
    return True


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Service:
    """A program that runs until it is stopped.

    `env` is all that it gets: nothing of ours leaks into a child. `prepare` runs before each start. `ready` tells
    whether it answers; without one a living process counts as ready.
    """

    name: str
    argv: list[str]
    env: Mapping[str, str]
    cwd: Path
    ready: Callable[[], bool] = _always
    prepare: Callable[[], None] = _nothing
    port: int | None = None
    run_as: RunAs = field(default_factory=RunAs)
    stop_signal: signal.Signals = signal.SIGTERM
    # Ten times what a quiet machine takes: one that does much else is no reason to give up.
    ready_seconds: float = 90.0
    stop_seconds: float = 15.0


def answers_http(port: int, path: str = "/") -> Callable[[], bool]:
    """Return a probe: does the server answer GET `path` with anything below 500?"""

    def probe() -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def listens(port: int) -> Callable[[], bool]:
    """Return a probe: does somebody accept connections on the port?"""

    def probe() -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=2):
                return True
        except OSError:
            return False

    return probe
