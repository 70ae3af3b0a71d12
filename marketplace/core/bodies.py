"""Bodies of requests: read whole or refused, and never so many slow senders that nobody else is served.

The server hands a request over before its body has come, and gives no way to end a wait for it: whoever sends slowly
holds a thread. So only so many threads wait for bodies at once, and few of them for one address; who finds no place is
refused at once. Strangers can still keep other senders waiting from many addresses, which only a proxy that takes
bodies in before it passes them on can mend (docs/operations.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask

from marketplace.core.errors import MalformedRequest, PayloadTooLarge, Unavailable

PLACES = 40
PLACES_OF_ONE = 12
PATIENCE = 0.1


class TooManyBodies(Unavailable):
    """So many bodies are under way, from everywhere or from one address, that this one is not waited for."""

    code = "too_many_bodies"
    detail = "Too many requests whose body is still on its way."


class BodyCutOff(MalformedRequest):
    """The body ended before the end that was announced, or was never rightly begun."""

    code = "body_cut_off"
    detail = "The body ended early, or its parts can't be told apart."
    next = "Send the whole body again, with a right Content-Length."


class Waiting:
    """Counts the threads that wait for bodies, in all and for each address."""

    def __init__(self, places: int = PLACES, places_of_one: int = PLACES_OF_ONE) -> None:
        self._places, self._places_of_one = places, places_of_one
        self._here: dict[str, int] = {}
        self._changed = threading.Condition()

    def _is_full(self, address: str) -> bool:
        return self._here.get(address, 0) >= self._places_of_one or sum(self._here.values()) >= self._places

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place while a body of this address is read.

        Raises TooManyBodies when none becomes free in a moment: honest bodies come in less, so a burst passes.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._is_full(address), PATIENCE):
                raise TooManyBodies(retry_after=2)
            self._here[address] = self._here.get(address, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._here[address] -= 1
                if self._here[address] == 0:
                    del self._here[address]
                self._changed.notify_all()


waiting = Waiting()


class Stream:
    """A body that is read piece by piece; it must come to the length that was announced."""

    def __init__(self, request: flask.Request) -> None:
        if "Transfer-Encoding" in request.headers:
            # Where no length is announced the server can't tell an end from a connection that broke.
            raise BodyCutOff()
        self._stream, self._left = request.stream, request.content_length or 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end. Raises BodyCutOff when that comes too early."""
        piece: bytes = self._stream.read(size)
        self._left -= len(piece)
        if not piece and size and self._left > 0:
            raise BodyCutOff()
        return piece


@contextmanager
def streamed(request: flask.Request) -> Iterator[Stream]:
    """Give the body to be read piece by piece. Raises BodyCutOff, TooManyBodies."""
    with waiting.place(request.remote_addr or ""):
        yield Stream(request)


class Request(flask.Request):
    """A request whose body comes whole or not at all.

    One of undeclared length is refused at the limit; the library would cut it off there. One that broke off is refused;
    the server gives what came, or nothing, as if that were all.
    """

    _whole = False

    def get_data(self, *arguments: Any, **named: Any) -> Any:
        """Return the body. Raises PayloadTooLarge, BodyCutOff, TooManyBodies."""
        if self._whole:
            return super().get_data(*arguments, **named)
        is_chunked = "Transfer-Encoding" in self.headers
        if not self.content_length and not is_chunked:
            return super().get_data(*arguments, **named)
        with waiting.place(self.remote_addr or ""):
            data = super().get_data(*arguments, **named)
        limit = self.max_content_length
        if limit is not None and len(data) >= limit and self.content_length != len(data):
            raise PayloadTooLarge(limit=limit)
        if len(data) < (self.content_length or 0) or (is_chunked and not data):
            raise BodyCutOff()
        self._whole = True
        return data
