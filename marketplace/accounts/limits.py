"""How often something may be tried; counted in Valkey by wall time, and closed when Valkey is away.

A try is counted from narrow to wide: who was tried from one address, the address, its network, the person, everybody.
A refused try counts no further, so that nobody alone can use up what belongs to others: one address can't shut a
person out who signs in from elsewhere, nor one network everybody.
"""

from __future__ import annotations

import ipaddress
from functools import cache

from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from marketplace.core import clock, config
from marketplace.core.errors import RateLimited, Unavailable

# Per name: what one counter may hold. docs/limits.md says why; a test holds the two together.
RULES = {
    "sign_in.person_address": "10/5 minutes",
    "sign_in.address": "60/5 minutes",
    "sign_in.net": "300/5 minutes",
    "sign_in.person": "100/5 minutes",
    "sign_in.everybody": "1000/5 minutes",
    "sign_up.address": "50/hour",
    "sign_up.net": "100/hour",
    "sign_up.person": "10/day",
    "sign_up.everybody": "2000/hour",
    "reset.address": "20/hour",
    "reset.net": "60/hour",
    "reset.person": "5/day",
    "reset.everybody": "2000/hour",
    "token.address": "50/5 minutes",
    "token.net": "100/5 minutes",
    "token.everybody": "2000/5 minutes",
    "totp.tries": "5/5 minutes",
    "totp.failures": "20/hour; 50/day",
    "domain.proof": "60/hour",
    "invitation": "200/day",
    "feed.fetch": "30/hour",
    "product.page": "240/hour",
    "picture.send": "120/hour",
    "code.asked": "1200/hour",
    "code.missed": "60/hour",
    "ask.address": "20/hour",
    "ask.net": "100/hour",
    "ask.everybody": "2000/hour",
    "vote.address": "300/hour",
    "vote.net": "1500/hour",
    "follow.address": "20/hour",
    "follow.net": "100/hour",
    "follow.everybody": "2000/hour",
    "report.address": "20/hour",
    "report.net": "100/hour",
    "report.everybody": "2000/hour",
}


class LimitsUnavailable(Unavailable):
    """Tries can't be counted now, so none is allowed."""

    code = "limits_unavailable"
    detail = "Tries can't be counted now, so signing in is closed for the moment."


def _address(url: str) -> str:
    if not url:
        return "memory://"
    # redis-py and the limits library spell a Unix socket differently.
    return url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url


@cache
def _storage(url: str) -> Storage:
    address = _address(url)
    options: dict[str, int | str] = {}
    if address != "memory://":
        options = {"socket_timeout": 1, "socket_connect_timeout": 1, "key_prefix": "aan-limits"}
    storage = storage_from_string(address, **options)
    if not isinstance(storage, Storage):
        raise TypeError("limits are counted by a synchronous storage")
    return storage


@cache
def _items(name: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(RULES[name]))


def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(_storage(config.current().redis_url))


def net_of(address: str | None) -> str:
    """Return the network that an address is counted under: /24 of IPv4, /48 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def spend(name: str, *who: str) -> None:
    """Count one try. Raises RateLimited when there were too many, LimitsUnavailable when nobody can count."""
    limiter = _limiter()
    try:
        for item in _items(name):
            if not limiter.hit(item, name, *who):
                raise RateLimited(retry_after=_wait(limiter, item, name, *who), what=name)
    except (RedisError, StorageError, OSError) as error:
        raise LimitsUnavailable(retry_after=5) from error


def spend_visit(what: str, address: str | None, person: str | None = None) -> None:
    """Count one try at a door that is open to everybody, from narrow to wide.

    what: sign_in, sign_up, reset or token; address: of the connection; person: who was tried, however the rules of
    that door count people. Raises RateLimited, LimitsUnavailable.
    """
    here = address or "unknown"
    for name, who in (
        ("person_address", (person, here)),
        ("address", (here,)),
        ("net", (net_of(address),)),
        ("person", (person,)),
        ("everybody", ()),
    ):
        if f"{what}.{name}" in RULES and None not in who:
            spend(f"{what}.{name}", *map(str, who))


def refuse_exhausted(name: str, *who: str) -> None:
    """Raise RateLimited when no try is left, without counting one."""
    limiter = _limiter()
    try:
        for item in _items(name):
            if not limiter.test(item, name, *who):
                raise RateLimited(retry_after=_wait(limiter, item, name, *who), what=name)
    except (RedisError, StorageError, OSError) as error:
        raise LimitsUnavailable(retry_after=5) from error


def forgive(name: str, *who: str) -> None:
    """Forget the tries of one counter, after a success that proves who it was."""
    limiter = _limiter()
    try:
        for item in _items(name):
            limiter.clear(item, name, *who)
    except (RedisError, StorageError, OSError) as error:
        raise LimitsUnavailable(retry_after=5) from error


def _wait(limiter: MovingWindowRateLimiter, item: RateLimitItem, *identifiers: str) -> int:
    return max(1, int(limiter.get_window_stats(item, *identifiers).reset_time - clock.wall().timestamp()) + 1)
