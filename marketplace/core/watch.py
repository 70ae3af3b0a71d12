"""A watch that ends a fetch: reading from strangers knows no deadline of its own, only silences."""

from __future__ import annotations

import socket
import threading
from typing import Any


class Watch:
    """Ends a fetch that takes too long: it shuts the socket, which wakes whoever reads from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.ended = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Notice the socket of each connection that is made, as httpcore reports it."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        raw = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._socket = raw
            if self.ended:
                self._shut()

    def end(self) -> None:
        """Shut what is open now, and whatever would be opened after."""
        with self._lock:
            self.ended = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is None:
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other side was faster; there is nothing left to shut.
            self._socket = None
