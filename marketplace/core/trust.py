"""Clients for fetching from the outside, and whose certificates count for them."""

from __future__ import annotations

import functools
import ssl

import httpx


def client(timeout: httpx.Timeout) -> httpx.Client:
    """Return a client that takes no proxy and no credentials of the environment, and follows no redirect by itself."""
    return httpx.Client(verify=_authorities(), trust_env=False, follow_redirects=False, timeout=timeout)


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Return the authorities that count, read once a process: reading them takes as long as a small fetch (30 ms)."""
    return httpx.create_ssl_context(trust_env=False)
