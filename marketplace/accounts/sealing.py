"""Sealed secrets: what must be read back (a TOTP seed) lies in the database only under the application's key.

Encrypt-then-MAC with HMAC-SHA-256 as the stream and as the tag: no cipher library is in the dependencies, and a
pseudo-random function keyed apart for both uses, with a fresh nonce each time, needs nothing else. The context
(whose secret, which use) is part of the tag, so a sealed value can't be moved to another row.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_NONCE = 16
_TAG = 32


class SealBroken(RuntimeError):
    """A sealed value does not open: it was changed, moved, or sealed under a key that is gone."""


def _key(secret: str, use: str) -> bytes:
    return hmac.digest(secret.encode(), f"aanrader/seal/1/{use}".encode(), hashlib.sha256)


def _stream(secret: str, nonce: bytes, length: int) -> bytes:
    key = _key(secret, "stream")
    blocks = -(-length // 32)
    return b"".join(
        hmac.digest(key, nonce + number.to_bytes(4, "big"), hashlib.sha256) for number in range(blocks)
    )[:length]


def _tag(secret: str, context: str, nonce: bytes, body: bytes) -> bytes:
    described = len(context.encode()).to_bytes(4, "big") + context.encode()
    return hmac.digest(_key(secret, "tag"), described + nonce + body, hashlib.sha256)


def seal(plain: str, context: str, secret: str) -> str:
    """Return `plain` sealed under `secret` for one `context`, as printable text that differs each time."""
    nonce, data = secrets.token_bytes(_NONCE), plain.encode()
    body = bytes(a ^ b for a, b in zip(data, _stream(secret, nonce, len(data)), strict=True))
    sealed = nonce + body + _tag(secret, context, nonce, body)
    return "1:" + base64.urlsafe_b64encode(sealed).decode("ascii")


def unseal(sealed: str, context: str, keys: Sequence[str]) -> str:
    """Return what was sealed for `context` under any of `keys`. Raises SealBroken when none opens it."""
    version, _, text = sealed.partition(":")
    raw = base64.urlsafe_b64decode(text) if version == "1" else b""
    if len(raw) >= _NONCE + _TAG:
        nonce, body, tag = raw[:_NONCE], raw[_NONCE:-_TAG], raw[-_TAG:]
        for secret in keys:
            if hmac.compare_digest(tag, _tag(secret, context, nonce, body)):
                stream = _stream(secret, nonce, len(body))
                return bytes(a ^ b for a, b in zip(body, stream, strict=True)).decode()
    raise SealBroken(context)
