"""The queue of accrual: what tracking wrote and nobody posted, with all that the desk must know to decide."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.accrual.desk import Move, Posted, Standing
from payouts.ledger.commissions import Due, Parties

_CLAIM = sa.text("SELECT accrual_claim(:wanted, CAST(:since AS uuid))")
_CLAIM_THESE = sa.text("SELECT accrual_claim(:wanted, NULL, CAST(:ids AS uuid[]))")
# The fee rate is the one of the shop's contract on the day of the order; before the first contract, the first one's.
# An approval that waited for money takes effect when the money came.
_MOVES = sa.text(
    """
    SELECT m.id, m.commission_id, m.seq, m.kind, m.delta_minor, m.standing_minor, m.currency,
           c.shop_id, c.adviser_id,
           coalesce((SELECT k.fee_bp FROM shop_contract k
                      WHERE k.shop_id = c.shop_id AND k.effective_from <= o.ordered_at ORDER BY k.version DESC LIMIT 1),
                    (SELECT k.fee_bp FROM shop_contract k
                      WHERE k.shop_id = c.shop_id ORDER BY k.version LIMIT 1)) AS fee_bp,
           least(:now, greatest(m.at, CASE WHEN m.kind = 'approved' THEN (
             SELECT max(e.effective_at) FROM accrual w JOIN entry e ON e.id = w.funded_entry_id
              WHERE w.commission_id = m.commission_id) END)) AS at
      FROM commission_move m
      JOIN commission c ON c.id = m.commission_id
      JOIN shop_order o ON o.id = c.order_id
     WHERE m.commission_id = ANY (CAST(:ids AS uuid[]))
       AND NOT EXISTS (SELECT FROM accrual a WHERE a.move_id = m.id)
     ORDER BY m.commission_id, m.seq
    """
)
_STANDINGS = sa.text(
    """
    SELECT commission_id, currency,
           sum(commission_minor)::bigint AS commission_minor, sum(fee_minor)::bigint AS fee_minor,
           coalesce(sum(unfunded_commission_minor) FILTER (WHERE funded_entry_id IS NULL), 0)::bigint AS unfunded_minor,
           coalesce(sum(unfunded_fee_minor) FILTER (WHERE funded_entry_id IS NULL), 0)::bigint AS unfunded_fee_minor,
           (array_agg(seq ORDER BY seq DESC) FILTER (WHERE kind IN ('approved', 'declined')))[1] AS verdict_seq,
           (array_agg(kind ORDER BY seq DESC) FILTER (WHERE kind IN ('approved', 'declined')))[1] AS verdict
      FROM accrual WHERE commission_id = ANY (CAST(:ids AS uuid[])) GROUP BY commission_id, currency
    """
)
_APPROVED = sa.text(
    "SELECT commission_id FROM accrual WHERE commission_id = ANY (CAST(:ids AS uuid[])) AND kind = 'approved'"
)
_INSERT = sa.text(
    """
    INSERT INTO accrual (move_id, commission_id, seq, kind, shop_id, adviser_id, currency, entry_id, funded,
                         commission_minor, fee_minor, unfunded_commission_minor, unfunded_fee_minor)
    SELECT a.move, m.commission_id, m.seq, m.kind, c.shop_id, c.adviser_id, m.currency, a.entry,
           a.unfunded = 0 AND a.unfunded_fee = 0, a.commission_minor, a.fee_minor, a.unfunded, a.unfunded_fee
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS a (
             move uuid, entry bigint, commission_minor bigint, fee_minor bigint, unfunded bigint, unfunded_fee bigint)
      JOIN commission_move m ON m.id = a.move JOIN commission c ON c.id = m.commission_id
    """
)


def claim(session: Session, wanted: int, since: UUID | None = None) -> list[UUID]:
    """Lock up to `wanted` commissions that have something due and return their ids.

    What others hold is skipped, and what is set aside. since: look at moves with this id or a later one only; ids
    grow with time.
    """
    return list(session.execute(_CLAIM, {"wanted": wanted, "since": since}).scalars())


def claim_these(session: Session, commission_ids: Sequence[UUID]) -> list[UUID]:
    """Lock those of these commissions that have something due, set aside or not; what others hold is skipped."""
    these = {"wanted": len(commission_ids), "ids": list(commission_ids)}
    return list(session.execute(_CLAIM_THESE, these).scalars())


def moves_of(session: Session, commission_ids: Sequence[UUID], now: dt.datetime) -> list[Move]:
    """Return the unposted moves of commissions, each commission's in the order in which they happened."""
    rows = session.execute(_MOVES, {"ids": _array(commission_ids), "now": now}).all()
    return [
        Move(
            row.id,
            row.commission_id,
            row.seq,
            row.kind,
            Money(row.delta_minor, row.currency),
            Money(row.standing_minor, row.currency),
            Parties(row.shop_id, row.adviser_id, row.currency),
            row.fee_bp,
            row.at,
        )
        for row in rows
    ]


def _array(ids: Sequence[UUID]) -> str:
    """Return ids as PostgreSQL writes an array: as one text it is made in a fraction of the driver's time."""
    return f"{{{','.join(map(str, ids))}}}"


def approved_among(session: Session, commission_ids: Sequence[UUID]) -> set[UUID]:
    """Return the commissions with an approval in the books; nobody adds one while we hold their lock."""
    if not commission_ids:
        return set()
    return set(session.execute(_APPROVED, {"ids": _array(commission_ids)}).scalars())


def standings_of(session: Session, commission_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Return what the books hold of commissions. Read it after the accounts are locked: releases change it."""
    if not commission_ids:
        return {}
    rows = session.execute(_STANDINGS, {"ids": _array(commission_ids)})
    return {
        row.commission_id: Standing(
            Due(Money(row.commission_minor, row.currency), Money(row.fee_minor, row.currency)),
            Due(Money(row.unfunded_minor, row.currency), Money(row.unfunded_fee_minor, row.currency)),
            (row.verdict_seq or 0, row.verdict or ""),
        )
        for row in rows
    }


def record(session: Session, decided: Iterable[tuple[Posted, int | None]]) -> None:
    """Write that moves are in the books, as (what was decided, id of its entry) pairs."""
    rows = [
        {
            "move": str(posted.move.move_id),
            "entry": entry_id,
            "commission_minor": posted.change.commission.minor,
            "fee_minor": posted.change.fee.minor,
            "unfunded": posted.unfunded.commission.minor,
            "unfunded_fee": posted.unfunded.fee.minor,
        }
        for posted, entry_id in decided
    ]
    if rows:
        session.execute(_INSERT, {"rows": json.dumps(rows)})
