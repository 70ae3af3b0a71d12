"""Money that does not move now, and why: banned advisers, accounts that can't be paid, shops that don't fund."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts.models import Adviser
from marketplace.core.money import Money
from payouts.settlement import accounts
from payouts.settlement.models import PayoutAccount
from payouts.settlement.payout_models import Payout

# What is earned and not paid: credit balances, so that the sign turns.
_OWED = sa.text(
    "SELECT a.owner, a.currency, -sum(b.balance_minor)::bigint AS minor,"
    "  -coalesce(sum(b.balance_minor) FILTER (WHERE a.kind = 'adviser:available'), 0)::bigint AS available"
    " FROM account a JOIN balance b ON b.account_id = a.id"
    " WHERE a.kind IN ('adviser:pending', 'adviser:available') GROUP BY a.owner, a.currency"
    " HAVING sum(b.balance_minor) <> 0"
)
_UNFUNDED = sa.text(
    "SELECT shop_id, currency, count(DISTINCT commission_id) AS commissions, min(posted_at) AS since,"
    "  sum(unfunded_commission_minor + unfunded_fee_minor)::bigint AS minor"
    " FROM accrual WHERE NOT funded AND funded_entry_id IS NULL GROUP BY shop_id, currency"
    " HAVING sum(unfunded_commission_minor + unfunded_fee_minor) <> 0"
)
_SET_ASIDE = sa.text(
    "SELECT s.code, count(*) AS commissions, min(s.first_at) AS since FROM accrual_set_aside s"
    " WHERE NOT EXISTS (SELECT FROM accrual a WHERE a.move_id = s.move_id) GROUP BY s.code ORDER BY 3"
)
_STUCK = ("unknown", "rejected", "bank_failed")


@dataclass(frozen=True, slots=True)
class Hold:
    """Money that waits: why, whose, how much, since when, and how many things it is about.

    why: banned, closing, no_payout_account, account_not_ready, cooling_off, awaiting_shop, set_aside, or the state of a
    payout: unknown, rejected, bank_failed. until: when it ends by itself, where that is known.
    """

    why: str
    owner: UUID | None = None
    amount: Money | None = None
    since: dt.datetime | None = None
    count: int = 0
    detail: str = ""
    until: dt.datetime | None = None

    @property
    def is_shops(self) -> bool:
        """Tell whether the owner is a shop."""
        return self.why == "awaiting_shop"


def listed(session: Session, now: dt.datetime) -> list[Hold]:
    """Return everything that is held at business time `now`, by reason, the largest first."""
    found = [*_of_advisers(session, now), *_of_shops(session), *_set_aside(session), *_of_payouts(session)]
    return sorted(found, key=lambda one: (one.why, -(one.amount.minor if one.amount else 0)))


def totals(holds: Iterable[Hold]) -> dict[str, Money]:
    """Return the sum of what is held, by currency."""
    found: dict[str, Money] = {}
    for one in holds:
        if one.amount is not None:
            currency = one.amount.currency
            found[currency] = found.get(currency, Money(0, currency)) + one.amount
    return found


def _of_advisers(session: Session, now: dt.datetime) -> list[Hold]:
    owed = session.execute(_OWED).all()
    owners = [row.owner for row in owed]
    # A row without an account has None there, which the types of an outer join do not say.
    pairs: Sequence[Any] = session.execute(
        sa.select(Adviser.id, Adviser.state, PayoutAccount)
        .outerjoin(PayoutAccount, PayoutAccount.adviser_id == Adviser.id)
        .where(Adviser.id.in_(owners))
    ).all()
    states = {adviser_id: state for adviser_id, state, _account in pairs}
    ready = {(one.adviser_id, one.currency): one for _id, _state, one in pairs if one is not None}
    found = []
    for row in owed:
        if states.get(row.owner) == "banned":
            found.append(Hold("banned", row.owner, Money(row.minor, row.currency)))
            continue
        account = ready.get((row.owner, row.currency))
        why = accounts.blocked_reason(account, now) if row.available > 0 else None
        if why is not None:
            until = account.cooling_until if account is not None and why == "cooling_off" else None
            found.append(Hold(why, row.owner, Money(row.available, row.currency), until=until))
    return found


def _of_shops(session: Session) -> list[Hold]:
    return [
        Hold("awaiting_shop", row.shop_id, Money(row.minor, row.currency), row.since, row.commissions)
        for row in session.execute(_UNFUNDED)
    ]


def _set_aside(session: Session) -> list[Hold]:
    return [
        Hold("set_aside", None, None, row.since, row.commissions, row.code)
        for row in session.execute(_SET_ASIDE)
    ]


def _of_payouts(session: Session) -> list[Hold]:
    query = sa.select(Payout).where(Payout.state.in_(_STUCK)).order_by(Payout.approved_at)
    return [
        Hold(
            one.state,
            one.adviser_id,
            Money(one.amount_minor, one.currency),
            one.bank_failed_at or one.approved_at,
            detail=one.reason or "",
        )
        for one in session.scalars(query)
    ]
