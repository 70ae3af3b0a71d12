"""Addresses of product pages: which are acceptable, and when two of them mean the same page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import idna

MOST_CHARACTERS = 2000
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)
_ALLOWED = re.compile(r"[^\x00-\x20\x7f\\<>\"^`{|}]+")
_TRACKING = frozenset({"gclid", "fbclid", "msclkid", "dclid", "gbraid", "wbraid", "srsltid", "aan", "mc_eid"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What may stand in an address as it is, besides letters and digits; % because it may be encoded in part already.
_AS_IT_IS = "/:?#[]@!$&'()*+,;=%~"
# Nearly all addresses are of these forms, for which the answers below can be had without taking them apart.
_SAFE = re.compile(r"[A-Za-z0-9/:?#\[\]@!$&'()*+,;=%~._-]+")
_USUAL = re.compile(r"https?://([a-z0-9.-]+)(?:[/?][A-Za-z0-9/:?@!$&'()*+,;=%~._-]*)?")
_PLAIN = re.compile(
    r"https?://([a-z0-9.-]+)(/[A-Za-z0-9._~/-]*)?"
    r"(?:\?([A-Za-z0-9_.-]+=[A-Za-z0-9_.-]*(?:&[A-Za-z0-9_.-]+=[A-Za-z0-9_.-]*)*))?"
)


class AddressUnreadable(ValueError):
    """An address that can't be used; says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """An absolute http or https address, as given, and its host in lower case (ASCII form)."""

    url: str
    host: str


def read_address(text: str) -> Address:
    """Return an absolute http(s) address. Raises AddressUnreadable, which says what is the matter with it."""
    url = text.strip()
    if not url:
        raise AddressUnreadable("The address is empty.")
    if len(url) > MOST_CHARACTERS:
        raise AddressUnreadable(f"The address is longer than {MOST_CHARACTERS} characters.")
    if usual := _USUAL.fullmatch(url):
        return Address(url, _ascii_host(usual[1]))
    if not _ALLOWED.fullmatch(url):
        raise AddressUnreadable("The address has spaces or signs that an address can't have.")
    split = _split(url)
    if split.username is not None or split.password is not None:
        raise AddressUnreadable("The address carries a user name.")
    return Address(url, _ascii_host(split.hostname or ""))


def mended(text: str) -> str:
    """Return an address with what an address can't have percent-encoded behind its host, as browsers do it.

    Spaces, letters beyond ASCII and a few signs are encoded; control characters and backslashes never, nor anything in
    the host: then the text comes back as it was, and read_address says what is the matter.
    """
    url = text.strip()
    if _SAFE.fullmatch(url):
        return text
    begun, parted, host = url.partition("://")
    end = next((at for at, sign in enumerate(host) if sign in "/?#"), len(host))
    if not parted or re.search(r"[\x00-\x1f\x7f\\]", url) or len(url) > MOST_CHARACTERS:
        return text
    return f"{begun}://{host[:end]}{quote(host[end:], safe=_AS_IT_IS)}"


def _split(url: str) -> SplitResult:
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError as error:
        raise AddressUnreadable("The address can't be read.") from error
    if split.scheme.lower() not in _DEFAULT_PORTS or not split.netloc:
        raise AddressUnreadable("The address doesn't begin with https:// or http://.")
    return split


@lru_cache(maxsize=1024)
def _ascii_host(host: str) -> str:
    try:
        name = host.rstrip(".").lower()
        # UTS 46, as domains and links are read, so that one shop has one name in all three.
        ascii_host = (
            name if name.isascii() else idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
        )
    except idna.IDNAError as error:
        raise AddressUnreadable("The host name of the address can't be read.") from error
    if not _HOST.fullmatch(ascii_host):
        raise AddressUnreadable("The host name of the address is not a full name such as www.example.com.")
    return ascii_host


def page_digest(address: Address) -> bytes:
    """Return 32 bytes that are equal for addresses of one page: scheme, www., fragment, order of the query
    and the parameters that advertisers add (utm_*, gclid and the like) don't matter.
    """
    if plain := _PLAIN.fullmatch(address.url):
        pairs = () if plain[3] is None else _within(pair.split("=", 1) for pair in plain[3].split("&"))
        query = "&".join([f"{name}={value}" for name, value in pairs])
        page = f"{plain[1].rstrip('.').removeprefix('www.')}{(plain[2] or '').rstrip('/')}?{query}"
        return hashlib.sha256(page.encode("ascii")).digest()
    split = urlsplit(address.url)
    port = "" if split.port in (None, _DEFAULT_PORTS[split.scheme.lower()]) else f":{split.port}"
    path = split.path if split.path.isascii() else quote(split.path, safe=_AS_IT_IS, errors="surrogatepass")
    query = urlencode(_within(parse_qsl(split.query, keep_blank_values=True)))
    page = f"{address.host.removeprefix('www.')}{port}{path.rstrip('/')}?{query}"
    return hashlib.sha256(page.encode("utf-8", "surrogatepass")).digest()


def _within(query: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """Return the pairs of a query that tell pages apart, in one order."""
    return sorted(
        (name, value)
        for name, value in query
        if name.lower() not in _TRACKING and not name.lower().startswith("utm_")
    )
