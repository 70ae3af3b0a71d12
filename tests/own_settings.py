"""Settings for a test: keys of its own, nothing in production, no network beyond this machine."""

from __future__ import annotations

import secrets
from typing import Any

from marketplace.core import config


def own_settings(**facts: Any) -> config.Settings:
    """Return settings with fresh keys on http://localhost; facts: what else a test sets."""
    return config.Settings(
        mode="test",
        secret_key=secrets.token_hex(32),
        token_keys=((1, secrets.token_bytes(32)),),
        base_url="http://localhost",
        edge_url="http://localhost",
        **facts,
    )
