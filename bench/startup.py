"""How long a start takes: the embedded servers from nothing and again, and a web and an edge process beside them.

`./dev bench startup [--rounds N]`. Cold is initdb and both servers' first start; warm is both on the data that is
there. Durable servers (fsync on). Web and edge: from the command to the first answer, on a migrated database.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench._load import free_port
from bench._server import Books, books, report
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.services import granian
from marketplace.devtools.throwaway import throwaway_folder
from marketplace.devtools.valkey import Valkey


def seconds(work: Callable[[], object]) -> float:
    """Return how long something took."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def servers() -> tuple[float, float]:
    """Return the seconds of a cold and of a warm start of both servers."""
    with throwaway_folder() as base:
        made = [Postgres(base / "postgres", base, durable=True), Valkey(base / "valkey", base, durable=True)]
        taken = []
        for _ in range(2):
            taken.append(seconds(lambda: [one.start() for one in made]))
            for one in made:
                one.stop()
    return taken[0], taken[1]


def process(made: Books, application: str, path: str, role: str, folder: Path) -> float:
    """Return the seconds until a server process answers its first request."""
    port = free_port()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "AANRADER_MODE": "test",
        "DATABASE_URL": made.url(role),
        "AANRADER_SECRET_KEY": secrets.token_hex(32),
        "AANRADER_TOKEN_KEYS": f"1:{secrets.token_hex(32)}",
        "AANRADER_SEGMENTS_DIR": str(folder),
    }
    start = time.monotonic()
    running = subprocess.Popen(granian(application, port, threads=4), env=environment)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
                return time.monotonic() - start
            except urllib.error.HTTPError:
                raise
            except OSError:
                if running.poll() is not None or time.monotonic() - start > 60:
                    raise RuntimeError(f"{application} does not start") from None
                time.sleep(0.01)
    finally:
        running.terminate()
        running.wait()


def main() -> int:
    """Run the bench; 1 when a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    taken = [servers() for _ in range(options.rounds)]
    cold, warm = (statistics.median(times) for times in zip(*taken, strict=True))
    unit = "s until PostgreSQL and Valkey answer"
    reached = [
        report("startup", "startup_cold", cold, unit, 2.0, cold / 2.0, 1.0, better="lower"),
        report("startup", "startup_warm", warm, unit, 0.5, warm / 0.5, 1.0, better="lower"),
    ]
    with books() as made, throwaway_folder() as folder:
        for name, application, path, role in (
            ("web", "wsgi:app", "/health", "aanrader_app"),
            ("edge", "wsgi:edge", "/_edge/health", "aanrader_edge"),
        ):
            times = [process(made, application, path, role, folder) for _ in range(options.rounds)]
            value = statistics.median(times)
            report(
                "startup",
                f"startup_{name}",
                value,
                "s until the first answer",
                cold,
                value / cold,
                99.0,
                better="lower",
            )
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
