"""What a shop's program reported lately: orders and returns that we took, and what was refused or came twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import AppError
from marketplace.core.paging import Place

OUTCOMES = ("taken", "waiting", "repeated", "refused")
KINDS = ("order", "lines", "refund", "cancel")
# Each part gives the newest ones by its own index, then they are put together; a page never reads more.
_RECEIVED = sa.text(
    """
    WITH orders AS (
      SELECT o.id, o.received_at AS at, 'order' AS kind, o.order_ref, o.mode, 'taken' AS outcome, NULL AS code,
             '[]'::jsonb AS fields, o.channel, o.source, o.is_reported_late, o.code IS NOT NULL AS has_code,
             coalesce((SELECT array_agg(t.result ORDER BY t.position) FROM order_token t WHERE t.order_id = o.id),
                      ARRAY[]::text[]) AS tokens,
             EXISTS (SELECT FROM commission c WHERE c.order_id = o.id) AS earned
        FROM shop_order o
       WHERE o.shop_id = :shop AND CAST(:outcome AS text) IN ('', 'taken') AND CAST(:kind AS text) IN ('', 'order')
         AND (:mode = '' OR o.mode = :mode) AND (:ref = '' OR o.order_ref = :ref)
         AND (CAST(:at AS timestamptz) IS NULL OR (o.received_at, o.id) < (:at, CAST(:id AS uuid)))
       ORDER BY o.received_at DESC, o.id DESC LIMIT :limit),
    backs AS (
      SELECT r.id, r.received_at, r.kind, r.order_ref, r.mode,
             CASE x.state WHEN 'applied' THEN 'taken' WHEN 'parked' THEN 'refused' ELSE 'waiting' END AS outcome,
             x.reason AS code, '[]'::jsonb, NULL, 'api', false, false, ARRAY[]::text[], false
        FROM refund r LEFT JOIN refund_outcome x ON x.refund_id = r.id
       WHERE r.shop_id = :shop AND (:kind = '' OR r.kind = :kind)
         AND (:outcome = '' OR :outcome = CASE x.state WHEN 'applied' THEN 'taken' WHEN 'parked' THEN 'refused'
                                                       ELSE 'waiting' END)
         AND (:mode = '' OR r.mode = :mode) AND (:ref = '' OR r.order_ref = :ref)
         AND (CAST(:at AS timestamptz) IS NULL OR (r.received_at, r.id) < (:at, CAST(:id AS uuid)))
       ORDER BY r.received_at DESC, r.id DESC LIMIT :limit),
    rest AS (
      SELECT s.id, s.at, s.kind, s.order_ref, s.mode, s.outcome, s.code, s.fields, NULL, 'api', false, false,
             ARRAY[]::text[], false
        FROM shop_report s
       WHERE s.shop_id = :shop AND (:outcome = '' OR s.outcome = :outcome) AND (:kind = '' OR s.kind = :kind)
         AND (:mode = '' OR s.mode = :mode) AND (:ref = '' OR s.order_ref = :ref)
         AND (CAST(:at AS timestamptz) IS NULL OR (s.at, s.id) < (:at, CAST(:id AS uuid)))
       ORDER BY s.at DESC, s.id DESC LIMIT :limit)
    SELECT * FROM (SELECT * FROM orders UNION ALL SELECT * FROM backs UNION ALL SELECT * FROM rest) every
     ORDER BY at DESC, id DESC LIMIT :limit
    """
)
_FIRST = sa.text(
    "SELECT sku, title FROM product WHERE shop_id = :shop AND retired_at IS NULL ORDER BY id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reports; empty: all of them."""

    outcome: str = ""
    kind: str = ""
    mode: str = ""
    order_ref: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """One thing that came. refusal: what was wrong, for `explain`; fields: the ones that were; None and () if taken."""

    id: UUID
    at: dt.datetime
    kind: str
    order_ref: str | None
    mode: str
    outcome: str
    code: str | None
    fields: Sequence[str]
    refusal: AppError | None
    told: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return another column of the row, for templates."""
        if name.startswith("_") or name not in self.told:
            raise AttributeError(name)
        return self.told[name]


def latest(
    session: Session, shop_id: UUID, limit: int, wanted: Wanted | None = None, after: Place | None = None
) -> list[Received]:
    """Return the latest of what came, live and test, newest first; after: the place of the last one shown."""
    wanted = wanted or Wanted()
    facts = {
        "shop": shop_id,
        "limit": limit,
        "outcome": wanted.outcome,
        "kind": wanted.kind,
        "mode": wanted.mode,
        "ref": wanted.order_ref,
        "at": after[0] if after else None,
        "id": after[1] if after else None,
    }
    return [
        Received(
            row["id"],
            row["at"],
            row["kind"],
            row["order_ref"],
            row["mode"],
            row["outcome"],
            row["code"],
            row["fields"],
            _refusal(row["code"]) if row["outcome"] == "refused" else None,
            dict(row),
        )
        for row in session.execute(_RECEIVED, facts).mappings()
    ]


def first_sku(session: Session, shop_id: UUID) -> Mapping[str, str]:
    """Return {sku, title} of a product for the example of a report."""
    row = session.execute(_FIRST, {"shop": shop_id}).mappings().one_or_none()
    return dict(row) if row else {"sku": "A-1", "title": "A thing"}


@cache
def _kinds_of_refusal() -> dict[str, type[AppError]]:
    found: dict[str, type[AppError]] = {}
    waiting: list[type[AppError]] = [AppError]
    while waiting:
        one = waiting.pop()
        found.setdefault(one.code, one)
        waiting += one.__subclasses__()
    return found


def _refusal(code: str | None) -> AppError | None:
    """Return a refusal of a kind without its facts: its title and what to do say enough."""
    kind = _kinds_of_refusal().get(code or "")
    if kind is None:
        return None
    made = kind.__new__(kind)
    made.facts = {}
    return made
