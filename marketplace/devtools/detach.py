"""Let a command go on in the background once it has said that it is ready."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_READY = b"\0"


def in_background(log: Path, run: Callable[[Callable[[], None]], int]) -> int:
    """Run `run(ready)` in a process of its own session; return 0 as soon as it calls `ready()`.

    Until then its output is shown here as well as in `log`; afterwards in `log` only. Returns 1 when it ends first.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_background(log, writing, run)
    os.close(writing)
    os.waitpid(child, 0)
    is_ready = False
    while not is_ready and (piece := os.read(reading, 4096)):
        text, is_ready = piece.removesuffix(_READY), piece.endswith(_READY)
        sys.stdout.write(text.decode(errors="replace"))
        sys.stdout.flush()
    os.close(reading)
    if not is_ready:
        print(f"it ended before it was ready; the log: {log}", file=sys.stderr)
    return 0 if is_ready else 1


def _become_background(log: Path, writing: int, run: Callable[[Callable[[], None]], int]) -> None:
    """Fork once more, so that nobody waits for us and no terminal reaches us; never returns."""
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    quiet = os.open(os.devnull, os.O_RDONLY)
    os.dup2(quiet, 0)
    os.close(quiet)
    code = 1
    try:
        with log.open("a", encoding="utf-8") as file:
            output = _Both(writing, file.fileno())
            sys.stdout = sys.stderr = output
            code = run(output.ready)
    except BaseException as error:
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
        raise
    finally:
        os._exit(code)


class _Both:
    """A text stream into the log, and into the pipe until somebody is ready."""

    encoding = "utf-8"

    def __init__(self, pipe: int, log: int) -> None:
        self._pipe: int | None = pipe
        self._log = log
        os.dup2(log, 1)
        os.dup2(log, 2)

    def write(self, text: str) -> int:
        """Write to both; a reader that went away is no reason to stop."""
        content = text.encode(errors="replace")
        os.write(self._log, content)
        if self._pipe is not None:
            try:
                os.write(self._pipe, content)
            except BrokenPipeError:
                self._pipe = None
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def isatty(self) -> bool:
        """Say that nobody looks at colours here."""
        return False

    def fileno(self) -> int:
        """Return the log's descriptor, for children."""
        return self._log

    def ready(self) -> None:
        """Let the waiting command go home."""
        if self._pipe is not None:
            os.write(self._pipe, _READY)
            os.close(self._pipe)
            self._pipe = None
