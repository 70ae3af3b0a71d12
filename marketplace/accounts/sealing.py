"""Sealed secrets: what must be read back (a TOTP seed) lies in the database only under the application's key.

AES-256-GCM with a fresh nonce each time, under a key derived from the application's secret (HKDF, RFC 5869). The
context (whose secret, which use) is authenticated with it, so a sealed value can't be moved to another row.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
_VERSION = "1"


class SealBroken(RuntimeError):
    """A sealed value does not open: it was changed, moved, or sealed under a key that is gone."""


@lru_cache(maxsize=16)
def _cipher(secret: str) -> AESGCM:
    key = HKDF(SHA256(), length=32, salt=None, info=b"aanrader/seal/1").derive(secret.encode())
    return AESGCM(key)


def seal(plain: str, context: str, secret: str) -> str:
    """Return `plain` sealed under `secret` for one `context`, as printable text that differs each time."""
    nonce = secrets.token_bytes(_NONCE)
    body = _cipher(secret).encrypt(nonce, plain.encode(), context.encode())
    return f"{_VERSION}:{base64.urlsafe_b64encode(nonce + body).decode('ascii')}"


def unseal(sealed: str, context: str, keys: Sequence[str]) -> str:
    """Return what was sealed for `context` under any of `keys`. Raises SealBroken when none opens it."""
    version, _, text = sealed.partition(":")
    try:
        raw = base64.urlsafe_b64decode(text) if version == _VERSION else b""
    except binascii.Error as error:
        raise SealBroken(context) from error
    for secret in keys:
        try:
            return _cipher(secret).decrypt(raw[:_NONCE], raw[_NONCE:], context.encode()).decode()
        except (InvalidTag, ValueError):
            continue
    raise SealBroken(context)
