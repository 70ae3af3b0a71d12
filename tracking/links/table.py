"""The link table as edges see it: a thin reader of the view `edge_link`, with nothing of the marketplace behind it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from marketplace.core import patience

CHANNEL = "edge"
_ALL = (
    "SELECT path, link_id, shop_id, adviser_id, offer_id, kind, target_url, consent_mode, standing, hosts"
    " FROM edge_link"
)


class LinkRow(NamedTuple):
    """One address of the edge: `path` as in the request, ids as 32 digits, `hosts` the shop's verified domains.

    standing: live, paused, banned, left or disabled.
    """

    path: str
    link_id: str
    shop_id: str
    adviser_id: str
    offer_id: str
    kind: str
    target_url: str
    consent_mode: str
    standing: str
    hosts: tuple[str, ...]


def connect(
    database_url: str, *, name: str = "aanrader-edge", seconds: float = 10.0
) -> psycopg.Connection[Any]:
    """Open a connection as the edge's own role; slow answers are errors, because visitors wait behind them.

    database_url: as in the settings (the SQLAlchemy form is understood); seconds: that an answer may take.
    Raises psycopg.OperationalError.
    """
    return patience.bounded(limit=seconds).connect(
        database_url.replace("postgresql+psycopg://", "postgresql://", 1),
        autocommit=True,
        connect_timeout=patience.CONNECT_SECONDS,
        application_name=name,
        options=f"-c statement_timeout={round(seconds * 1000)}",
        **patience.TCP,
    )


def read_all(connection: psycopg.Connection[Any]) -> list[LinkRow]:
    """Return every link that an edge may redirect by."""
    return [_row(values) for values in connection.execute(_ALL)]


def read_one(connection: psycopg.Connection[Any], path: str) -> LinkRow | None:
    """Return the link behind one path, or None."""
    values = connection.execute(_ALL + " WHERE path = %s", [path]).fetchone()
    return None if values is None else _row(values)


def read_offset_ms(connection: psycopg.Connection[Any]) -> int:
    """Return how many milliseconds business time is ahead of the wall."""
    found = connection.execute("SELECT offset_seconds FROM business_clock").fetchone()
    return 0 if found is None else int(found[0]) * 1000


def _row(values: Iterable[Any]) -> LinkRow:
    path, link, shop, adviser, offer, kind, target, consent, standing, hosts = values
    return LinkRow(
        path, link.hex, shop.hex, adviser.hex, offer.hex, kind, target, consent, standing, tuple(hosts or ())
    )
