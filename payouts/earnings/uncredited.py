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
_ME = "jsonb_build_array(jsonb_build_object('adviser_id', CAST(:adviser AS text)))"
_FOUND = sa.text(
    f"""
    SELECT o.id, o.order_ref, o.ordered_at, o.shop_id, n.name AS shop, a.adviser_id IS NOT NULL AS is_given,
           a.state, a.decided_at, a.receipt
      FROM attribution a
      JOIN shop_order o ON o.id = a.order_id
      LEFT JOIN public_shop_name n ON n.id = o.shop_id
     WHERE a.receipt -> 'others' @> {_ME} AND a.adviser_id IS DISTINCT FROM CAST(:adviser AS uuid)
       AND o.mode = 'live' AND o.ordered_at >= :since
       AND (CAST(:after_at AS timestamptz) IS NULL OR (o.ordered_at, o.id) < (:after_at, CAST(:after_id AS uuid)))
       AND NOT EXISTS (SELECT FROM attribution b WHERE b.order_id = a.order_id AND b.n > a.n)
     ORDER BY o.ordered_at DESC, o.id DESC LIMIT :limit
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
    facts = {"adviser": str(adviser_id), "since": now - SEEN_FOR, "after_at": at, "after_id": identity}
    rows = session.execute(_FOUND, facts | {"limit": limit + 1}).mappings()
    return [_read(dict(row), str(adviser_id)) for row in rows]


def by_reason(found: Sequence[Elsewhere]) -> list[tuple[str, int]]:
    """Return how often each rule decided, the most frequent first."""
    return Counter(one.reason for one in found).most_common()


def _read(row: Mapping[str, Any], me: str) -> Elsewhere:
    receipt = row["receipt"]
    mine = next(one for one in receipt["others"] if one["adviser_id"] == me)
    touches = [
        Touch(one["kind"], dt.datetime.fromisoformat(one["ts"]), one["link_id"], one["result"])
        for one in receipt["candidates"]
        if one["adviser_id"] == me
    ]
    return Elsewhere(
        row["id"],
        row["order_ref"],
        row["ordered_at"],
        row["shop"] or "",
        row["is_given"],
        row["state"] == "provisional",
        mine["reason"],
        touches,
    )
