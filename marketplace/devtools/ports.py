"""Ports on the loopback address."""

import socket

from marketplace.devtools.errors import DevtoolsError

HOST = "127.0.0.1"
_TRIES = 200


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a connection that is still closing doesn't count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def next_free(wanted: int, taken: set[int]) -> int:
    """Return `wanted` or the next free port above it that is not in `taken` either.

    Raises DevtoolsError when none of the next 200 is free.
    """
    for port in range(wanted, min(wanted + _TRIES, 65536)):
        if port not in taken and is_free(port):
            return port
    raise DevtoolsError(f"no free port from {wanted} to {wanted + _TRIES}")


def exactly(port: int) -> int:
    """Return `port`. Raises DevtoolsError when it is no port number or somebody listens there."""
    if not 1 <= port <= 65535:
        raise DevtoolsError(f"{port} is not a port number (1 to 65535)")
    if not is_free(port):
        raise DevtoolsError(
            f"port {port} is taken (or not for us); stop what listens there, or choose another"
        )
    return port


def any_free(count: int) -> list[int]:
    """Return `count` different free ports that the kernel chooses, for throw-away servers."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def choose(wanted: dict[str, int], *, fixed: dict[str, int] | None = None) -> dict[str, int]:
    """Return a free port per name: the one in `fixed` or an error, else the wanted one or the next free.

    Raises DevtoolsError when a fixed port is taken.
    """
    chosen = {name: exactly(port) for name, port in (fixed or {}).items()}
    for name, port in wanted.items():
        if name not in chosen:
            chosen[name] = next_free(port, set(chosen.values()))
    return chosen
