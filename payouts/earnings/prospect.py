"""When an adviser's money comes, and what stands in its way: one answer for every page that promises a date."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from marketplace.core import bank_days
from marketplace.core.money import Money
from payouts.runs import content
from payouts.settlement import accounts

Blocked = Literal["no_payout_account", "account_not_ready", "cooling_off"]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is ready to be paid in one currency, and when it goes.

    blocked: why nothing can be paid to this adviser now, or None; missing: what is lacking to the smallest payout,
    zero when nothing is; last4: of the bank account, when one is known.
    """

    now: dt.datetime
    ready: Money
    minimum: Money
    blocked: str | None
    cooling_until: dt.datetime | None
    last4: str | None

    @property
    def missing(self) -> Money:
        """Return what is lacking to the smallest amount that is paid."""
        lacks = self.minimum.minor - self.ready.minor
        return Money(max(lacks, 0), self.ready.currency)

    @property
    def goes(self) -> bool:
        """Tell whether the next payout takes what is ready."""
        return self.blocked is None and self.missing.is_zero

    @property
    def pay_day(self) -> dt.date:
        """Return the day on which the next payout is sent."""
        return bank_days.pay_day(self.now)

    def arrival(self, ready: dt.datetime | None = None) -> dt.date:
        """Return about when money that is ready at an instant, now by default, is in the bank."""
        return bank_days.arrival(max(ready or self.now, self.now))

    def arrival_of_sent(self, sent: dt.datetime) -> dt.date:
        """Return about when money that was sent at an instant is in the bank."""
        return bank_days.arrival_of_sent(sent)


def of(session: Session, adviser_id: UUID, ready: Money, now: dt.datetime) -> Prospect:
    """Return when `ready`, the adviser's payable sum, is paid as far as is known now."""
    account = accounts.find(session, adviser_id, ready.currency)
    return Prospect(
        now,
        ready,
        content.minimum(ready.currency),
        accounts.blocked_reason(account, now),
        account.cooling_until if account is not None else None,
        account.destination_last4 if account is not None else None,
    )
