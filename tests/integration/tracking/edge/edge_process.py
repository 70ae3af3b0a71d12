"""A real edge as its own process under granian, for tests that kill it, and a client that counts its answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketplace.core.config import Settings

ROOT = Path(__file__).resolve().parents[4]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class EdgeProcess:
    """An edge that is started, asked and killed."""

    settings: Settings
    log: Path
    changes: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until its health page answers."""
        keys = ",".join(f"{number}:{key.hex()}" for number, key in self.settings.token_keys)
        environment = {
            "PATH": os.environ["PATH"],
            "AANRADER_MODE": "test",
            "DATABASE_URL": self.settings.database_url,
            "AANRADER_SECRET_KEY": self.settings.secret_key,
            "AANRADER_TOKEN_KEYS": keys,
            "AANRADER_SEGMENTS_DIR": self.settings.segments_dir,
            "AANRADER_TRUSTED_PROXIES": "1",
            **self.changes,
        }
        argv = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--no-ws"]
        argv += ["--host", "127.0.0.1", "--port", str(self.port), "--blocking-threads", "1", "wsgi:edge"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.health()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(self.log.read_text()) from None
                time.sleep(0.05)

    def health(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_edge/health")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the server and its workers, as a crash or a stop would."""
        if self.process is not None:
            os.killpg(self.process.pid, number)
            self.process.wait(20)
            self.process = None

    def click_until_it_dies(self, path: str, answered: list[str], address: str) -> None:
        """Click as fast as one connection can; note the Location of each answer that came whole."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            while True:
                connection.request("GET", path, headers={"User-Agent": BROWSER, "X-Forwarded-For": address})
                response = connection.getresponse()
                response.read()
                answered.append(response.headers["Location"])
        except (OSError, http.client.HTTPException):
            connection.close()
