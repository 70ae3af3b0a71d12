"""Reaching the database for backup and restore: of a running demo, of a stopped one, or the one DATABASE_URL names."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import URL, make_url

from marketplace.core import config
from marketplace.devtools import orphans
from marketplace.devtools.account import server_account
from marketplace.devtools.demo_facts import facts_of_running_demo
from marketplace.devtools.environment import secrets_of
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.postgres import DATABASE, Postgres, binaries
from marketplace.devtools.state import World

# One that everybody may connect to: a database can't be renamed by who is in it.
_NEIGHBOUR = "postgres"


class Failed(DevtoolsError):
    """Say which program failed, in its own words."""


@dataclass(frozen=True)
class Books:
    """A database that is there now: its bootstrap address, its segments, its keys, and who else is at work on it.

    embedded: our own server, on which we may do what only a superuser may; facts: of the demo that runs on it.
    """

    url: URL
    segments: Path | None
    keys: Mapping[str, str]
    world: World | None = None
    embedded: Postgres | None = None
    facts: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.url.database or ""

    def address(self, database: str | None = None) -> str:
        """Return the address of this or another database of the server, as every client reads it."""
        url = self.url.set(drivername="postgresql", database=database or self.name)
        return url.render_as_string(hide_password=False)

    def of_sqlalchemy(self, database: str | None = None) -> str:
        """Return the same address for SQLAlchemy."""
        return self.address(database).replace("postgresql://", "postgresql+psycopg://", 1)

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """Connect as the bootstrap role. Raises Failed."""
        try:
            return psycopg.connect(self.address(database), autocommit=True, connect_timeout=10)
        except psycopg.OperationalError as error:
            raise Failed(f"the database does not answer: {str(error).strip()}") from error

    def beside(self) -> psycopg.Connection[Any]:
        """Connect to a neighbour of the database, to create and rename."""
        return self.connect(_NEIGHBOUR)

    def exists(self) -> bool:
        """Tell whether the database is there."""
        with self.beside() as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [self.name]).fetchone()
        return found is not None

    def run(self, program: str, *arguments: str, database: str | None = None) -> str:
        """Run one of PostgreSQL's programs on a database and return what it printed. Raises Failed."""
        given = self.url
        url = URL.create(
            "postgresql", given.username, None, given.host, given.port, database or self.name, given.query
        )
        return self.program(program, *arguments, "--dbname", url.render_as_string())

    def program(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs and return what it printed. Raises Failed."""
        done = subprocess.run(
            [str(binaries(server_account()) / program), *arguments],
            # Not on the command line, where everybody on the machine could read it.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSWORD": str(self.url.password or "")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-12:]
            raise Failed(f"{program} failed ({done.returncode}):\n" + "\n".join(said))
        return done.stdout


@contextlib.contextmanager
def opened(*, make: bool = False) -> Iterator[Books]:
    """Give the books of DATABASE_URL, of the running demo, or of a stopped demo, whose server runs meanwhile.

    make: begin an empty embedded server where none has been. Raises DevtoolsError when there is no database.
    """
    given, world = config.load(), World.demo()
    if given.database_url or given.admin_database_url:
        keys = {"secret_key": given.secret_key} if given.secret_key else {}
        keys |= {f"token_key_{number}": key.hex() for number, key in given.token_keys}
        folder = Path(given.segments_dir) if given.segments_dir else None
        yield Books(make_url(given.admin_database_url or given.database_url), folder, keys)
        return
    embedded = Postgres(world.postgres, world.sockets)
    if world.demo_json.exists() and orphans.running_supervisor(world) is not None:
        facts = facts_of_running_demo()
        url = make_url(facts["admin_database_url"])
        is_ours = url.database == DATABASE and embedded.postmaster() is not None
        yield Books(url, world.segments, _keys_of(world), world, embedded if is_ours else None, facts)
        return
    if not make and not (embedded.data / "PG_VERSION").exists():
        raise DevtoolsError("there is no database: no demo was ever started, and DATABASE_URL is not set")
    with _alone(world):
        world.prepare()
        embedded.start()
        try:
            embedded.finish_bootstrap()
            url = make_url(embedded.url("bootstrap", DATABASE))
            yield Books(url, world.segments, _keys_of(world), world, embedded)
        finally:
            embedded.stop()


def _keys_of(world: World) -> dict[str, str]:
    if not world.secrets_file.exists():
        return {}
    known = secrets_of(world)
    return {"secret_key": known["secret_key"], "token_key_1": known["token_key"]}


@contextlib.contextmanager
def _alone(world: World) -> Iterator[None]:
    """Keep a demo from starting meanwhile. Raises DevtoolsError when one is just starting."""
    world.demo_json.parent.mkdir(parents=True, exist_ok=True)
    with (world.demo_json.parent / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevtoolsError("the demo is just starting or stopping; try again in a moment") from None
        yield


def as_worker(address: str) -> str:
    """Return an address of the bootstrap role that acts as the worker from the first statement on."""
    url = make_url(address)
    return url.update_query_dict({"options": "-crole=aanrader_worker"}).render_as_string(hide_password=False)
