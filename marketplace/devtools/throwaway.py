"""Folders for servers that live as long as one test run or one journey."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from marketplace.core import clock
from marketplace.devtools.account import server_account

_PREFIX = "aan-t"
_ROOM = 2 * 1024**3
_LOCK = "lived-in"
_MAKING_SECONDS = 60


def memory_folder() -> Path | None:
    """Return the folder of shared memory when it has room for a test run's servers, else None.

    A cluster there clones a database ten times faster than on a busy disk; what is thrown away need not outlive power.
    """
    folder = Path("/dev/shm")  # noqa: S108 - each run makes a folder of its own in it, mode 0700.
    try:
        free = os.statvfs(folder)
    except OSError:
        return None
    has_room = free.f_bavail * free.f_frsize >= _ROOM and os.access(folder, os.W_OK | os.X_OK)
    return folder if has_room else None


@contextlib.contextmanager
def throwaway_folder(near: Path | None = None) -> Iterator[Path]:
    """Give a new folder of mode 0700, owned by the server account, and remove it at the end.

    It lies in `near` when the server account can reach that and socket paths stay short enough, else in the system's
    folder for temporary files. Folders left by runs that were killed are removed first.
    """
    account = server_account()
    base = Path(tempfile.gettempdir())
    if near is not None and len(str(near)) < 60 and account.can_reach(near):
        base = near
    for place in {base, Path(tempfile.gettempdir()), memory_folder() or base}:
        remove_leftovers(place)
    folder = account.make_folder(base / f"{_PREFIX}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(base: Path) -> None:
    """Remove throw-away folders in `base` that nobody lives in any more, as far as they are ours.

    That we see no process of that number is not enough: whoever shares the folder with us may count processes apart.
    """
    ours = {os.getuid(), server_account().uid}
    for folder in base.glob(f"{_PREFIX}-*-*"):
        pid = folder.name.split("-")[2]
        with contextlib.suppress(OSError):
            is_ours = not folder.is_symlink() and folder.stat().st_uid in ours
            if is_ours and pid.isdigit() and not Path(f"/proc/{pid}").exists() and not _is_lived_in(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_lived_in(folder: Path) -> bool:
    """Tell whether somebody holds the lock of a folder; the kernel gives it back when they die, wherever they count."""
    try:
        with (folder / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        # Being made this very moment, perhaps.
        return clock.wall().timestamp() - folder.stat().st_mtime < _MAKING_SECONDS
    return False
