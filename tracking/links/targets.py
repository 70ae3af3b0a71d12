"""Target addresses: what a tracked link may lead to; pure, asked when a link is made and again by every edge.

A link leads only to https (or, on a throw-away installation, http) addresses whose host is exactly a verified domain
of the shop. There are no patterns, no sub-domains by implication, no ports and no credentials in the address.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import idna

# Where the click token travels in a shop's address.
PARAMETER = "aan"
LONGEST = 2000
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_BARE = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?:[/?#]|\Z)", re.IGNORECASE)
_UNWANTED = re.compile(r"[\x00-\x20\x7f\\]")


class TargetRefused(Exception):
    """A tracked link may not lead there; `reason` is a word for programs, the message a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address: `url` is ASCII and safe in a Location header; `host` is lower-case ASCII."""

    url: str
    host: str


def completed(text: str) -> str:
    """Return an address with https:// before it where that was left out, as browsers show it; else as it was."""
    text = text.strip()
    return f"https://{text}" if _BARE.match(text) else text


def parse(text: str, *, http_allowed: bool = False) -> Target:
    """Return the address as a target: as it was given, without a token of another click in it.

    Letters outside ASCII are written in their encoded form; path, query and fragment mean what they meant.
    Raises TargetRefused for what is not a plain https address on a public name.
    """
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise TargetRefused("length", f"An address has 1 to {LONGEST} characters.")
    if _UNWANTED.search(text):
        raise TargetRefused("characters", "An address holds no spaces, line ends or backslashes.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise TargetRefused("shape", "This is not a web address.") from error
    if parts.scheme not in (("https", "http") if http_allowed else ("https",)) or not parts.netloc:
        raise TargetRefused("scheme", "The address must start with https://.")
    if "@" in parts.netloc:
        raise TargetRefused("credentials", "An address with a user name in it is not followed.")
    if port is not None and port != {"https": 443, "http": 80}[parts.scheme]:
        raise TargetRefused("port", "The address must not name a port.")
    host = _ascii_host(host)
    query = _without_token(parts.query)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._[]") or "/"
    url = f"{parts.scheme}://{host}{path}"
    if query:
        url += "?" + quote(query, safe="/%:@!$&'()*+,;=~-._?[]")
    if parts.fragment:
        url += "#" + quote(parts.fragment, safe="/%:@!$&'()*+,;=~-._?")
    if len(url) > LONGEST:
        raise TargetRefused("length", f"An address has at most {LONGEST} characters.")
    return Target(url, host)


def check(url: str, hosts: Collection[str], *, http_allowed: bool = False) -> Target:
    """Return the target when its host is one of the shop's verified `hosts`. Raises TargetRefused otherwise."""
    target = parse(url, http_allowed=http_allowed)
    if target.host not in hosts:
        raise TargetRefused("host", f"{target.host} is not a verified domain of this shop.")
    return target


def split_for_token(url: str) -> tuple[str, str]:
    """Return what comes before and after the token when it is added to an address's query."""
    base, hash_mark, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    return f"{base}{joint}{PARAMETER}=", f"{hash_mark}{fragment}"


def _without_token(query: str) -> str:
    parts = query.split("&")
    kept = [part for part in parts if unquote(part.partition("=")[0]).lower() != PARAMETER]
    return query if len(kept) == len(parts) else "&".join(kept)


def _ascii_host(host: str) -> str:
    try:
        # Plain names are most of all names, and idna.encode refuses some that are in use, with underscores or so.
        name = host if host.isascii() else idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise TargetRefused("host", "The host of this address is not a valid name.") from error
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise TargetRefused("host", "The host of this address is not a public name.")
    return name
