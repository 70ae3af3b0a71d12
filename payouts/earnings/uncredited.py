"""Orders that an adviser's clicks came before and that went elsewhere, each with the rule that decided."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.paging import Place

SEEN_FOR = dt.timedelta(days=90)
# So many are counted for a first page; whoever lost more reads the list.
MOST_COUNTED = 1_000

# What an adviser lost by the decision that stands, newest first, from an index of nothing else.
_LOST = """
      FROM order_participant p
      JOIN shop_order o ON o.id = p.order_id AND o.mode = 'live'
     WHERE p.adviser_id = :adviser AND p.result <> 'won' AND p.ordered_at >= :since
       AND (CAST(:after_at AS timestamptz) IS NULL
            OR (p.ordered_at, p.order_id) < (:after_at, CAST(:after_id AS uuid)))
       AND NOT EXISTS (SELECT FROM attribution b WHERE b.order_id = p.order_id AND b.n > p.n)
     ORDER BY p.ordered_at DESC, p.order_id DESC LIMIT :limit
"""
_FOUND = sa.text(
    f"""
    SELECT l.*, s.name AS shop, a.adviser_id IS NOT NULL AS is_given, a.state, a.receipt -> 'candidates' AS candidates
      FROM (SELECT o.id, o.order_ref, o.ordered_at, o.shop_id, p.n, p.result AS reason {_LOST}) l
      JOIN attribution a ON a.order_id = l.id AND a.n = l.n
      LEFT JOIN public_shop_name s ON s.id = l.shop_id
     ORDER BY l.ordered_at DESC, l.id DESC
    """  # noqa: S608 - put together from constants.
)
_COUNTED = sa.text(
    f"""
    SELECT l.reason, count(*) AS orders FROM (SELECT p.result AS reason {_LOST}) l GROUP BY l.reason ORDER BY 2 DESC, 1
    """  # noqa: S608 - put together from constants.
)


@dataclass(frozen=True, slots=True)
class Touch:
    """One of the adviser's own clicks or codes before such an order, and what the decision said of it."""

    kind: str
    at: dt.datetime
    link_id: str | None
    result: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One order that went elsewhere; reason: the rule, as in the receipt.

    is_given: somebody else got it; is_open: clicks from before the order may still arrive and change that.
    """

    order_id: UUID
    order_ref: str
    ordered_at: dt.datetime
    shop: str
    is_given: bool
    is_open: bool
    reason: str
    touches: Sequence[Touch]


def page(
    session: Session, adviser_id: UUID, now: dt.datetime, after: Place | None = None, limit: int = 50
) -> list[Elsewhere]:
    """Return up to limit + 1 such orders of the last 90 days, newest first."""
    at, identity = after or (None, None)
    rows = session.execute(_FOUND, _facts(adviser_id, now, at, identity, limit + 1)).mappings()
    return [_read(dict(row), str(adviser_id)) for row in rows]


def counted(session: Session, adviser_id: UUID, now: dt.datetime) -> list[tuple[str, int]]:
    """Return how many of the last 90 days each rule decided, the most frequent first; MOST_COUNTED are looked at."""
    rows = session.execute(_COUNTED, _facts(adviser_id, now, None, None, MOST_COUNTED))
    return [(row.reason, row.orders) for row in rows]


def by_reason(found: Sequence[Elsewhere]) -> list[tuple[str, int]]:
    """Return how often each rule decided, the most frequent first."""
    return Counter(one.reason for one in found).most_common()


def _facts(
    adviser_id: UUID, now: dt.datetime, at: dt.datetime | None, identity: UUID | None, limit: int
) -> dict[str, Any]:
    since = now - SEEN_FOR
    return {"adviser": adviser_id, "since": since, "after_at": at, "after_id": identity, "limit": limit}


def _read(row: Mapping[str, Any], me: str) -> Elsewhere:
    touches = [
        Touch(one["kind"], dt.datetime.fromisoformat(one["ts"]), one["link_id"], one["result"])
        for one in row["candidates"]
        if one["adviser_id"] == me
    ]
    return Elsewhere(
        row["id"],
        row["order_ref"],
        row["ordered_at"],
        row["shop"] or "",
        row["is_given"],
        row["state"] == "provisional",
        row["reason"],
        touches,
    )
