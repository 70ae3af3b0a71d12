"""The certificate's arithmetic: three figures per currency and one difference, to the minor unit; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from marketplace.core.money import Money
from payouts.reconciliation.matching import Difference


@dataclass(frozen=True, slots=True)
class Figures:
    """One currency at one moment.

    ledger: `stripe:platform_balance` in the books; stripe: available and pending at Stripe; movements: the sum of all
    imported balance transactions; explained: what of the gap goes away by itself.
    """

    ledger: Money
    stripe: Money
    movements: Money
    explained: Money

    @property
    def difference(self) -> Money:
        """Return what nobody explains: Stripe's balance less the books' less the explained."""
        return self.stripe - self.ledger - self.explained

    @property
    def is_whole(self) -> bool:
        """Say whether the imported movements make up Stripe's balance, so that the differences are all of them."""
        return self.stripe == self.movements


def figures(ledger: Money, stripe: Money, movements: Money, differences: Iterable[Difference]) -> Figures:
    """Return the figures of one currency; a difference in another currency does not count here."""
    explained = sum(
        one.amount_minor
        for one in differences
        if one.explained is not None and one.currency == ledger.currency
    )
    return Figures(ledger, stripe, movements, Money(explained, ledger.currency))


def age_bucket(business_days: int) -> str:
    """Return the age class of a difference, in business days."""
    for most, name in ((1, "0-1"), (5, "2-5"), (10, "6-10"), (30, "11-30")):
        if business_days <= most:
            return name
    return ">30"
