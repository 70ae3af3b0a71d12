"""Keyed digests of what identifies a customer; the raw values are dropped at intake and used in one shop only."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID


def customer_key(secret_key: str, shop_id: UUID, ref: str) -> bytes:
    """Return the pseudonym of a shop's customer reference: 32 bytes, another in each shop."""
    return _digest(secret_key, "customer-ref", shop_id, ref)


def email_key(secret_key: str, shop_id: UUID, email_sha256: str) -> bytes:
    """Return the pseudonym of an e-mail digest (64 hexadecimal digits, any case) in one shop."""
    return _digest(secret_key, "customer-email", shop_id, email_sha256.lower())


def content_digest(secret_key: str, shop_id: UUID, text: str) -> str:
    """Return what is kept of a private field, to see later whether a repeat carries the same."""
    return _digest(secret_key, "content", shop_id, text).hex()


def _digest(secret_key: str, purpose: str, shop_id: UUID, value: str) -> bytes:
    # A key of its own per purpose and shop, so that no two tables or shops can be joined by the digests.
    key = hmac.new(secret_key.encode(), f"{purpose}:{shop_id}".encode(), hashlib.sha256).digest()
    return hmac.new(key, value.encode(), hashlib.sha256).digest()
