"""`python -m payouts.sandbox --port N --data FILE.sqlite`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from types import FrameType

from werkzeug.serving import WSGIRequestHandler, make_server

from payouts.sandbox import schedule
from payouts.sandbox.app import create_app
from payouts.sandbox.store import Store
from payouts.sandbox.webhooks import ENDPOINTS, Sender, sendable

TICK_MS = 100
log = logging.getLogger("payouts.sandbox")


class Quiet(WSGIRequestHandler):
    """Answers without a line per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m payouts.sandbox", description=__doc__)
    parser.add_argument(
        "--port", type=int, required=True, help="0 takes a free one; the first line printed says it"
    )
    parser.add_argument("--data", required=True, metavar="FILE.sqlite")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--webhook", action="append", default=[], metavar="account=URL|connect=URL")
    parser.add_argument("--secret-account", metavar="whsec_...")
    parser.add_argument("--secret-connect", metavar="whsec_...")
    parser.add_argument("--account-id", default="acct_platform", help="the platform's own account")
    found = parser.parse_args(words)
    for given in found.webhook:
        name, _, url = given.partition("=")
        if name not in ENDPOINTS or not sendable(url):
            parser.error(f"--webhook {given}: say account=URL or connect=URL")
    return found


def prepare(store: Store, given: argparse.Namespace) -> None:
    """Bring the file up to date with the command line; what isn't given stays as it was."""
    with store.write() as tx:
        schedule.start(tx)
        for one in given.webhook:
            name, _, url = one.partition("=")
            tx.set_setting(f"webhook_{name}", url)
        for name in ENDPOINTS:
            secret = getattr(given, f"secret_{name}")
            if secret:
                tx.set_setting(f"secret_{name}", secret)


def background(store: Store, sender: Sender, stopping: threading.Event, give_up: Callable[[], None]) -> None:
    """Do what time brings and deliver webhooks until told to stop; without this the server must not go on."""
    try:
        while not stopping.is_set():
            try:
                schedule.catch_up(store)
                busy = sender.round()
            except sqlite3.Error:
                log.exception("the background round failed; it is tried again")
                busy = 0
            if not busy:
                sender.wake.wait(TICK_MS / 1000)
                sender.wake.clear()
    finally:
        if not stopping.is_set():
            give_up()


def main(words: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    given = arguments(words)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    # The file holds webhook secrets.
    os.umask(0o077)
    store = Store(given.data, given.account_id)
    prepare(store, given)
    sender = Sender(store)
    server = make_server(
        given.host, given.port, create_app(store, sender), threaded=True, request_handler=Quiet
    )
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()
        sender.wake.set()
        # shutdown() waits for serve_forever, which runs in this very thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker = threading.Thread(target=background, args=(store, sender, stopping, server.shutdown), daemon=True)
    worker.start()
    print(f"sandbox listening on http://{given.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=TICK_MS / 1000)
    server.server_close()
    worker.join(timeout=12)
    store.close()
    return 0 if stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
