"""Fetching from the outside: https only, never from a private address, never more or longer than said.

Every hop is judged anew: the host is resolved once, every address must be global, and the connection goes to the
very address that was judged, with the name kept for TLS and Host. So neither a redirect nor a name whose address
changes between two look-ups reaches a machine of ours. In demo and test, `AANRADER_FETCH_HOSTS` maps named hosts to
loopback over http.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as ResolvingTimeout
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from marketplace.core import trust
from marketplace.core.config import Settings
from marketplace.core.errors import AppError
from marketplace.core.unpacking import FREE_BYTES, MOST_TIMES, BadPacking, Sink, Sniffer, Unpacker
from marketplace.core.watch import Watch

HOPS = 3
DEADLINE = 15
RESOLVE_DEADLINE = 5
SILENCE = 5
USER_AGENT = "aanrader-fetch/1"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Resolve = Callable[[str, int], list[str]]


class FetchRefused(AppError):
    """The address may not be fetched, or what it gave may not be used."""

    status = 422
    code = "fetch_refused"
    title = "That address can't be fetched"
    detail = "{url} was not fetched: {reason}."
    next = "Use an https address of a public site, on the standard port."


class FetchFailed(AppError):
    """The other side did not answer, or not in time."""

    status = 422
    code = "fetch_failed"
    title = "That site did not answer"
    detail = "{url} did not answer: {reason}."
    next = "Check that the site is up and try again."


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: where it came from in the end, its status, its media type in lower case, its body, its charset."""

    url: str
    status: int
    media_type: str
    body: bytes
    charset: str = ""

    @property
    def host(self) -> str:
        """Return the host that answered, lower case."""
        return host_of(self.url)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer whose body was written into a file: where it came from, its status and headers, size and SHA-256.

    `size` and `sha256` are of what was written, unpacked where it was packed.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """How an answer is wanted.

    headers: more of them, such as If-None-Match; silence: seconds that may pass between two pieces; unpack: gzip is
    taken, from the server or as a file, within the same limit of bytes; whole: an answer that doesn't say where it
    ends is refused, because nobody could tell that it broke off.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    silence: int = SILENCE
    unpack: bool = False
    whole: bool = False


PLAIN = Wish()


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    headers: dict[str, str]
    extensions: dict[str, Any]


def host_of(url: str) -> str:
    """Return the host of an address, lower case."""
    return (urlsplit(url).hostname or "").lower()


def get(
    url: str, settings: Settings, max_bytes: int, *, deadline: int = DEADLINE, resolve: Resolve | None = None
) -> Fetched:
    """Fetch an address with GET, following at most three redirects, and return the whole answer.

    max_bytes: the largest body taken; deadline: seconds for everything together; resolve: finds the addresses of
    a host (the system's resolver by default). Must not be called inside a transaction: it waits for strangers.
    Raises FetchRefused when the address, a redirect or the size is not allowed, FetchFailed when nothing comes.
    """
    body = io.BytesIO()
    stored = into(url, settings, body, max_bytes, deadline=deadline, resolve=resolve)
    kind = httpx.Response(200, headers=dict(stored.headers))
    media_type = stored.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(stored.url, stored.status, media_type, body.getvalue(), kind.charset_encoding or "")


def into(
    url: str,
    settings: Settings,
    file: Sink,
    max_bytes: int,
    *,
    deadline: int,
    wish: Wish = PLAIN,
    resolve: Resolve | None = None,
) -> Stored:
    """Fetch an address as `get` does and write the body into `file` piece by piece, so that it is never in memory.

    What was written counts only when this returns. Arguments and errors are those of `get`.
    """
    watch = Watch()
    timer = threading.Timer(deadline, watch.end)
    timer.daemon = True
    timer.start()
    try:
        for _ in range(HOPS + 1):
            found = _hop(_judge(url, settings, resolve or _resolve), url, file, max_bytes, watch, wish)
            if isinstance(found, Stored):
                return found
            url = found
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        reason = f"no answer within {deadline} s" if watch.ended else type(error).__name__
        raise FetchFailed(url=url, reason=reason) from error
    finally:
        timer.cancel()
    raise FetchRefused(url=url, reason=f"it redirects more than {HOPS} times")


def _hop(target: _Target, url: str, file: Sink, max_bytes: int, watch: Watch, wish: Wish) -> Stored | str:
    """Return the answer of one address, or the address to which it redirects."""
    if watch.ended:
        raise FetchFailed(url=url, reason="no answer in time")
    extensions = target.extensions | {"trace": watch.trace}
    headers = target.headers | {"Accept-Encoding": "gzip" if wish.unpack else "identity"} | dict(wish.headers)
    # A client per hop: a kept connection would be used for another name on the same machine, whose certificate it
    # never showed. And no proxy or credentials of the environment: who is connected to is decided here.
    with (
        trust.client(httpx.Timeout(SILENCE, read=wish.silence)) as client,
        client.stream("GET", target.url, headers=headers, extensions=extensions) as response,
    ):
        if response.status_code in _REDIRECTS and "location" in response.headers:
            return urljoin(url, response.headers["location"])
        body = _Body(url, file, max_bytes)
        try:
            _read(response, body, max_bytes, wish)
        except BadPacking as error:
            raise FetchRefused(url=url, reason=str(error)) from error
        if watch.ended:
            # A socket that was shut looks like the end of a body without a length.
            raise FetchFailed(url=url, reason="the answer did not end in time")
        return Stored(url, response.status_code, response.headers, body.size, body.sha256.digest())


def _read(response: httpx.Response, body: _Body, max_bytes: int, wish: Wish) -> None:
    """Write the body of an answer, unpacked where that was wished."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    has_end = "content-length" in response.headers or "transfer-encoding" in response.headers
    if wish.whole and not has_end and response.status_code == 200:
        raise FetchRefused(url=body.url, reason="it doesn't say where its answer ends")
    if packing not in (("identity", "gzip", "x-gzip", "") if wish.unpack else ("identity",)):
        # Unpacking what a stranger packed is how a small answer becomes a large one.
        raise FetchRefused(url=body.url, reason="it answered in a packed form that was not asked for")
    sniffer = Sniffer(body) if wish.unpack else None
    unpacker = Unpacker(sniffer) if sniffer and packing in ("gzip", "x-gzip") else None
    sink: Sink = unpacker or sniffer or body
    taken = 0
    for piece in response.iter_raw():
        taken += len(piece)
        if taken > max_bytes:
            raise FetchRefused(url=body.url, reason=f"it is larger than {max_bytes} bytes")
        if wish.unpack:
            # Once more for both together: what is packed twice shrinks twice.
            body.most = min(max_bytes, FREE_BYTES + MOST_TIMES * taken)
        sink.write(piece)
    if unpacker and taken:
        unpacker.close()
    if sniffer:
        sniffer.close()


class _Body:
    """Writes what comes into a file, and counts and hashes it on the way."""

    def __init__(self, url: str, file: Sink, max_bytes: int) -> None:
        self.url, self.size, self.sha256 = url, 0, hashlib.sha256()
        self._file, self.most = file, max_bytes

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises FetchRefused beyond the limit."""
        self.size += len(piece)
        if self.size > self.most:
            raise FetchRefused(url=self.url, reason=f"it is larger than {self.most} bytes")
        self.sha256.update(piece)
        self._file.write(piece)


def _judge(url: str, settings: Settings, resolve: Resolve) -> _Target:
    """Return how to reach an address that may be fetched, pinned to the machine that was judged."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchRefused(url=url, reason="it is not an address") from error
    host = (parts.hostname or "").lower()
    if not host or not url.isascii() or any(ord(character) <= 32 for character in url) or "\\" in url:
        raise FetchRefused(url=url, reason="it is not an address")
    if parts.username is not None or parts.password is not None:
        raise FetchRefused(url=url, reason="it carries a user name or password")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": host, "User-Agent": USER_AGENT}
    if not settings.is_production and host in settings.fetch_hosts:
        return _Target(f"http://{settings.fetch_hosts[host]}{path}", headers, {})
    if parts.scheme != "https":
        raise FetchRefused(url=url, reason="it is not https")
    if port not in (None, 443):
        raise FetchRefused(url=url, reason="it is not on the standard port")
    address = _global_address(url, host, resolve)
    pinned = f"[{address}]" if ":" in address else address
    return _Target(f"https://{pinned}{path}", headers, {"sni_hostname": host})


def _global_address(url: str, host: str, resolve: Resolve) -> str:
    try:
        addresses = resolve(host, RESOLVE_DEADLINE)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(url=url, reason="its name is not known") from error
    # All of them, not only the one used: a name with one private address is a trap.
    if not addresses or not all(is_global(address) for address in addresses):
        raise FetchRefused(url=url, reason="it is not on the public internet")
    return addresses[0]


def is_global(address: str) -> bool:
    """Tell whether an address belongs to the public internet, also when it is IPv4 inside IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1] or _nat64(parsed)
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _resolve(host: str, deadline: int) -> list[str]:
    """Ask the system for the addresses of a host; its resolver knows no deadline, so another thread waits for it."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolve")
    try:
        found = pool.submit(socket.getaddrinfo, host, 443, type=socket.SOCK_STREAM).result(timeout=deadline)
    except ResolvingTimeout as error:
        raise OSError("the name was not resolved in time") from error
    finally:
        pool.shutdown(wait=False)
    return [str(entry[4][0]) for entry in found]
