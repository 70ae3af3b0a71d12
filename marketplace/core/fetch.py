"""Fetching from the outside: https only, never from a private address, never more or longer than said.

Every hop is judged anew: the host is resolved once, every address must be global, and the connection goes to the
very address that was judged, with the name kept for TLS and Host. So neither a redirect nor a name whose address
changes between two look-ups reaches a machine of ours. In demo and test, `AANRADER_FETCH_HOSTS` maps named hosts to
loopback over http.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as ResolvingTimeout
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from marketplace.core.config import Settings
from marketplace.core.errors import AppError

HOPS = 3
DEADLINE = 15
RESOLVE_DEADLINE = 5
TIMEOUT = httpx.Timeout(5)
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
    """An answer: where it came from in the end, its status, its media type in lower case, its body."""

    url: str
    status: int
    media_type: str
    body: bytes

    @property
    def host(self) -> str:
        """Return the host that answered, lower case."""
        return (urlsplit(self.url).hostname or "").lower()


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    headers: dict[str, str]
    extensions: dict[str, Any]


def get(
    url: str, settings: Settings, max_bytes: int, *, deadline: int = DEADLINE, resolve: Resolve | None = None
) -> Fetched:
    """Fetch an address with GET, following at most three redirects, and return the whole answer.

    max_bytes: the largest body taken; deadline: seconds for everything together; resolve: finds the addresses of
    a host (the system's resolver by default). Must not be called inside a transaction: it waits for strangers.
    Raises FetchRefused when the address, a redirect or the size is not allowed, FetchFailed when nothing comes.
    """
    watch = _Watch()
    timer = threading.Timer(deadline, watch.end)
    timer.daemon = True
    timer.start()
    try:
        for _ in range(HOPS + 1):
            answer, location = _hop(url, settings, max_bytes, watch, resolve or _resolve)
            if location is None:
                return answer
            url = location
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        reason = f"no answer within {deadline} s" if watch.ended else type(error).__name__
        raise FetchFailed(url=url, reason=reason) from error
    finally:
        timer.cancel()
    raise FetchRefused(url=url, reason=f"it redirects more than {HOPS} times")


class _Watch:
    """Ends a fetch that takes too long: it shuts the socket, which wakes whoever reads from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.ended = False

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Notice the socket of each connection that is made, as httpcore reports it."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        raw = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._socket = raw
            if self.ended:
                self._shut()

    def end(self) -> None:
        """Shut what is open now, and whatever would be opened after."""
        with self._lock:
            self.ended = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is None:
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other side was faster; there is nothing left to shut.
            self._socket = None


def _hop(
    url: str, settings: Settings, max_bytes: int, watch: _Watch, resolve: Resolve
) -> tuple[Fetched, str | None]:
    target = _judge(url, settings, resolve)
    if watch.ended:
        raise FetchFailed(url=url, reason="no answer in time")
    extensions = target.extensions | {"trace": watch.trace}
    # A client per hop: a kept connection would be used for another name on the same machine, whose certificate it
    # never showed. And no proxy or credentials of the environment: who is connected to is decided here.
    with (
        httpx.Client(trust_env=False, follow_redirects=False, timeout=TIMEOUT) as client,
        client.stream("GET", target.url, headers=target.headers, extensions=extensions) as response,
    ):
        if response.status_code in _REDIRECTS and "location" in response.headers:
            location = urljoin(url, response.headers["location"])
            return Fetched(url, response.status_code, "", b""), location
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # Unpacking what a stranger packed is how a small answer becomes a large one.
            raise FetchRefused(url=url, reason="it answered in a packed form that was not asked for")
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > max_bytes:
                raise FetchRefused(url=url, reason=f"it is larger than {max_bytes} bytes")
        if watch.ended:
            # A socket that was shut looks like the end of a body without a length.
            raise FetchFailed(url=url, reason="the answer did not end in time")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(url, response.status_code, media_type, bytes(body)), None


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
    headers = {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
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
