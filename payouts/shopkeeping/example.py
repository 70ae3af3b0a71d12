"""What terms mean for one order, worked out by the calculation that works out real ones."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.core.money import Money
from marketplace.offers import documents
from marketplace.offers.models import CommissionTerms
from marketplace.offers.terms import Terms
from tracking.commissions.calculation import Calculation, commission_for
from tracking.orders.remaining import Line, Shipping

# The standard rate of value-added tax, in basis points, for an example only: orders name their own tax.
TAX_BP = {"NL": 2100, "BE": 2100, "DE": 1900, "FR": 2000, "GB": 2000, "LU": 1700, "AT": 2000, "ES": 2100}
MOST_RULES = 4


@dataclass(frozen=True, slots=True)
class Worked:
    """One order under the terms; about: the exception that it falls under, or None; adviser, fee: what each gets."""

    about: str | None
    gross: Money
    net: Money
    calculation: Calculation
    adviser: Money
    fee: Money

    @property
    def base(self) -> Money:
        """Return what the rate is taken of."""
        found: Money = self.calculation.lines[0].base
        return found

    @property
    def rate(self) -> Any:
        """Return the rate that decided, or None when nothing is earned."""
        return self.calculation.lines[0].rate

    @property
    def cost(self) -> Money:
        """Return what the shop pays."""
        return self.adviser + self.fee


def draft(document: Mapping[str, Any], currency: str, now: dt.datetime) -> Terms:
    """Return a document as the terms that it would be, without publishing it. Raises InvalidInput."""
    read = documents.read_document(document, currency)
    row = CommissionTerms(
        id=uuid.UUID(int=0),
        offer_id=uuid.UUID(int=0),
        currency=currency,
        version=1,
        effective_from=now,
        document=read,
        window_days=read["window_days"],
        hold_days=read["hold_days"],
    )
    return Terms.of(row)


def worked(terms: Terms, gross: Money, country: str, fee_bp: int) -> Sequence[Worked]:
    """Return an order of one piece under the default and under the first exceptions.

    gross: the price with tax; country: whose tax it holds; fee_bp: our fee in basis points of the commission.
    """
    tax_bp = TAX_BP.get(country, 2100)
    # Net is what remains when the tax on it is taken out, rounded half up as shops do.
    net = Money((2 * gross.minor * 10_000 + 10_000 + tax_bp) // (2 * (10_000 + tax_bp)), gross.currency)
    found = [_one(terms, None, "", None, gross, net, fee_bp)]
    for rule in terms.rules[:MOST_RULES]:
        found.append(
            _one(terms, rule.sku or rule.category, rule.sku or "", rule.category, gross, net, fee_bp)
        )
    return found


def _one(
    terms: Terms, about: str | None, sku: str, category: str | None, gross: Money, net: Money, fee_bp: int
) -> Worked:
    line = Line("1", sku, category, 1, net, gross - net)
    calculation = commission_for([line], Shipping.none(terms.currency), terms, terms.currency)
    return Worked(about, gross, net, calculation, calculation.total, calculation.total.share_bp(fee_bp))
