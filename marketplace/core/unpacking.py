"""Unpacking gzip that strangers packed: never more than said, and a bomb is dropped before it has cost anything."""

from __future__ import annotations

import zlib
from typing import Protocol

MAGIC = b"\x1f\x8b"
# Feeds shrink to a tenth, repetitive ones to a fortieth; what shrinks to a thousandth was made to burst here.
MOST_TIMES = 100
FREE_BYTES = 1_000_000
_STEP = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Sink(Protocol):
    """Anything that takes bytes piece by piece."""

    def write(self, piece: bytes, /) -> object:
        """Take a piece."""


class BadPacking(ValueError):
    """What came can't be unpacked, or would become far more than it is; says why."""


class Unpacker:
    """Writes into `sink` what gzip holds, also several members one after another, in bounded pieces."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._engine = sink, zlib.decompressobj(_GZIP)
        self._taken = self._given = 0
        self._held = b""

    def write(self, piece: bytes) -> None:
        """Unpack a piece. Raises BadPacking where it is no gzip or holds over MOST_TIMES what it is large."""
        self._taken += len(piece)
        rest = self._held + piece
        self._held = b""
        while rest:
            if self._engine.eof:
                rest = self._next_member(rest)
                continue
            rest = self._unpacked(rest)

    def _unpacked(self, piece: bytes) -> bytes:
        try:
            content = self._engine.decompress(piece, _STEP)
        except zlib.error as error:
            raise BadPacking("what it packed can't be unpacked") from error
        self._given += len(content)
        if self._given > FREE_BYTES + MOST_TIMES * self._taken:
            raise BadPacking(f"it unpacks to more than {MOST_TIMES} times its size")
        self._sink.write(content)
        return self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail

    def _next_member(self, rest: bytes) -> bytes:
        rest = rest.lstrip(b"\x00")  # Padding, as tapes and some servers add it.
        if not rest:
            return b""
        if len(rest) < len(MAGIC) and MAGIC.startswith(rest):
            self._held = rest
            return b""
        if not rest.startswith(MAGIC):
            raise BadPacking("something else follows what it packed")
        self._engine = zlib.decompressobj(_GZIP)
        return rest

    def close(self) -> None:
        """Say that no more comes. Raises BadPacking when the packed content broke off."""
        if self._held or not self._engine.eof:
            raise BadPacking("what it packed broke off")


class Sniffer:
    """Passes bytes on, and unpacks them first when they begin as gzip does: a file packed on the disk of a host."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._head = sink, b""
        self._next: Sink | None = None

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises BadPacking as `Unpacker.write` does."""
        if self._next is None:
            piece = self._head + piece
            if len(piece) < len(MAGIC):
                self._head = piece
                return
            self._next = Unpacker(self._sink) if piece.startswith(MAGIC) else self._sink
        self._next.write(piece)

    def close(self) -> None:
        """Say that no more comes. Raises BadPacking when packed content broke off."""
        if self._next is None:
            self._sink.write(self._head)
        elif isinstance(self._next, Unpacker):
            self._next.close()
