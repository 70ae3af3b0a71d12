"""The product behind the real server, started with the line that `./dev demo` uses, and spoken to in bytes."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path

from marketplace.devtools import services
from marketplace.devtools.ports import any_free

ROOT = Path(__file__).resolve().parents[1]
HEAD = b"Host: 127.0.0.1\r\n"


class Served:
    """A granian with one worker, spoken to in bytes."""

    def __init__(
        self, database_url: str, redis_url: str, folder: Path, *, threads: int = 64, **more: str
    ) -> None:
        [self.port] = any_free(1)
        environment = {
            "PATH": os.environ["PATH"],
            "AANRADER_MODE": "test",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "AANRADER_SECRET_KEY": secrets.token_hex(32),
            "AANRADER_TOKEN_KEYS": f"1:{secrets.token_hex(32)}",
            "AANRADER_BASE_URL": f"http://127.0.0.1:{self.port}",
            "AANRADER_EDGE_URL": f"http://127.0.0.1:{self.port}",
            "AANRADER_SEGMENTS_DIR": str(folder / "segments"),
            **services.MEMORY,
            **more,
        }
        self._log = (folder / "served.log").open("wb")
        argv = services.granian("wsgi:app", self.port, threads=threads)
        self.process = subprocess.Popen(
            argv, env=environment, cwd=ROOT, stdout=self._log, stderr=self._log, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.ask("GET", "/api/openapi.json")[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.close()
                raise AssertionError((folder / "served.log").read_text())
            time.sleep(0.1)

    def close(self) -> None:
        """End the server and its worker."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self._log.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, from_: str = "127.0.0.1"
    ) -> tuple[int, bytes]:
        """Send an honest request on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(from_, 0))
        try:
            client.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def connect(self, from_: str = "127.0.0.1") -> socket.socket:
        """Open a connection from an address of loopback."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(from_, 0))

    def converse(self, *pieces: bytes, end: bool = False) -> bytes:
        """Send bytes as far as they are taken, and return all that comes back until the server closes or is silent."""
        with self.connect() as sock:
            try:
                for piece in pieces:
                    sock.sendall(piece)
                if end:
                    sock.shutdown(socket.SHUT_WR)
            except OSError:
                # The server had seen enough; what it said is still there to be read.
                pass
            return received(sock)

    def memory(self) -> int:
        """Return the resident megabytes of the server's processes, the most that each ever had."""
        pids = [self.process.pid, *_children(self.process.pid)]
        return sum(_peak(pid) for pid in pids) // 1024


def received(sock: socket.socket, patience: float = 2.0) -> bytes:
    """Return what comes until the end, or until nothing comes for a while."""
    sock.settimeout(patience)
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except OSError:
        # Silence or a reset: there is no more.
        return found
    return found


def status(answer: bytes) -> int:
    """Return the status of the first answer, 0 when there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.") else 0


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no peak")
