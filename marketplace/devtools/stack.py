"""The whole product as services of one world: for the demo, and for a journey on servers of its own."""

import contextlib
import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketplace.core import config
from marketplace.devtools import control, services
from marketplace.devtools.environment import Addresses, as_role, secrets_of, service_environment
from marketplace.devtools.errors import ServiceFailed
from marketplace.devtools.postgres import DATABASE, Postgres
from marketplace.devtools.processes import die_with_parent
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World
from marketplace.devtools.supervisor import Supervisor
from marketplace.devtools.valkey import Valkey

WANTED_PORTS = {"web": 8400, "edge": 8401, "sandbox": 8402, "mail": 8403, "smtp": 8404, "site": 8405}


@dataclass
class Stack:
    """A running product: addresses, and commands that run inside its environment."""

    world: World
    supervisor: Supervisor
    addresses: Addresses
    mode: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a service, or of a command when `name` is none."""
        return service_environment(name, self.world, self.addresses, mode=self.mode, extra=self.extra)

    def command(self, *argv: str, name: str = "command") -> str:
        """Run `python ARGV` in this world and return what it printed.

        Raises ServiceFailed with its error output when it fails.
        """
        done = subprocess.run(
            [sys.executable, *argv],
            env=self.environment(name),
            cwd=self.world.project,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()[-25:]
            raise ServiceFailed(f"python {' '.join(argv)} failed ({done.returncode}):\n" + "\n".join(lines))
        return done.stdout

    def migrate(self, *, is_embedded: bool, say: Callable[[str], None]) -> None:
        """Bring the database up to date; our own, migrated by the same files before, already is."""
        digest = hashlib.sha256()
        for path in [self.world.project / "marketplace/core/migrate.py", *_migrations(self.world.project)]:
            digest.update(path.read_bytes())
        if is_embedded and read_secret(self.world.migrated_file).get("by") == digest.hexdigest():
            return
        say("migrating")
        self.command("-m", "marketplace.core.migrate", name="migrate")
        write_secret(self.world.migrated_file, {"by": digest.hexdigest()})

    def facts(self) -> dict[str, Any]:
        """Return addresses, processes and webhook secrets, as they stand in demo.json (without people)."""
        known, addresses = secrets_of(self.world), self.addresses
        return {
            "web": addresses.of("web"),
            "edge": addresses.of("edge"),
            "sandbox": addresses.of("sandbox"),
            "mail": addresses.of("mail"),
            **({"site": addresses.of("site")} if "site" in self.supervisor.children else {}),
            "database_url": _plain(
                as_role(addresses.admin_database_url, "aanrader_app", known["password_app"])
            ),
            "admin_database_url": _plain(addresses.admin_database_url),
            "redis_url": addresses.redis_url,
            "segments_dir": str(self.world.segments),
            "log_dir": str(self.world.logs),
            "clock": f"{addresses.of('web')}/_dev/clock",
            "processes": [
                {"name": one["name"], "pid": one["pid"], "port": one["port"]}
                for one in self.supervisor.status()
            ],
            "webhook_secrets": {"account": known["webhook_account"], "connect": known["webhook_connect"]},
        }


def _plain(url: str) -> str:
    """Return an address of PostgreSQL as every client reads it, without naming our driver."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _migrations(project: Path) -> list[Path]:
    return sorted((project / "migrations").rglob("*.py"))


@contextlib.contextmanager
def running(
    world: World,
    ports: Mapping[str, int],
    say: Callable[[str], None],
    *,
    mode: str = "demo",
    extra: Mapping[str, str] | None = None,
    prepared: Callable[[Stack], None] | None = None,
    with_shops: bool = False,
) -> Iterator[Stack]:
    """Run the whole product in `world`, migrated and answering, for as long as the `with` lasts.

    `ports` has the names of WANTED_PORTS; the sites of the demo's shops run `with_shops` only; `extra` is added to the
    environment of web, edge, worker and shipper; `prepared` is called once the database is migrated and nothing
    of ours runs yet. PostgreSQL and Valkey are embedded unless DATABASE_URL and REDIS_URL name others;
    DATABASE_URL must be a role with CREATEROLE and CREATEDB. Raises ServiceFailed or another DevtoolsError, with
    nothing left running.
    """
    given = config.load()
    with Supervisor.of(world, say) as supervisor, control.listening(supervisor):
        database, cache = Postgres(world.postgres, world.sockets), Valkey(world.valkey, world.sockets)
        began = time.monotonic()
        embedded = []
        if not given.database_url:
            database.initialise()
            embedded.append(services.postgres(database))
        if not given.redis_url:
            embedded.append(services.valkey(cache))
        # SQLAlchemy takes the bare form for another driver, which is not installed.
        theirs = given.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        admin_url = theirs or database.url("bootstrap", DATABASE)
        addresses = Addresses(ports, admin_url, given.redis_url or cache.url)
        stack = Stack(world, supervisor, addresses, mode, extra or {})
        say(
            "starting "
            + ", ".join([*(one.name for one in embedded), "sandbox, mail" + (", site" if with_shops else "")])
        )
        supervisor.launch(embedded)
        supervisor.wait_until_ready()
        others = [services.sandbox(world, addresses), services.mail(world, addresses)]
        if with_shops:
            others.append(services.site(world, addresses))
        supervisor.launch(others)
        if not given.database_url:
            database.finish_bootstrap()
        stack.migrate(is_embedded=not given.database_url, say=say)
        if prepared is not None:
            prepared(stack)
        say("starting web, edge, worker, shipper")
        supervisor.launch(
            [
                services.http("web", "wsgi:app", world, addresses, stack.environment("web"), threads=64),
                services.http("edge", "wsgi:edge", world, addresses, stack.environment("edge"), threads=2),
                services.background("worker", world, stack.environment("worker")),
                services.background("shipper", world, stack.environment("shipper")),
            ]
        )
        supervisor.wait_until_ready()
        say(f"all services answer ({time.monotonic() - began:.1f} s)")
        yield stack
