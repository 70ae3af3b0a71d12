"""A server that is slow to take a long statement is waited for, like one that is slow to answer it."""

from __future__ import annotations

import os
import signal
import threading

from marketplace.core import patience
from tests.conftest import Database


def test_a_statement_that_takes_longer_to_send_than_our_patience_is_carried_out(database: Database) -> None:
    url = database.url("worker").replace("+psycopg", "", 1)
    with patience.bounded(limit=30.0, patience=0.1).connect(url, autocommit=True) as connection:
        pid = connection.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        timer = threading.Timer(0.5, os.kill, (pid, signal.SIGCONT))
        timer.start()
        try:
            # More than the socket's buffers hold, so that it can't be sent while nobody reads.
            row = connection.execute("SELECT length(%s::text)", ["x" * 8_000_000]).fetchone()
        finally:
            timer.join()
        assert row == (8_000_000,)
        assert connection.execute("SELECT 1").fetchone() == (1,)
