"""What each page costs on the demo's world: bytes, requests, statements and milliseconds.

`./dev bench pages [WORD]`: the running demo's world, or one of its own, behind the real server with one more process
that counts statements. `bytes`: what a browser with an empty cache is sent for the whole page, packed as it comes,
without photos; `requests`: how many that takes; `queries`: SQL statements for the page itself; `p95_ms`: of 50 asks
over loopback on one connection, packed, warm: psycopg prepares a statement at its sixth run and PostgreSQL keeps its
plan after five more, so twelve asks go before. WORD: only pages with that in their name. Tables: bench/_pages_table.py.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Error, Response, sync_playwright

from bench._server import report, skipped
from marketplace.accounts import loader
from marketplace.devtools import browser, services
from marketplace.devtools.demo_world import another_web, demo_or_own
from marketplace.devtools.ports import any_free
from marketplace.devtools.throwaway import throwaway_folder
from tests.browser import guests
from tests.browser.pages import PAGES, Page
from tests.browser.visits import Ground, NothingThere

ROOT = Path(__file__).resolve().parents[1]
ASKS, WARM = 50, 12
LIMITS = {"bytes": 150_000, "requests": 8, "queries": 12, "p95_ms": 50}
UNITS = {"bytes": "bytes sent", "requests": "requests", "queries": "SQL statements", "p95_ms": "ms p95"}
_PHOTOS = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif")


def say(text: str) -> None:
    """Tell what goes on beside the figures."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def served(environment: dict[str, str], port: int) -> Iterator[None]:
    """Serve the counting application on a world that runs already."""
    argv = services.granian("bench._pages_app:app", port, threads=8)
    with throwaway_folder() as folder, (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(argv, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "web.log")
            yield
        finally:
            process.terminate()
            process.wait(15)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/health")
            client.getresponse().read()
            return
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)
        finally:
            client.close()


def sent(answer: Response) -> int:
    """Return how many bytes an answer took on the line, headers and packed body; 0 for a photo."""
    kind = (answer.header_value("content-type") or "").partition(";")[0]
    if kind in _PHOTOS:
        return 0
    sizes = answer.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def weigh(ground: Ground, page: Page, path: str) -> dict[str, int]:
    """Load a page in a browser with an empty cache; return its bytes and requests without photos."""
    answers: list[Response] = []
    context = ground.context(page.role)
    tab = context.new_page()
    tab.on("response", lambda answer: answers.append(answer))
    tab.goto(path, wait_until="load")
    tab.wait_for_timeout(200)
    sizes = [sent(one) for one in answers if one.ok]
    context.close()
    return {"bytes": sum(sizes), "requests": sum(size > 0 for size in sizes)}


def ask(ground: Ground, page: Page, path: str) -> dict[str, float]:
    """Ask for a page over one connection; return its statements and the time of the slow ones."""
    client = http.client.HTTPConnection(ground.address.removeprefix("http://"), timeout=30)
    guest = ground.guests.get(page.role)
    headers = {"Accept": "text/html", "Accept-Language": "nl", "Accept-Encoding": "gzip"}
    if guest:
        headers["Cookie"] = f"{loader.COOKIE}={guest.cookie}"
    times, statements = [], 0
    for number in range(ASKS + WARM):
        begin = time.perf_counter()
        client.request("GET", path, headers=headers)
        answer = client.getresponse()
        answer.read()
        if number >= WARM:
            times.append((time.perf_counter() - begin) * 1000)
        if answer.status != page.status:
            raise RuntimeError(f"{path} is answered {answer.status}")
        statements = int(answer.headers["X-Statements"])
    client.close()
    return {"queries": statements, "p95_ms": statistics.quantiles(times, n=100)[94]}


def measure(ground: Ground, word: str) -> bool:
    """Print four figures of each page; return whether every limit was kept."""
    good = True
    for page in PAGES:
        if word not in page.name or page.state != "full":
            continue
        try:
            path = ground.path(page)
            figures: dict[str, float] = {**weigh(ground, page, path), **ask(ground, page, path)}
        except NothingThere as nothing:
            # The demo's world has no such thing, such as a difference that nobody explained.
            say(str(nothing))
            continue
        except (Error, RuntimeError) as error:
            say(f"{page.name}: {error}")
            good = False
            continue
        for name, limit in LIMITS.items():
            more: dict[str, Any] = {"page": page.name, "role": page.role, "path": path, "better": "lower"}
            value = figures[name]
            good &= report("pages", name, value, UNITS[name], limit, value / limit, 1.0, **more)
    return good


def main() -> int:
    """Run the bench; 1 when a limit was passed or a page could not be seen."""
    found = browser.chromium()
    if found is None:
        return skipped(f"Chromium is missing: {browser.INSTALL}")
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    with demo_or_own(say) as (world, facts):
        engine = sa.create_engine(
            facts["admin_database_url"].replace("postgresql://", "postgresql+psycopg://", 1),
            poolclass=sa.pool.NullPool,
        )
        [port] = any_free(1)
        cast = guests.of_demo(facts, engine)
        environment = another_web(world, facts, port) | {"PYTHONPATH": os.fspath(ROOT)}
        with served(environment, port), sync_playwright() as driver:
            launched = driver.chromium.launch(executable_path=found, args=browser.FLAGS)
            ground = Ground(launched, f"http://127.0.0.1:{port}", cast, engine)
            good = measure(ground, word)
            launched.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
