"""Let a command go on in the background once it has said that it is ready."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from marketplace.devtools.errors import DevtoolsError

# No text holds it; the byte behind it is 0 for "ready", else the exit code.
_END = b"\0"


def in_background(log: Path, run: Callable[[Callable[[], None]], int]) -> int:
    """Run `run(ready)` in a process of its own session; return 0 as soon as it calls `ready()`.

    Until then its output is shown here as well as in `log`; afterwards in `log` only. When it ends first, its exit
    code is returned, or 1 when it was killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_background(log, writing, run)
    os.close(writing)
    os.waitpid(child, 0)
    text, end, code = b"", b"", b""
    while not end and (piece := os.read(reading, 4096)):
        text, end, code = piece.partition(_END)
        sys.stdout.write(text.decode(errors="replace"))
        sys.stdout.flush()
    if end and not code:
        code = os.read(reading, 1)
    os.close(reading)
    if not code or code[0] != 0:
        print(f"it ended before it was ready; the log: {log}", file=sys.stderr)
    return code[0] if code else 1


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
    with log.open("a", encoding="utf-8") as file:
        output = _Both(writing, file.fileno())
        sys.stdout = sys.stderr = output
        try:
            code = run(output.ready)
        except DevtoolsError as error:
            output.write(f"aanrader: {error}\n")
            code = error.exit_code
        except BaseException:  # noqa: BLE001 - nobody above us could print it any more.
            output.write(traceback.format_exc())
        finally:
            output.end(code)
            # Not sys.exit: what the waiting command has set up is not ours to clean up.
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
        """Let the waiting command go home with exit code 0."""
        self.end(0)

    def end(self, code: int) -> None:
        """Let the waiting command go home with an exit code; once."""
        if self._pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, _END + bytes([code]))
            os.close(self._pipe)
            self._pipe = None
