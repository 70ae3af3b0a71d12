"""Have strangers' pictures drawn anew: bytes in, three WebP files out, by a process that can do nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from marketplace.pictures import refusals
from marketplace.pictures.redraw import WIDTHS

MOST_BYTES = 10_000_000
# Wall time for one picture; the process' own time ends long before that unless the machine is busy.
PATIENCE = 60
# Whoever pays, reads or redirects goes before pictures that nobody waits for.
NICE = 10
_PROGRAM = Path(__file__).with_name("redraw.py")
# So many pictures are drawn at once for people who wait, and so long one waits for a place.
_PLACES, _PLACE_SECONDS = 2, 5
_places = threading.BoundedSemaphore(_PLACES)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture drawn anew: the SHA-256 of what came, its size in pixels, and (width, height, WebP) of each file.

    A file's width is the one it is asked for by; its picture is no wider than the original was.
    """

    sha256: bytes
    width: int
    height: int
    files: tuple[tuple[int, int, bytes], ...]


class Drawer:
    """A process that draws pictures one after another; used as a context manager.

    One that is ended by a picture, or by its time, is replaced for the next. A shop's pictures are drawn by a process
    of their own, so that what one of them might do to a decoder reaches no other shop's.
    """

    def __init__(self, nice: int = NICE) -> None:
        self._nice = nice
        self._process: subprocess.Popen[bytes] | None = None
        # Nothing lies there, and nothing can be written there.
        self._folder = tempfile.TemporaryDirectory(prefix="aan-draw-")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()
        self._folder.cleanup()

    def draw(self, data: bytes) -> Drawn:
        """Return a picture drawn anew. Raises PictureRefused, which names the reason."""
        if not data:
            raise refusals.PictureEmpty()
        if len(data) > MOST_BYTES:
            raise refusals.PictureTooLarge()
        told, files = self._ask(data)
        if "refused" in told:
            raise refusals.named(told["refused"])
        sizes = zip(told["files"], files, strict=True)
        return Drawn(
            hashlib.sha256(data).digest(),
            told["width"],
            told["height"],
            tuple((width, height, file) for (width, height, _), file in sizes),
        )

    def _ask(self, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        process, given, told_by = self._begun()
        # Whoever reads or writes a pipe can't be told to stop; that the other end is gone ends both.
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            given.write(len(data).to_bytes(8, "big") + data)
            given.flush()
            line = told_by.readline()
            told: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            files = [told_by.read(size) for _, _, size in told.get("files", ())]
            whole = bool(told) and all(
                len(file) == size for file, (_, _, size) in zip(files, told.get("files", ()), strict=True)
            )
        except (BrokenPipeError, ConnectionResetError):
            whole = False
        finally:
            timer.cancel()
        if not whole:
            self._end()
            raise refusals.PictureTooCostly()
        return told, files

    def _begun(self) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            # -I: no path, no environment and no site of a user; what a library wants to say is of no use to anybody.
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_PROGRAM), str(self._nice)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder.name,
                env={"LC_ALL": "C.UTF-8"},
            )
        return self._process, *_pipes(self._process)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in _pipes(process):
            # What was still on its way to a process that is gone.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)


def draw(data: bytes) -> Drawn:
    """Return one picture drawn anew for somebody who waits. Raises PictureRefused, DrawersBusy."""
    if not _places.acquire(timeout=_PLACE_SECONDS):
        raise refusals.DrawersBusy(retry_after=5)
    try:
        with Drawer(nice=0) as drawer:
            return drawer.draw(data)
    finally:
        _places.release()


__all__ = ["MOST_BYTES", "WIDTHS", "Drawer", "Drawn", "draw"]
