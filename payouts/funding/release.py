"""Release: budget that came in, or came free, pays for the commissions that waited for it, oldest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.ledger import commissions
from payouts.ledger.commissions import Due, Parties
from payouts.ledger.entries import Entry
from payouts.ledger.service import lock, post

AT_ONCE: Final = 500

# An approval that a later decline followed does not stand any more.
_CLAIMS = sa.text(
    """
    SELECT w.commission_id, w.adviser_id, w.first_move, w.last_seq, w.commission_minor, w.fee_minor, (
             SELECT a.kind FROM accrual a
              WHERE a.commission_id = w.commission_id AND a.kind IN ('approved', 'declined')
              ORDER BY a.seq DESC LIMIT 1) = 'approved' AS approved
      FROM (SELECT commission_id, adviser_id, (array_agg(move_id ORDER BY move_id))[1] AS first_move,
                   max(seq) AS last_seq,
                   sum(unfunded_commission_minor)::bigint AS commission_minor,
                   sum(unfunded_fee_minor)::bigint AS fee_minor
              FROM accrual
             WHERE shop_id = :shop AND currency = :currency AND NOT funded AND funded_entry_id IS NULL
             GROUP BY commission_id, adviser_id) w
     ORDER BY w.first_move LIMIT :wanted
    """
)
_SETTLE = sa.text(
    """
    UPDATE accrual a SET funded_entry_id = (
             SELECT s.entry_id FROM unnest(CAST(:commissions AS uuid[]), CAST(:seqs AS integer[]),
                                           CAST(:entries AS bigint[])) AS s (commission_id, seq, entry_id)
              WHERE s.commission_id = a.commission_id AND a.seq <= s.seq ORDER BY s.seq LIMIT 1)
     WHERE NOT a.funded AND a.funded_entry_id IS NULL AND EXISTS (
             SELECT FROM unnest(CAST(:commissions AS uuid[]), CAST(:seqs AS integer[])) AS s (commission_id, seq)
              WHERE s.commission_id = a.commission_id AND a.seq <= s.seq)
    """
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one commission still waits for: the sum of its moves that went against what the shop owes."""

    commission_id: UUID
    first_move: UUID
    last_seq: int
    parties: Parties
    due: Due
    approved: bool


def claims(session: Session, shop_id: UUID, currency: str, *, wanted: int) -> list[Claim]:
    """Return what waits for a shop's budget, oldest first."""
    rows = session.execute(_CLAIMS, {"shop": shop_id, "currency": currency, "wanted": wanted})
    return [
        Claim(
            row.commission_id,
            row.first_move,
            row.last_seq,
            Parties(shop_id, row.adviser_id, currency),
            Due(Money(row.commission_minor, currency), Money(row.fee_minor, currency)),
            bool(row.approved),
        )
        for row in rows
    ]


def release(session: Session, shop_id: UUID, currency: str, now: dt.datetime) -> int:
    """Pay waiting commissions from the budget, oldest first, each wholly, and return how many were paid.

    The oldest is never overtaken by a smaller one: what doesn't fit stops the line. Safe to race: the budget's
    account is locked before anything is read.
    """
    paid = 0
    # Nobody comes back for the rest of a long line, so it is served to its end.
    while step := _release_some(session, shop_id, currency, now):
        paid += step
    return paid


def _release_some(session: Session, shop_id: UUID, currency: str, now: dt.datetime) -> int:
    own = Parties(shop_id, shop_id, currency)
    budget = lock(session, [own.prepaid, own.owed])[own.prepaid]
    if budget.minor <= 0:
        return 0
    chosen: list[Claim] = []
    for claim in claims(session, shop_id, currency, wanted=AT_ONCE):
        if claim.due.total > budget:
            break
        budget = budget - claim.due.total
        chosen.append(claim)
    if not chosen:
        return 0
    recovering = lock(session, [claim.parties.recovering for claim in chosen if claim.approved])
    entries = []
    for claim in chosen:
        owed = recovering.get(claim.parties.recovering, Money.zero(currency))
        entries.append(_released(claim, owed, now))
        if claim.approved:
            recovering[claim.parties.recovering] = owed - min(owed, claim.due.commission)
    posted = zip(chosen, post(session, entries), strict=True)
    settle(session, [(claim.commission_id, claim.last_seq, entry_id) for claim, entry_id in posted])
    return len(chosen)


def _released(claim: Claim, recovering: Money, now: dt.datetime) -> Entry:
    lines = commissions.release(claim.parties, claim.due)
    if claim.approved:
        # More was earned after the approval: once it is paid for, nothing else holds it back.
        lines += commissions.mature(claim.parties, claim.due, recovering)
    return Entry(
        f"funded:{claim.first_move}",
        "funded",
        now,
        lines,
        source_type="commission",
        source_id=str(claim.commission_id),
    )


def settle(session: Session, ended: Sequence[tuple[UUID, int, int]]) -> None:
    """Record which entry ended the wait of a commission's moves, as (commission, last seq, entry) triples."""
    if ended:
        commission_ids, seqs, entry_ids = zip(*ended, strict=True)
        session.execute(
            _SETTLE, {"commissions": list(commission_ids), "seqs": list(seqs), "entries": list(entry_ids)}
        )
