"""Where each cent of a payout comes from: posting, commission, order, line, rate and version of the terms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

# Money that came back from a payout that was not carried out stands for that payout's own lines, so those are followed
# instead. The depth is bounded by the number of times that one payout was given back. Lines are found by the adviser's
# postings and their own key: an index by payout would be needed nowhere else, and cost each run a third of its lines.
_LINES = sa.text(
    """
    WITH RECURSIVE followed AS (
      SELECT y.id AS root, l.payout_id, l.entry_id, l.line, l.shop_id, l.amount_minor
        FROM payout y
        JOIN account a ON a.owner = y.adviser_id AND a.kind = 'adviser:available' AND a.currency = y.currency
        JOIN posting p ON p.account_id = a.id
        JOIN payout_line l ON l.entry_id = p.entry_id AND l.line = p.line AND l.payout_id = y.id
       WHERE y.id = :payout
      UNION ALL
      SELECT f.root, l.payout_id, l.entry_id, l.line, l.shop_id, l.amount_minor
        FROM (SELECT DISTINCT ON (e.source_id) f.root, e.source_id
                FROM followed f JOIN entry e ON e.id = f.entry_id AND e.kind = 'released'
               ORDER BY e.source_id) f
        JOIN payout y ON y.id = f.source_id::uuid
        JOIN account a ON a.owner = y.adviser_id AND a.kind = 'adviser:available' AND a.currency = y.currency
        JOIN posting p ON p.account_id = a.id
        JOIN payout_line l ON l.entry_id = p.entry_id AND l.line = p.line AND l.payout_id = y.id
    )
    SELECT f.entry_id, f.shop_id, f.amount_minor, e.kind, e.effective_at, a.commission_id
      FROM followed f JOIN entry e ON e.id = f.entry_id
      LEFT JOIN accrual a ON a.entry_id = f.entry_id
     WHERE e.kind <> 'released' ORDER BY f.entry_id, f.line
    """
)
_COMMISSIONS = sa.text(
    "SELECT c.id, c.shop_id, s.name AS shop_name, c.offer_id, o.id AS order_id, o.order_ref, o.ordered_at"
    " FROM commission c JOIN shop_order o ON o.id = c.order_id JOIN shop s ON s.id = c.shop_id"
    " WHERE c.id = ANY (CAST(:ids AS uuid[])) ORDER BY o.ordered_at, c.id"
)
_MOVES = sa.text(
    "SELECT m.commission_id, m.seq, m.kind, m.delta_minor, m.standing_minor, m.cause, m.at, m.detail,"
    " t.version AS terms_version FROM commission_move m JOIN commission_terms t ON t.id = m.terms_id"
    " WHERE m.commission_id = ANY (CAST(:ids AS uuid[])) ORDER BY m.commission_id, m.seq"
)
_TITLES = sa.text(
    "SELECT order_id, line_ref, title, quantity FROM order_line WHERE order_id = ANY (CAST(:ids AS uuid[]))"
)


@dataclass(frozen=True, slots=True)
class PaidLine:
    """One posting that a payout pays, with the commission that it comes from, if from one."""

    entry_id: int
    shop_id: UUID
    amount_minor: int
    kind: str
    at: dt.datetime
    commission_id: UUID | None


@dataclass(frozen=True, slots=True)
class Background:
    """What is known about the commissions of a payout: their orders, their moves, the titles of order lines."""

    commissions: Sequence[Any]
    moves: dict[UUID, list[Any]]
    titles: dict[tuple[UUID, str], tuple[str, int]]


def paid_lines(session: Session, payout_id: UUID) -> list[PaidLine]:
    """Return what a payout pays, posting by posting; what an earlier payout gave back is told by its own lines."""
    rows = session.execute(_LINES, {"payout": payout_id})
    return [
        PaidLine(row.entry_id, row.shop_id, row.amount_minor, row.kind, row.effective_at, row.commission_id)
        for row in rows
    ]


def background(session: Session, commission_ids: Sequence[UUID]) -> Background:
    """Return orders, moves and titles behind commissions."""
    ids = list(commission_ids)
    commissions = session.execute(_COMMISSIONS, {"ids": ids}).all()
    moves: dict[UUID, list[Any]] = {one: [] for one in ids}
    for row in session.execute(_MOVES, {"ids": ids}):
        moves[row.commission_id].append(row)
    titles = session.execute(_TITLES, {"ids": [row.order_id for row in commissions]})
    return Background(
        commissions, moves, {(row.order_id, row.line_ref): (row.title, row.quantity) for row in titles}
    )
