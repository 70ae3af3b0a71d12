"""How long a shop's budget lasts: what it holds, what it spends a day, and when that runs out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core.money import Money, divide_half_up
from payouts.accrual import budget
from payouts.shopkeeping import results

LOOKED_AT = 30
FARTHEST = 365
SOON = dt.timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Purse:
    """A shop's budget; a_day: what the last 30 days cost on average; runs_out: about when, None when not in a year."""

    funded_to: Money
    owed: Money
    a_day: Money
    runs_out: dt.date | None
    is_low: bool


def of(session: Session, shop_id: UUID, found: results.Results, now: dt.datetime) -> Purse:
    """Return a shop's budget at `now`; found: results of the last 30 days, which say how fast it is spent."""
    held = budget.budget(session, shop_id, found.currency, now)
    return estimate(held.funded_to, held.owed, found.cost, now)


def estimate(funded_to: Money, owed: Money, spent: Money, now: dt.datetime) -> Purse:
    """Return when a budget runs out if the next days cost what the last 30 did together. Pure."""
    a_day = Money(divide_half_up(spent.minor, LOOKED_AT), spent.currency)
    runs_out = None
    if not owed.is_zero:
        runs_out = now.date()
    elif spent.minor > 0:
        days = funded_to.minor * LOOKED_AT // spent.minor
        runs_out = now.date() + dt.timedelta(days=days) if days <= FARTHEST else None
    is_low = runs_out is not None and runs_out <= (now + SOON).date()
    return Purse(funded_to, owed, a_day, runs_out, is_low)
