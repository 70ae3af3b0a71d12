"""Every service in turn paused, emptied, stopped or killed under traffic: nothing acknowledged is lost, all recovers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
import redis

from marketplace.devtools.postgres import Postgres
from marketplace.devtools.talk import Caller
from tests.faults.services.paused import paused
from tests.faults.services.trade import Shop, Trickle, open_for_business

# The callers of the workshop leave their connections to the end of the process.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_for_business() as made:
        yield made


def pid(shop: Shop, name: str) -> int:
    """Return the process of a service."""
    [found] = [one["pid"] for one in shop.running.supervisor.status() if one["name"] == name]
    assert isinstance(found, int)
    return found


def pause_postgres(shop: Shop) -> None:
    with paused(pid(shop, "postgres")):
        time.sleep(12)


def stop_postgres(shop: Shop) -> None:
    shop.running.supervisor.stop("postgres")
    time.sleep(4)
    shop.running.supervisor.start("postgres")


def kill_postgres(shop: Shop) -> None:
    os.kill(pid(shop, "postgres"), signal.SIGKILL)
    time.sleep(6)


def fill_postgres(shop: Shop) -> None:
    """Take every connection that there is, after ending those of others."""
    world = shop.running.world
    boss = Postgres(world.postgres, world.sockets).url("postgres", "postgres").replace("+psycopg", "", 1)
    taken = shop.running.addresses.admin_database_url.replace("+psycopg", "", 1)
    with ExitStack() as held:
        admin = held.enter_context(psycopg.connect(boss, autocommit=True))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'aanrader'")
        try:
            while True:
                held.enter_context(psycopg.connect(taken))
        except psycopg.OperationalError:
            time.sleep(5)


def empty_valkey(shop: Shop) -> None:
    with redis.Redis.from_url(shop.running.addresses.redis_url) as boss:
        for _ in range(200):
            boss.flushall()
            time.sleep(0.03)


def pause_valkey(shop: Shop) -> None:
    with paused(pid(shop, "valkey")):
        time.sleep(10)


def kill_valkey(shop: Shop) -> None:
    os.kill(pid(shop, "valkey"), signal.SIGKILL)
    time.sleep(4)


def kill_worker_and_shipper(shop: Shop) -> None:
    for name in ("worker", "shipper"):
        os.kill(pid(shop, name), signal.SIGKILL)
    time.sleep(5)


def pause_worker_and_shipper(shop: Shop) -> None:
    with paused(pid(shop, "worker")), paused(pid(shop, "shipper")):
        time.sleep(6)


def restart_web_and_edge(shop: Shop) -> None:
    for name in ("edge", "web"):
        os.kill(pid(shop, name), signal.SIGTERM)
        time.sleep(8)


FAULTS: list[Callable[[Shop], None]] = [
    pause_postgres,
    stop_postgres,
    kill_postgres,
    fill_postgres,
    empty_valkey,
    pause_valkey,
    kill_valkey,
    kill_worker_and_shipper,
    pause_worker_and_shipper,
    restart_web_and_edge,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_acknowledged_is_lost_and_all_recovers_by_itself(
    shop: Shop, fault: Callable[[Shop], None]
) -> None:
    trickle = Trickle(shop)
    with trickle.flowing():
        time.sleep(1)
        fault(shop)
        time.sleep(3)
    said = trickle.statuses
    print(fault.__name__, dict(said), f"slowest {trickle.slowest:.1f} s")
    # Redirects go on whatever happens; a restart refuses connections for a moment, and drops none that it took.
    assert said["click 302"] > 20, said
    allowed = {"click 302", "order 201", "order 503"}
    if fault is restart_web_and_edge:
        allowed |= {"click refused", "order refused"}
    assert set(said) <= allowed, said
    assert trickle.slowest < 30.0
    assert shop.settle() == {}
    lost_clicks, lost_orders, doubled = trickle.lost()
    assert (lost_clicks, lost_orders, doubled) == (set(), set(), 0)
    assert shop.verify() == ""


def test_health_says_that_the_database_is_away(shop: Shop) -> None:
    caller = Caller(shop.job.facts["web"])
    assert caller.request("GET", "/health").status_code == 200
    with paused(pid(shop, "postgres")):
        answer = caller.request("GET", "/health")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        edge = Caller(shop.job.facts["edge"]).request("GET", "/_edge/health")
        assert edge.status_code == 200
    deadline = time.monotonic() + 30
    while caller.request("GET", "/health").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
