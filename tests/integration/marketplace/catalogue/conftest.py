"""A stranger's web site on loopback, under names of the outside, that serves as well or as badly as a test wants."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from marketplace.core import config

HOSTS = ("shop.example", "feeds.example", "elsewhere.example")


class Stranger:
    """Answers each path with what was laid there; notes who asked for what, with which headers and when."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.actions: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[tuple[str, str, dict[str, str], float]] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host = (self.headers.get("Host") or "").split(":")[0]
                headers = {name.lower(): value for name, value in self.headers.items()}
                stranger.asked.append((host, self.path, headers, time.monotonic()))
                if self.path in stranger.actions:
                    stranger.actions[self.path](self)
                    return
                status, headers, body = stranger.pages.get(self.path, (404, {}, b"nothing here"))
                etag = headers.get("ETag")
                if etag and self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever was asked by us may be left by us."""

        self.server = Server(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def lay(self, path: str, body: bytes | str, status: int = 200, **headers: str) -> None:
        """Serve a body under a path; headers with _ for -."""
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = (
            status,
            {name.replace("_", "-"): value for name, value in headers.items()},
            content,
        )

    def act(self, path: str, action: Callable[[BaseHTTPRequestHandler], None]) -> None:
        """Let a function answer under a path."""
        self.actions[path] = action

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


@pytest.fixture
def stranger(settings: config.Settings) -> Iterator[Stranger]:
    """The stranger, reachable as each of HOSTS."""
    made = Stranger()
    threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    config.use(dataclasses.replace(config.current(), fetch_hosts=dict.fromkeys(HOSTS, made.address)))
    yield made
    made.server.shutdown()
    made.server.server_close()


def drop(handler: BaseHTTPRequestHandler) -> None:
    """End a connection in the middle, as a crash does."""
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
