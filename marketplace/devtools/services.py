"""The services of the product, one function each: how it is started and how one knows that it is ready."""

import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from marketplace.devtools.environment import Addresses, base_environment, secrets_of
from marketplace.devtools.ports import HOST
from marketplace.devtools.postgres import ENVIRONMENT as POSTGRES_ENVIRONMENT
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.service import Service, answers_http
from marketplace.devtools.state import World
from marketplace.devtools.valkey import ENVIRONMENT as VALKEY_ENVIRONMENT
from marketplace.devtools.valkey import Valkey

# glibc raises its threshold for giving memory back to the largest block that was ever freed; each thread that checks a
# password or takes a big body would then keep as much for good. A fixed threshold keeps it as it starts.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072"}

NAMES = ("postgres", "valkey", "sandbox", "mail", "site", "web", "edge", "worker", "shipper")


def postgres(server: Postgres) -> Service:
    """Describe the embedded PostgreSQL."""
    return Service(
        name="postgres",
        argv=server.argv(),
        env=POSTGRES_ENVIRONMENT,
        cwd=server.folder,
        ready=server.is_ready,
        prepare=server.prepare,
        run_as=server.account.run_as,
        # A fast shutdown: connections are cut, transactions rolled back.
        stop_signal=signal.SIGINT,
        ready_seconds=60.0,
        stop_seconds=30.0,
    )


def valkey(server: Valkey) -> Service:
    """Describe the embedded Valkey."""
    server.prepare()
    return Service(
        name="valkey",
        argv=server.argv(),
        env=VALKEY_ENVIRONMENT,
        cwd=server.folder,
        ready=server.is_ready,
        prepare=server.prepare,
        run_as=server.account.run_as,
    )


def sandbox(world: World, addresses: Addresses) -> Service:
    """Describe the Stripe-compatible server; it knows its arguments and nothing else of ours."""
    known, web = secrets_of(world), addresses.of("web")
    argv = [sys.executable, "-m", "payouts.sandbox", "--port", str(addresses.ports["sandbox"])]
    argv += ["--data", str(world.sandbox_file)]
    for kind in ("account", "connect"):
        argv += ["--webhook", f"{kind}={web}/webhooks/stripe/{kind}"]
        argv += [f"--secret-{kind}", known[f"webhook_{kind}"]]
    return Service(
        name="sandbox",
        argv=argv,
        env=base_environment(),
        cwd=world.project,
        ready=answers_http(addresses.ports["sandbox"], "/_sandbox/clock"),
        port=addresses.ports["sandbox"],
    )


def mail(world: World, addresses: Addresses) -> Service:
    """Describe the mail catcher."""
    argv = [sys.executable, "-m", "marketplace.devtools.mailbox", "--folder", str(world.mail)]
    argv += ["--smtp-port", str(addresses.ports["smtp"]), "--http-port", str(addresses.ports["mail"])]
    return Service(
        name="mail",
        argv=argv,
        env=base_environment(),
        cwd=world.project,
        ready=answers_http(addresses.ports["mail"], "/messages?to=nobody"),
        port=addresses.ports["mail"],
    )


def site(world: World, addresses: Addresses) -> Service:
    """Describe the sites of the demo's shops."""
    port = addresses.ports["site"]
    argv = [sys.executable, "-m", "marketplace.devtools.world.site", "--port", str(port)]
    return Service(
        name="site",
        argv=[*argv, "--control", str(world.site_file)],
        env=base_environment(),
        cwd=world.project,
        ready=answers_http(port, "/"),
        port=port,
    )


def granian(application: str, port: int, *, threads: int) -> list[str]:
    """Return the command line of a WSGI server; docs/operations.md names the same options for production.

    Connections that send no request are closed after five seconds, and each may fill 64 kB with headers. A waiting
    connection counts against --backpressure, so that is far above what may wait.
    """
    argv = [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--host", HOST]
    argv += [
        "--port",
        str(port),
        "--workers",
        "1",
        "--blocking-threads",
        str(threads),
        "--no-ws",
        "--http",
        "1",
    ]
    argv += ["--http1-header-read-timeout", "5000", "--http1-buffer-size", "65536"]
    argv += ["--backlog", "4096", "--backpressure", "8192"]
    return [*argv, "--log-level", "warning", "--workers-kill-timeout", "5", application]


def http(
    name: str, application: str, world: World, addresses: Addresses, env: Mapping[str, str], *, threads: int
) -> Service:
    """Describe a WSGI server of one process; `application` is module:name and `threads` answer at once."""
    port = addresses.ports[name]
    argv = granian(application, port, threads=threads)
    path = "/api/openapi.json" if name == "web" else "/_edge/health"
    return Service(
        name=name,
        argv=argv,
        env=MEMORY | dict(env),
        cwd=world.project,
        ready=answers_http(port, path),
        port=port,
    )


def background(name: str, world: World, env: Mapping[str, str]) -> Service:
    """Describe a process that runs a command which a room registered."""
    return Service(
        name=name,
        argv=[sys.executable, "-m", "marketplace.devtools", "run", name],
        env=env,
        cwd=world.project,
        ready=_Beats(name, env["DATABASE_URL"]),
    )


class _Beats:
    """A probe: does the process report to the database that it is alive, now?

    A row of an earlier process may still stand there, so it must have changed between two looks.
    """

    def __init__(self, name: str, database_url: str) -> None:
        self._name = name
        self._address = database_url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._seen: object = None
        self._looked_at = 0.0

    def __call__(self) -> bool:
        """Look once."""
        # Before connecting: on a machine that does much else that alone may take a second.
        began = time.monotonic()
        try:
            with psycopg.connect(self._address, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(
                    "SELECT seen_at FROM heartbeat WHERE name = %s", [self._name]
                ).fetchone()
        except psycopg.Error:
            return False
        is_recent = began - self._looked_at < 1.0
        beats = row is not None and is_recent and row[0] != self._seen
        self._seen, self._looked_at = row and row[0], time.monotonic()
        return beats
