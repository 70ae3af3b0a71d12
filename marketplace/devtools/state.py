"""Where the state of a set of services lies: the demo's own, or that of a throw-away set beside it.

As root the state is in /var/lib/aanrader/<8 hex of the project's path>, else in the project's .dev/; sockets are in
/tmp/aan-<8 hex>, because a socket's path may have 107 bytes only (decisions D39).
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.devtools.account import ROOT_STATE, Account, server_account
from marketplace.devtools.errors import NotPossibleHere
from marketplace.devtools.throwaway import throwaway_folder

PROJECT = Path(__file__).resolve().parents[2]
# A socket's address holds 108 bytes with the closing zero; the longest name below a sockets folder takes the rest.
_LONGEST_SOCKETS_FOLDER = 107 - len("/.s.PGSQL.5432.lock")


def project_hash(project: Path = PROJECT) -> str:
    """Return 8 hex digits that stand for the project's folder."""
    return hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class World:
    """The folders of one set of services; two worlds never touch each other."""

    name: str
    project: Path
    state: Path
    sockets: Path
    demo_json: Path
    account: Account = field(default_factory=server_account)

    @classmethod
    def demo(cls, project: Path = PROJECT) -> "World":
        """Return the world of `./dev demo`."""
        key = project_hash(project)
        state = ROOT_STATE / key if os.getuid() == 0 else project / ".dev" / "state"
        # Not the folder that TMPDIR names: whoever comes after a crash must find the sockets.
        sockets = Path("/tmp") / f"aan-{key}"  # noqa: S108 - made 0700 and checked to be ours.
        return cls("demo", project, state, sockets, project / ".dev" / "demo.json")

    @classmethod
    @contextlib.contextmanager
    def throwaway(cls, name: str, near: Path | None = None, project: Path = PROJECT) -> "Iterator[World]":
        """Give a world in a new folder, removed at the end together with everything in it.

        Stop the world's services first: the folder goes from under them.
        """
        with throwaway_folder(near) as base:
            world = cls(name, project, base / "state", base / "sockets", base / "demo.json")
            world.prepare()
            yield world

    @property
    def postgres(self) -> Path:
        """The cluster, owned by the server account."""
        return self.state / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's append-only file, owned by the server account."""
        return self.state / "valkey"

    @property
    def site_file(self) -> Path:
        """What the shops' sites are told while they run: proofs, and the day."""
        return self.state / "site.json"

    @property
    def sandbox_file(self) -> Path:
        """The payment sandbox's own durable file."""
        return self.state / "sandbox" / "sandbox.db"

    @property
    def mail(self) -> Path:
        """The mail that was caught."""
        return self.state / "mail"

    @property
    def segments(self) -> Path:
        """The edge's click segments."""
        return self.state / "segments"

    @property
    def logs(self) -> Path:
        """One log file per service, and the supervisor's."""
        return self.state / "logs"

    @property
    def secrets_file(self) -> Path:
        """Keys and role passwords of this world, made once; mode 0600."""
        return self.state / "secrets.json"

    @property
    def ports_file(self) -> Path:
        """The ports of the last start, tried first at the next."""
        return self.state / "ports.json"

    @property
    def migrated_file(self) -> Path:
        """Which migrations the embedded database has seen."""
        return self.state / "migrated.json"

    @property
    def running_file(self) -> Path:
        """Addresses and processes of the start that is going on, for the seeder."""
        return self.state / "running.json"

    @property
    def people_file(self) -> Path:
        """Logins and API keys of the seeded demo; there once seeding is through."""
        return self.state / "people.json"

    @property
    def seeding_mark(self) -> Path:
        """There while seeding goes on, and after an interrupted one."""
        return self.state / "seeding"

    @property
    def processes_file(self) -> Path:
        """The supervisor and its children by pid and start time, for whoever comes after a crash."""
        return self.state / "processes.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.state / "supervisor.lock"

    @property
    def control_socket(self) -> Path:
        """Where the supervisor listens for `stop` and `start`."""
        return self.sockets / "control.sock"

    @property
    def marker(self) -> tuple[str, str]:
        """An environment variable that every child of this world carries."""
        return ("AANRADER_WORLD", str(self.state))

    def prepare(self) -> None:
        """Make the folders. Raises NotPossibleHere when one belongs to another user or can't be made."""
        if len(str(self.sockets)) > _LONGEST_SOCKETS_FOLDER:
            raise NotPossibleHere(f"{self.sockets} is too long a folder for Unix sockets")
        try:
            self.demo_json.parent.mkdir(parents=True, exist_ok=True)
            if self.state.is_relative_to(ROOT_STATE):
                ROOT_STATE.mkdir(parents=True, exist_ok=True)
                ROOT_STATE.chmod(0o755)
            self.state.mkdir(parents=True, exist_ok=True)
            # The server account passes through to its own two folders; others see nothing.
            self.state.chmod(0o711 if self.account.is_other else 0o700)
            for folder in (self.sandbox_file.parent, self.mail, self.segments, self.logs):
                folder.mkdir(exist_ok=True, mode=0o700)
        except PermissionError as error:
            raise NotPossibleHere(
                f"{error.filename} can't be made or belongs to another user; start as that user, or remove it"
            ) from error
        self.account.make_folder(self.sockets)

    def wipe(self) -> None:
        """Remove this world's state and nothing else."""
        for folder in (self.state, self.sockets):
            if folder.is_symlink():
                raise NotPossibleHere(f"{folder} is a symlink; remove it by hand")
            shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        self.demo_json.unlink(missing_ok=True)
