"""The pictures of the demo's products: drawn beside the play, and there when the demo is ready."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

# They are drawn while the world is played; what is left then is waited for so long and no longer.
PATIENCE_SECONDS = 25.0
_LOOK_SECONDS = 0.25
_MISSING = """
SELECT count(*) FROM product p JOIN shop s ON s.id = p.shop_id LEFT JOIN product_picture f ON f.product_id = p.id
 WHERE s.state = 'live' AND p.retired_at IS NULL AND p.image_link IS NOT NULL
   AND f.picture_id IS NULL AND f.failure_code IS NULL
"""


def missing(facts: Mapping[str, Any]) -> int:
    """Return how many products of live shops name a picture that nobody has asked for yet."""
    url = make_url(facts["admin_database_url"]).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        row = connection.execute(_MISSING).fetchone()
    return int(row[0]) if row else 0


def wait(facts: Mapping[str, Any], patience: float = PATIENCE_SECONDS) -> int:
    """Wait until every product has its picture, at most `patience` seconds; return how many are still to come."""
    deadline = time.monotonic() + patience
    while (left := missing(facts)) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return left
