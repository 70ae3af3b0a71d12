"""The one sale that the front pages explain, worked out by the same arithmetic as every other."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.core.money import Money

TAX_BP, RATE_BP, FEE_BP = 2100, 800, 1000


@dataclass(frozen=True, slots=True)
class Sale:
    """One sale: what the shopper paid, what of it counts, and who gets what. All in one currency."""

    paid: Money
    base: Money
    adviser: Money
    fee: Money

    @property
    def cost(self) -> Money:
        """Return what the sale costs the shop: the adviser's commission and our fee on top."""
        return self.adviser + self.fee


def sale(paid: Money = Money(12_900, "EUR")) -> Sale:  # noqa: B008 - immutable.
    """Return the parts of a sale of `paid`, tax of TAX_BP included, at a commission of RATE_BP without tax."""
    base = Money((paid.minor * 20_000 + 10_000 + TAX_BP) // (2 * (10_000 + TAX_BP)), paid.currency)
    adviser = base.share_bp(RATE_BP)
    return Sale(paid, base, adviser, adviser.share_bp(FEE_BP))
