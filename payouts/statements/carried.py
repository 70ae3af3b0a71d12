"""What a payout left for later ones: what was on hold, and what was approved and stayed, when it was made up."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from payouts.settlement.payout_models import Payout

# The ledger right after the entry that set the payout aside: it never changes, whatever comes later.
_LEFT = sa.text(
    """
    SELECT a.kind, abs(sum(p.amount_minor))::bigint AS minor
      FROM account a JOIN posting p ON p.account_id = a.id
     WHERE a.owner = :adviser AND a.currency = :currency AND a.kind IN ('adviser:pending', 'adviser:available')
       AND p.entry_id <= :last
     GROUP BY a.kind
    """
)


@dataclass(frozen=True, slots=True)
class Carried:
    """What stayed behind: on_hold: not approved yet; approved: payable, and not in this payout."""

    on_hold: Money
    approved: Money


def of(session: Session, payout: Payout) -> Carried:
    """Return what was carried forward when a payout was made up; zero for a payout that set nothing aside."""
    rows = session.execute(
        _LEFT,
        {"adviser": payout.adviser_id, "currency": payout.currency, "last": payout.reserve_entry_id or 0},
    )
    found = {row.kind: Money(row.minor, payout.currency) for row in rows}
    nothing = Money.zero(payout.currency)
    return Carried(found.get("adviser:pending", nothing), found.get("adviser:available", nothing))
