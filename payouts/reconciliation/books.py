"""Our side of the comparison: what the books hold on the platform balance, and what is on its way."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.funding.models import Funding
from payouts.reconciliation.matching import Booked, Difference, Movement, compare
from payouts.reconciliation.models import BalanceTxRow, ReconImport
from payouts.settlement.gateway import transfer_group
from payouts.settlement.payout_models import PayoutAttempt

_BOOKED = sa.text(
    "SELECT p.entry_id, m.source_id, e.kind, sum(p.amount_minor)::bigint AS minor, max(e.effective_at) AS at"
    " FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id"
    " LEFT JOIN stripe_movement m ON m.entry_id = p.entry_id"
    " WHERE a.kind = 'stripe:platform_balance' AND a.currency = :currency"
    " GROUP BY p.entry_id, m.source_id, e.kind ORDER BY p.entry_id"
)
_STALE = sa.text(
    "SELECT EXISTS (SELECT FROM account a JOIN posting p ON p.account_id = a.id"
    " WHERE a.kind = 'stripe:platform_balance' AND p.entry_id > coalesce("
    " (SELECT max(c.last_entry_id) FROM recon_certificate c WHERE c.currency = a.currency), 0))"
)


def currencies(session: Session) -> set[str]:
    """Return the currencies in which the books or Stripe's movements hold anything."""
    rows = session.execute(
        sa.text(
            "SELECT currency FROM account WHERE kind = 'stripe:platform_balance'"
            " UNION SELECT currency FROM balance_tx"
        )
    )
    return {str(row.currency) for row in rows}


def reached(session: Session) -> dt.datetime | None:
    """Return up to which creation time movements have been imported, None before the first import."""
    return session.scalar(sa.select(sa.func.max(ReconImport.reached)))


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of one currency: every imported movement, every entry on the platform balance, what is asked for."""

    currency: str
    movements: tuple[Movement, ...]
    booked: tuple[Booked, ...]
    in_flight: dict[str, dt.datetime | None]

    @property
    def ledger(self) -> Money:
        """Return what the books say we have at Stripe."""
        return Money(sum(one.amount_minor for one in self.booked), self.currency)

    @property
    def moved(self) -> Money:
        """Return what Stripe's movements add up to."""
        return Money(sum(one.net_minor for one in self.movements), self.currency)

    @property
    def last_entry_id(self) -> int:
        """Return the newest entry counted, 0 when there is none."""
        return max((one.entry_id for one in self.booked), default=0)

    def differences(self, now: dt.datetime) -> list[Difference]:
        """Return what does not agree."""
        return compare(self.movements, self.booked, self.in_flight, now)


def sides(session: Session, currency: str) -> Sides:
    """Read both sides of a currency.

    The order matters, because others go on working: movements first, then what is asked for, then the books. Whatever
    is recorded in between is then in the books already or still asked for, never missing from both.
    """
    movements = tuple(
        Movement(row.id, row.type, row.source_id, row.net_minor, row.currency, row.created, row.source)
        for row in session.scalars(sa.select(BalanceTxRow).where(BalanceTxRow.currency == currency))
    )
    asked = in_flight(session)
    booked = tuple(
        Booked(row.entry_id, row.source_id, row.kind, row.minor, currency, row.at)
        for row in session.execute(_BOOKED, {"currency": currency})
    )
    return Sides(currency, movements, booked, asked)


def in_flight(session: Session) -> dict[str, dt.datetime | None]:
    """Return what was asked of Stripe and has no recorded outcome, with when it was asked.

    A hosted page is paid at a time that only Stripe knows, so a funding has None and its movement's own time counts.
    """
    attempts = session.execute(
        sa.select(PayoutAttempt.payout_id, PayoutAttempt.first_sent_at).where(PayoutAttempt.outcome.is_(None))
    )
    asked: dict[str, dt.datetime | None] = {transfer_group(payout_id): at for payout_id, at in attempts}
    fundings = session.scalars(sa.select(Funding.id).where(Funding.state.in_(("planned", "open"))))
    return asked | dict.fromkeys(map(str, fundings))


def stale(session: Session) -> bool:
    """Say whether the books moved at Stripe since the newest certificate of any currency."""
    return bool(session.execute(_STALE).scalar_one())
