"""Identifiers: ordered ones for rows, random ones for what is guessed at, digests for what is kept."""

from __future__ import annotations

import hashlib
import secrets
import uuid

import uuid_utils.compat

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_id() -> uuid.UUID:
    """Return a UUID version 7: rows made later sort later. Never a secret."""
    return uuid_utils.compat.uuid7()


def short_code(length: int = 8) -> str:
    """Return a random base-62 code of `length` characters, for public links."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def secret_token(nbytes: int = 32) -> str:
    """Return an unguessable URL-safe token made of `nbytes` random bytes."""
    return secrets.token_urlsafe(nbytes)


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token: what is stored instead of the token itself."""
    return hashlib.sha256(token.encode()).digest()
