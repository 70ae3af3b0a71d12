"""The operating-system account that runs the server binaries: ourselves, or an unprivileged one when we are root.

PostgreSQL refuses to run as root. Only server binaries run as the other account, never our Python, which that
account often can't even read (decisions D39). No folder that isn't ours changes owner or mode: what the account can't
reach is copied to a place that it can.
"""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from marketplace.devtools.errors import NotPossibleHere

ROOT_STATE = Path("/var/lib/aanrader")


class RunAs(TypedDict, total=False):
    """Arguments for `subprocess` that drop to the account; empty when no change is needed."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs PostgreSQL and Valkey."""

    uid: int
    gid: int
    is_other: bool

    @property
    def run_as(self) -> RunAs:
        """Return the `subprocess` arguments that run a binary as this account."""
        return RunAs(user=self.uid, group=self.gid, extra_groups=[]) if self.is_other else RunAs()

    def own(self, path: Path) -> None:
        """Give a file or folder that we just made to this account."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def make_folder(self, path: Path) -> Path:
        """Make a folder of mode 0700 owned by this account, or check that it is one.

        Raises NotPossibleHere when something else stands there: a folder of another user, or a symlink.
        """
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            facts = path.lstat()
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in (self.uid, os.getuid()):
                raise NotPossibleHere(
                    f"{path} belongs to another user; remove it, or start as that user"
                ) from None
        self.own(path)
        path.chmod(0o700)
        return path

    def can_reach(self, path: Path) -> bool:
        """Tell whether this account may pass every folder on the way to `path` and read `path` itself."""
        path = path.resolve()
        return all(self._may(folder.stat(), 1) for folder in path.parents) and self._may(path.stat(), 5)

    def _may(self, facts: os.stat_result, wanted: int) -> bool:
        if facts.st_uid == self.uid:
            granted = facts.st_mode >> 6
        elif facts.st_gid == self.gid:
            granted = facts.st_mode >> 3
        else:
            granted = facts.st_mode
        return granted & wanted == wanted

    def reachable_copy(self, source: Path, name: str) -> Path:
        """Return `source`, or a copy of it under the state folder when this account can't reach it.

        `name` holds the version, so that an upgrade makes a new copy. Two at once are safe: the copy gets its name
        only when it is complete.
        """
        if not self.is_other or self.can_reach(source):
            return source
        target = ROOT_STATE / "bin" / name
        if target.exists():
            return target
        for folder in (ROOT_STATE, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
        shutil.copytree(source, unfinished / "tree", symlinks=True)
        # Under a strict umask the wheel's files are closed to others; the copy is ours to open.
        for path in (unfinished / "tree", *(unfinished / "tree").rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o755 if mode & stat.S_IXUSR else 0o444))
        try:
            (unfinished / "tree").rename(target)
        except OSError:
            if not target.exists():
                raise
        finally:
            shutil.rmtree(unfinished)
        return target


def server_account() -> Account:
    """Return the account for the server binaries: `postgres` or else `nobody` when we are root, else ourselves."""
    if os.getuid() != 0:
        return Account(os.getuid(), os.getgid(), is_other=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, is_other=True)
    raise NotPossibleHere(
        "root needs an unprivileged account (postgres or nobody) for PostgreSQL; neither exists"
    )
