"""Passwords: argon2id, at least 15 characters, and the same work whether or not the person exists."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pwdlib.hashers.argon2 import Argon2Hasher

from marketplace.core import config, ids
from marketplace.core.errors import InvalidInput

# NIST SP 800-63B-4 wants 15 where the password is the only factor, and no rules of composition.
SHORTEST, LONGEST = 15, 256
_FEWEST_DIFFERENT = 5
# Each takes 64 MB while it lasts; more at once would be no faster on a few cores, and fill the memory.
_at_once = threading.BoundedSemaphore(4)


@cache
def _hasher(cheap: bool) -> Argon2Hasher:
    # Tests verify hundreds of passwords, and a demo prints its own on the screen; their work factor is the only thing
    # about them that is lower.
    return Argon2Hasher(time_cost=1, memory_cost=8 * 1024, parallelism=1) if cheap else Argon2Hasher()


@contextmanager
def _present() -> Iterator[Argon2Hasher]:
    with _at_once:
        yield _hasher(not config.current().is_production)


@cache
def _dummy(cheap: bool) -> str:
    return _hasher(cheap).hash(ids.secret_token())


def refuse_weak(password: str, *known: str, field: str = "password") -> None:
    """Raise InvalidInput for a password that is too short, too long, repetitive, or is the name or address."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput({field: [f"Use {SHORTEST} to {LONGEST} characters; a sentence is fine."]})
    if len(set(password)) < _FEWEST_DIFFERENT:
        raise InvalidInput({field: ["Use more different characters."]})
    if password.casefold() in {word.casefold() for word in known}:
        raise InvalidInput({field: ["Don't use your name or e-mail address."]})


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password; takes a noticeable moment, so never inside a transaction."""
    with _present() as hasher:
        return hasher.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is right, after exactly one argon2 verification.

    password_hash: None for somebody unknown; a dummy is then verified, so that time tells nothing.
    """
    cheap = not config.current().is_production
    shown = password_hash if password_hash is not None else _dummy(cheap)
    with _present() as hasher:
        right = hasher.verify(password, shown)
    return right and password_hash is not None
