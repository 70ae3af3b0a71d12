"""Valkey emptied, full, read-only, paused or gone: nothing is lost, requests hardly wait, and signing in is closed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
import sqlalchemy as sa

from marketplace.accounts import limits
from marketplace.core import clock, config, db, jobs, mail, mail_sending, waking
from marketplace.core.config import Settings
from marketplace.devtools.valkey import Valkey
from tests.conftest import Database
from tests.faults.services.paused import paused
from tests.integration.tracking.edge.conftest import Caller, edges, link_row

__all__ = ["edges"]


@pytest.fixture
def own_valkey(settings: Settings) -> Iterator[Valkey]:
    """A Valkey that this test may harm."""
    jobs._silent_until[0] = 0.0
    with Valkey.throwaway() as server:
        config.use(dataclasses.replace(settings, redis_url=server.url))
        yield server
    jobs._silent_until[0] = 0.0


@contextmanager
def full(server: Valkey) -> Iterator[None]:
    """Let the server have no room for anything."""
    with redis.Redis.from_url(server.url) as boss:
        boss.config_set("maxmemory", 1)
        boss.config_set("maxmemory-policy", "noeviction")
        yield
        boss.config_set("maxmemory", 0)


@contextmanager
def read_only(server: Valkey) -> Iterator[None]:
    """Let the server refuse every write, as a replica does."""
    with redis.Redis.from_url(server.url) as boss:
        boss.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        boss.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def hung(server: Valkey) -> Iterator[None]:
    """Stop the server's process."""
    assert server._process is not None
    with paused(server._process.pid):
        yield


@contextmanager
def gone(server: Valkey) -> Iterator[None]:
    """Kill the server, and start it again afterwards."""
    server.stop(kill=True)
    yield
    server.start()


TROUBLES = [full, read_only, hung, gone]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_hint_that_is_not_taken_holds_up_nobody_and_changes_no_commit(
    database: Database, own_valkey: Valkey, trouble: Callable[[Valkey], object]
) -> None:
    mail_sending.register()
    with trouble(own_valkey):  # type: ignore[attr-defined]
        began = time.monotonic()
        for number in range(20):
            with db.transaction() as session:
                mail.queue(
                    session, to=f"p{number}@people.example", template="verify", facts={}, now=clock.now()
                )
        # One waited for Valkey, not twenty.
        assert time.monotonic() - began < 10.0
    with db.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(mail.MailMessage)) == 20
    jobs._silent_until[0] = 0.0
    jobs.enqueue("mail.send")
    assert jobs.queue().count >= 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_signing_in_is_closed_while_tries_can_not_be_counted(
    own_valkey: Valkey, trouble: Callable[[Valkey], object]
) -> None:
    limits.spend_visit("sign_in", "192.0.2.1", "somebody")
    with trouble(own_valkey):  # type: ignore[attr-defined]
        began = time.monotonic()
        with pytest.raises(limits.LimitsUnavailable):
            limits.spend_visit("sign_in", "192.0.2.1", "somebody")
        assert time.monotonic() - began < 10.0
    limits.spend_visit("sign_in", "192.0.2.1", "somebody")


def test_redirects_do_not_know_valkey(own_valkey: Valkey, edges: Callable[..., Caller]) -> None:
    click = edges(link_row())
    with hung(own_valkey):
        began = time.monotonic()
        assert {click()[0] for _ in range(50)} == {"302"}
        assert time.monotonic() - began < 5.0


def test_emptied_at_any_moment_every_row_is_found_by_the_sweep(
    as_worker: Database, own_valkey: Valkey
) -> None:
    """The loop of the worker itself, with every hint thrown away while rows are written."""
    done: list[str] = []

    @jobs.sweep("test.unsent", every=0.2)
    def take() -> int:
        with db.transaction() as session:
            rows = session.execute(
                sa.text(
                    "UPDATE mail_message SET sent_at = now() WHERE id IN (SELECT id FROM mail_message"
                    " WHERE sent_at IS NULL FOR UPDATE SKIP LOCKED) RETURNING id"
                )
            ).all()
        done.extend(str(row.id) for row in rows)
        return len(rows)

    mail_sending.register()
    before = dict(jobs.sweeps)
    stopping, woken = threading.Event(), threading.Event()
    try:
        for name in list(jobs.sweeps):
            if name != "test.unsent":
                del jobs.sweeps[name]
        threads = [
            threading.Thread(target=jobs._sweep_forever, args=("worker", woken, stopping)),
            threading.Thread(target=waking.listen, args=(jobs.connection, woken, stopping)),
        ]
        for thread in threads:
            thread.start()
        written = []
        with redis.Redis.from_url(own_valkey.url) as boss:
            for number in range(60):
                with db.transaction() as session:
                    row = mail.queue(
                        session, to=f"{number}@x.example", template="verify", facts={}, now=clock.now()
                    )
                written.append(str(row.id))
                boss.flushall()
                if number == 30:
                    own_valkey.stop(kill=True)
                    own_valkey.start()
        deadline = time.monotonic() + 20
        while len(done) < 60 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stopping.set()
        woken.set()
        for thread in threads:
            thread.join(10)
        jobs.sweeps.clear()
        jobs.sweeps.update({name: one for name, one in before.items() if name != "test.unsent"})
    assert sorted(done) == sorted(written)


def test_a_job_whose_worker_was_killed_is_no_work_that_is_due(own_valkey: Valkey) -> None:
    started, now = jobs.queue().started_job_registry.key, time.time()
    jobs.connection().zadd(started, {"just:begun": now + 239, "left:behind": now + 150})
    assert jobs.waiting() == 1
