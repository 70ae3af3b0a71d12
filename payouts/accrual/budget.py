"""A shop's budget: up to where it is funded, and what waits for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.funding.models import Funding
from payouts.ledger.accounts import Account
from payouts.ledger.service import balances


@dataclass(frozen=True, slots=True)
class Budget:
    """What a shop has: `funded_to` is what new commissions can use now, `owed` what it must still pay in."""

    currency: str
    funded_to: Money
    owed: Money
    as_of: dt.datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A commission that waits for the shop's budget; `approved` ones are paid as soon as it comes."""

    commission_id: UUID
    order_ref: str
    adviser_id: UUID
    commission: Money
    fee: Money
    approved: bool
    since: dt.datetime


_WAITING = sa.text(
    """
    SELECT w.commission_id, o.order_ref, w.adviser_id, w.currency, w.commission_minor, w.fee_minor, w.since,
           EXISTS (SELECT FROM commission_move v
                    WHERE v.commission_id = w.commission_id AND v.kind = 'approved') AS approved
      FROM (SELECT a.commission_id, a.adviser_id, a.currency, (array_agg(a.move_id ORDER BY a.move_id))[1] AS first,
                   sum(a.unfunded_commission_minor)::bigint AS commission_minor,
                   sum(a.unfunded_fee_minor)::bigint AS fee_minor, min(e.effective_at) AS since
              FROM accrual a JOIN entry e ON e.id = a.entry_id
             WHERE a.shop_id = :shop AND NOT a.funded AND a.funded_entry_id IS NULL
             GROUP BY a.commission_id, a.adviser_id, a.currency) w
      JOIN commission c ON c.id = w.commission_id JOIN shop_order o ON o.id = c.order_id
     ORDER BY w.first LIMIT :limit
    """
)


def budget(session: Session, shop_id: UUID, currency: str, now: dt.datetime) -> Budget:
    """Return a shop's budget at business time `now`."""
    prepaid, owed = Account("shop:prepaid", shop_id, currency), Account("shop:receivable", shop_id, currency)
    held = balances(session, [prepaid, owed])
    return Budget(currency, held[prepaid], held[owed], now)


def awaiting(session: Session, shop_id: UUID, *, limit: int = 100) -> list[Waiting]:
    """Return the commissions that wait for a shop's budget, in the order in which they will be paid."""
    rows = session.execute(_WAITING, {"shop": shop_id, "limit": limit})
    return [
        Waiting(
            row.commission_id,
            row.order_ref,
            row.adviser_id,
            Money(row.commission_minor, row.currency),
            Money(row.fee_minor, row.currency),
            row.approved,
            row.since,
        )
        for row in rows
    ]


def payments(session: Session, shop_id: UUID, *, limit: int = 20) -> list[Funding]:
    """Return the latest payments of a shop, newest first."""
    statement = sa.select(Funding).where(Funding.shop_id == shop_id).order_by(Funding.id.desc()).limit(limit)
    return list(session.scalars(statement))
