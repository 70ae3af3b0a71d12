"""What an adviser earned, in the words of payouts: each amount says when it arrives, or when it did."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount, the instant that goes with it (None when nobody knows), and what the two mean."""

    amount: Money
    at: dt.datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Earnings:
    """Where an adviser's money of one currency is; every cent that stands is in exactly one place.

    recovering is what returns took after a payout: the next approved commissions pay it back first.
    """

    currency: str
    on_hold: Sum
    awaiting_shop: Sum
    payable: Sum
    in_payout: Sum
    paid: Sum
    in_bank: Sum
    recovering: Sum


# One statement, because pages ask it at each request: balances by account; when the first of what is on hold is
# approved (no earlier than its order's hold, and a day after we got the order; the hold is that of the terms under
# which it earned); what awaits its shop; and the newest entry of each step towards the bank.
_WHERE = sa.text(
    """
    SELECT 'held' AS part, a.currency, a.kind, abs(sum(b.balance_minor))::bigint AS total, NULL::timestamptz AS at
      FROM account a JOIN balance b ON b.account_id = a.id
     WHERE a.owner = :adviser AND a.kind = ANY (CAST(:kinds AS text[]))
     GROUP BY a.currency, a.kind
    UNION ALL
    SELECT 'next', q.currency, NULL, NULL, min(greatest(q.ordered_at + q.hold_days * interval '24 hours',
                                                        q.received_at + interval '24 hours'))
      FROM (SELECT c.currency, o.ordered_at, o.received_at, t.hold_days
              FROM commission c JOIN shop_order o ON o.id = c.order_id
              JOIN LATERAL (SELECT m.terms_id, m.standing_minor FROM commission_move m
                             WHERE m.commission_id = c.id ORDER BY m.seq DESC LIMIT 1) l ON true
              JOIN commission_terms t ON t.id = l.terms_id
             WHERE c.adviser_id = :adviser AND c.mode = 'live' AND l.standing_minor > 0
               AND NOT EXISTS (SELECT FROM commission_move v
                                WHERE v.commission_id = c.id AND v.kind = 'approved')) q
     GROUP BY q.currency
    UNION ALL
    SELECT 'awaiting', a.currency, NULL, sum(a.commission_minor)::bigint, NULL
      FROM accrual a
     WHERE a.commission_id IN (SELECT u.commission_id FROM accrual_unposted u
                                WHERE u.adviser_id = :adviser AND u.awaits_shop)
     GROUP BY a.currency
    UNION ALL
    SELECT 'latest', a.currency, e.kind,
           coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'memo:connected_owed'), 0)::bigint, max(e.effective_at)
      FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id
     WHERE a.owner = :adviser AND e.kind IN ('reserve', 'sent', 'in_bank', 'bank_failed')
       AND a.kind IN ('adviser:in_transit', 'memo:connected_owed')
     GROUP BY a.currency, e.kind
    """
)
_KINDS = (
    "adviser:pending",
    "adviser:available",
    "adviser:in_transit",
    "adviser:receivable",
    "memo:connected_owed",
)


def earnings(session: Session, adviser_id: UUID) -> list[Earnings]:
    """Return where an adviser's money is, per currency; nothing for somebody who never earned."""
    rows = session.execute(_WHERE, {"adviser": adviser_id, "kinds": list(_KINDS)}).all()
    held = {(row.currency, row.kind): row.total for row in rows if row.part == "held"}
    next_approval = {row.currency: row.at for row in rows if row.part == "next"}
    awaiting = {row.currency: row.total for row in rows if row.part == "awaiting"}
    latest = {(row.currency, row.kind): row for row in rows if row.part == "latest"}
    found = []
    for currency in sorted({currency for currency, _kind in held}):
        amounts = {kind: Money(held.get((currency, kind), 0), currency) for kind in _KINDS}
        waits = Money(awaiting.get(currency, 0), currency)
        at = {
            kind: latest[currency, kind].at
            for kind in ("reserve", "sent", "in_bank")
            if (currency, kind) in latest
        }
        moved = sum(
            latest[currency, kind].total for kind in ("in_bank", "bank_failed") if (currency, kind) in latest
        )
        found.append(
            Earnings(
                currency,
                Sum(
                    amounts["adviser:pending"] - waits,
                    next_approval.get(currency),
                    "Waits for returns; the first of it is approved at this instant unless the shop is earlier.",
                ),
                Sum(waits, None, "Approved; becomes payable as soon as the shop's budget pays for it."),
                Sum(
                    amounts["adviser:available"],
                    None,
                    "Goes with the next payout run, from its minimum amount on.",
                ),
                Sum(
                    amounts["adviser:in_transit"],
                    at.get("reserve"),
                    "In an approved payout since this instant.",
                ),
                Sum(
                    amounts["memo:connected_owed"],
                    at.get("sent"),
                    "Sent, and not in the bank yet; your statements say where each payout is.",
                ),
                Sum(
                    Money(moved, currency),
                    at.get("in_bank"),
                    "Arrived at the bank; the last of it at this instant.",
                ),
                Sum(
                    amounts["adviser:receivable"],
                    None,
                    "Returned after it was paid; the next approvals pay it back.",
                ),
            )
        )
    return found
