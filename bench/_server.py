"""What benches share: a durable server that is thrown away, figures as JSON lines, and what was used meanwhile."""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

import wsgi
from marketplace.core import migrate
from marketplace.devtools.postgres import Postgres

PASSWORDS = {role: secrets.token_hex(16) for role in migrate.LOGINS}
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Books:
    """A migrated database of the product on a server with fsync on."""

    server: Postgres
    name: str = "books"

    def url(self, role: str) -> str:
        """Return the address for aanrader_app, aanrader_worker, bootstrap or postgres."""
        return self.server.url(role, self.name, password=PASSWORDS.get(role))

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """Open a connection that may do everything, in autocommit."""
        return psycopg.connect(self.url("postgres").replace("+psycopg", "", 1), autocommit=True)


@contextlib.contextmanager
def books() -> Iterator[Books]:
    """Give a migrated database on a new server, with all rooms registered; both are gone afterwards."""
    with Postgres.throwaway(durable=True) as server:
        made = Books(server)
        server.create_database(made.name)
        migrate.upgrade(server.url("bootstrap", made.name), PASSWORDS)
        wsgi.register()
        yield made


def server_cpu(server: Postgres) -> float:
    """Return the CPU seconds, user and system, of a server's processes, of those that ended too."""
    root = server.postmaster()
    if root is None:
        return 0.0
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat.parent.name) == root.pid:
            ticks += sum(int(one) for one in fields[11:15])
        elif int(fields[1]) == root.pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


def memory_mb() -> int:
    """Return the memory that this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def report(
    bench: str, figure: str, value: float, unit: str, limit: float, ratio: float, floor: float, **more: object
) -> bool:
    """Print one figure beside its limit and return whether its floor was reached.

    A `better` of "lower" among `more` turns the comparison round.
    """
    line = {
        "bench": bench,
        "figure": figure,
        "value": round(value, 3),
        "unit": unit,
        "limit": round(limit, 3),
        "ratio": round(ratio, 3),
        "better": more.pop("better", "higher"),
        "floor": floor,
    }
    sys.stdout.write(json.dumps(line | more) + "\n")
    sys.stdout.flush()
    return ratio <= floor if line["better"] == "lower" else ratio >= floor


def skipped(why: str) -> int:
    """Say why a bench can't run here and return its exit code."""
    sys.stdout.write(json.dumps({"skipped": why}) + "\n")
    return 3
