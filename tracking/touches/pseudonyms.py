"""Names for visitors that only this platform can make, that expire, and that don't join two shops' rows; pure."""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

DAY_MS = 86_400_000


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode(), "sha256")


def day_key(secret: str, day: int) -> bytes:
    """Return the key with which visitors are told apart on one day; `day` counts from 1970-01-01 UTC.

    Every edge derives the same key, so that a visitor who meets two edges counts once.
    """
    return _derived(secret, f"aanrader dedup {day}")


def namer(key: bytes) -> Callable[[str, str], str]:
    """Return a function that names the visitors of one day: (network, user agent) to 32 digits.

    The digits stay the same for one network and user agent on that day, and say nothing else. The key is worked in
    once, which counts on the redirect.
    """
    keyed = hashlib.blake2b(key=key, digest_size=16).copy

    def dedup(network: str, agent: str) -> str:
        mixed = keyed()
        mixed.update(f"{network}\n{agent}".encode("utf-8", "replace"))
        return mixed.hexdigest()

    return dedup


def visitor_key(secret: str) -> bytes:
    """Return the key behind visitor ids."""
    return _derived(secret, "aanrader visitor")


def visitor_id(key: bytes, seed: str, shop: str) -> str:
    """Return the visitor's 32 digits at one shop; those of two shops can't be joined without the key."""
    return hmac.digest(key, f"{seed}{shop}".encode(), "sha256").hex()[:32]


def network(address: str) -> str:
    """Return the part of an address that visitors are told apart by: /24 of IPv4, /48 of IPv6."""
    head, dot, _ = address.rpartition(".")
    if dot and ":" not in head:
        return head
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return ""
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped).rpartition(".")[0]
    return parsed.exploded[:14]


def client_address(environ: Mapping[str, Any], proxies: int = 0) -> str:
    """Return the visitor's address: that of the connection, or what the first of our own proxies saw.

    proxies: how many of ours stand in front. Each adds the address it saw on the right of X-Forwarded-For; what is
    further left anybody can write. With fewer entries than proxies nothing of it counts.
    """
    if proxies:
        seen = environ.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)
        address: str = seen[-proxies].strip() if len(seen) >= proxies else ""
        if address:
            return address
    peer: str = environ.get("REMOTE_ADDR", "")
    return peer
