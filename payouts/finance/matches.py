"""Reconciliation side by side: what the books hold, what Stripe moved, and what arrived at banks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from payouts.reconciliation.models import BalanceTxRow, TransferBooking
from payouts.settlement.models import Break, PayoutAccount, StripeMovement
from payouts.settlement.payout_models import Payout

_TRANSFERS = sa.text(
    "SELECT currency, coalesce(sum(amount_minor), 0)::bigint AS sent,"
    " coalesce(sum(amount_minor) FILTER (WHERE state = 'in_bank'), 0)::bigint AS in_bank,"
    " coalesce(sum(amount_minor) FILTER (WHERE state = 'paid'), 0)::bigint AS on_its_way,"
    " coalesce(sum(amount_minor) FILTER (WHERE state = 'bank_failed'), 0)::bigint AS refused"
    " FROM payout WHERE state IN ('paid', 'in_bank', 'bank_failed') GROUP BY currency ORDER BY currency"
)


@dataclass(frozen=True, slots=True)
class Match:
    """One movement that both sides have: our entry, Stripe's movement, and for a payout how far the bank is."""

    entry_id: int
    kind: str
    at: dt.datetime
    booked: Money
    tx: BalanceTxRow
    payout: Payout | None

    @property
    def moved(self) -> Money:
        """Return what Stripe says moved."""
        return Money(self.tx.net_minor, self.tx.currency)

    @property
    def equal(self) -> bool:
        """Tell whether both sides say the same amount."""
        return self.booked == self.moved


@dataclass(frozen=True, slots=True)
class Sent:
    """What advisers were sent in a currency, and where that is: at the bank, on its way, or refused by the bank."""

    sent: Money
    in_bank: Money
    on_its_way: Money
    refused: Money


@dataclass(frozen=True, slots=True)
class Explained:
    """A difference with all that explains it: Stripe's movement, our entry, and what two people said of it."""

    difference: Break
    tx: BalanceTxRow | None
    entry_id: int | None
    is_lost_transfer: bool
    adviser_id: UUID | None
    booking: TransferBooking | None


def page(session: Session, before: tuple[dt.datetime, str] | None, limit: int) -> list[Match]:
    """Return up to limit + 1 movements that both sides have, newest first, older than (instant, source)."""
    statement = (
        sa.select(StripeMovement, BalanceTxRow, Payout)
        .join(
            BalanceTxRow,
            sa.or_(
                BalanceTxRow.source_id == StripeMovement.source_id,
                BalanceTxRow.id == StripeMovement.source_id,
            ),
        )
        .outerjoin(Payout, Payout.stripe_transfer_id == StripeMovement.source_id)
        .order_by(StripeMovement.at.desc(), StripeMovement.source_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(
            sa.tuple_(StripeMovement.at, StripeMovement.source_id) < sa.tuple_(*before)
        )
    return [
        Match(one.entry_id, one.kind, one.at, Money(one.amount_minor, one.currency), tx, payout)
        for one, tx, payout in session.execute(statement)
    ]


def sent(session: Session) -> dict[str, Sent]:
    """Return where the money is that was sent to advisers, by currency."""
    found = {}
    for row in session.execute(_TRANSFERS):
        parts = (row.sent, row.in_bank, row.on_its_way, row.refused)
        found[row.currency] = Sent(*(Money(minor, row.currency) for minor in parts))
    return found


def explained(session: Session, break_id: UUID) -> Explained:
    """Return a difference with what explains it. Raises NotFound."""
    found = session.get(Break, break_id)
    if found is None:
        raise NotFound("difference", break_id)
    tx = session.get(BalanceTxRow, found.ref)
    source = tx.source_id if tx is not None else None
    movement = session.get(StripeMovement, source) if source else None
    entry_id = found.facts.get("entry_id")
    if entry_id is None and movement is not None:
        entry_id = movement.entry_id
    lost = tx is not None and tx.type == "transfer" and source is not None and movement is None
    destination = tx.source.get("destination") if tx is not None else None
    adviser_id = (
        session.scalar(
            sa.select(PayoutAccount.adviser_id).where(PayoutAccount.stripe_account_id == destination)
        )
        if destination
        else None
    )
    booking = session.get(TransferBooking, source) if source else None
    return Explained(found, tx, entry_id, lost, adviser_id, booking)
