"""Servers on one core, wrk on the other, and what the server's processes used of their core."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


def missing() -> str | None:
    """Return why this machine can't run the bench, or None."""
    for program in ("wrk", "nginx", "taskset"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if len(os.sched_getaffinity(0)) < 2:
        return "server and load need a core each"
    return None


def cores() -> tuple[int, int]:
    """Return the cores of the server and of the load."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    return first, second


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Load:
    """One run: requests answered, seconds, latencies in us, and server CPU in us per request."""

    requests: int
    seconds: float
    p50: float
    p99: float
    cpu_us: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class Server:
    """A server under test; its whole process group counts."""

    def __init__(self, argv: Sequence[str], port: int, environment: Mapping[str, str], folder: Path) -> None:
        self.port = port
        self._log = folder / "log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(cores()[0]), *argv],
                env=dict(environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.stop()
                    raise RuntimeError(self._log.read_text(errors="replace")) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End the server."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def cpu_us(self) -> int:
        """Return the CPU time, user and system, that the group's processes used so far."""
        used = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == self._process.pid:
                used += (int(fields[11]) + int(fields[12])) * _TICK_US
        return used

    def load(self, script: Path, *, seconds: int, connections: int) -> Load:
        """Load the server from one thread of wrk on the other core.

        Raises RuntimeError when an answer is anything but the redirect that the script looks for.
        """
        before = self.cpu_us()
        argv = [
            "taskset",
            "-c",
            str(cores()[1]),
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
        ]
        done = subprocess.run(
            [*argv, "-s", str(script), f"http://127.0.0.1:{self.port}"],
            capture_output=True,
            text=True,
            check=True,
        )
        used = self.cpu_us() - before
        requests, duration, p50, p99, bad = map(
            float, re.findall(r"^aan (.*)$", done.stdout, re.M)[0].split()
        )
        if bad:
            raise RuntimeError(f"{bad:.0f} of {requests:.0f} answers were no redirect: {done.stdout}")
        return Load(int(requests), duration / 1e6, p50, p99, used / max(requests, 1))
