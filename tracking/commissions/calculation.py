"""Terms to money: what an order as it stands earns, line by line, with the arithmetic. Pure and exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from marketplace.core.errors import InvalidInput
from marketplace.core.money import Money, allocate, sum_money
from marketplace.core.schemas import dump_money
from marketplace.offers.rates import Excluded, Flat, Match, Percent, RuleBook
from marketplace.offers.terms import Terms
from tracking.orders.remaining import Line, Shipping

LARGEST_MINOR = 10**15  # One commission; a thousand of them stay far inside BIGINT.


class CommissionTooLarge(InvalidInput):
    """The terms would give more for this order than any commission may be."""

    code = "commission_too_large"
    title = "The commission would be too large"
    next = "Check the quantities of the order and the flat amounts of the terms."


@dataclass(frozen=True, slots=True)
class LineShare:
    """What one line earns, and how: `base` times the rate gives `computed`; limits per order give `amount`.

    `line_ref` is None for shipping. `source` says which rule decided: exclusion, product, category, default,
    or why nothing counts: returned, gift_card.
    """

    line_ref: str | None
    sku: str | None
    base: Money
    source: str
    rule: str | None
    rate: Percent | Flat | None
    computed: Money
    amount: Money

    @property
    def counts(self) -> bool:
        """Tell whether the line can earn at all, be it at a rate of zero."""
        return self.rate is not None

    def to_json(self) -> dict[str, Any]:
        """Return the line of a receipt."""
        return {
            "line_ref": self.line_ref,
            "sku": self.sku,
            "base": dump_money(self.base),
            "source": self.source,
            "rule": self.rule,
            "rate": rate_to_json(self.rate),
            "computed": dump_money(self.computed),
            "amount": dump_money(self.amount),
        }


@dataclass(frozen=True, slots=True)
class Calculation:
    """What an order earns under one version of terms: the total is the sum of the lines, to the cent."""

    terms_id: UUID
    terms_version: int
    total: Money
    lines: tuple[LineShare, ...]
    before_limits: Money
    limit: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the receipt of this calculation."""
        return {
            "terms_id": str(self.terms_id),
            "terms_version": self.terms_version,
            "total": dump_money(self.total),
            "before_limits": dump_money(self.before_limits),
            "limit": self.limit,
            "lines": [line.to_json() for line in self.lines],
        }


def commission_for(lines: Sequence[Line], shipping: Shipping, terms: Terms, currency: str) -> Calculation:
    """Return what lines as they stand earn under one version of terms; no line left means exactly zero.

    Percentages are rounded half-up per line. A flat amount per order counts once per rule and is spread over the
    lines that the rule decided about; per item it counts each piece. Shipping, where it is in the base, earns the
    offer's default percentage. Minimum and maximum hold for the whole order and are spread by largest remainder.
    An excluded, returned or uncounted gift-card line earns nothing and can't call up a minimum or flat amount.
    Raises CommissionTooLarge beyond what can be booked. Source: domain/commission-terms.md 2.1, D14, D15, D18.
    """
    book = RuleBook(terms.default, terms.rules)
    shares = [_matched(line, book.match(line.sku, line.category), terms, currency) for line in lines]
    shares = _with_flat_orders(shares, currency)
    if any(share.counts for share in shares) and terms.base.shipping and isinstance(terms.default, Percent):
        shares.append(_shipping(shipping, terms, terms.default))
    computed = sum_money((share.computed for share in shares), currency)
    total, limit = _limited(computed, terms, any(share.counts for share in shares))
    if total.minor > LARGEST_MINOR:
        raise CommissionTooLarge(
            {"lines": [f"The terms would give more than {Money(LARGEST_MINOR, currency)}."]}
        )
    if limit is not None:
        shares = _spread(shares, total)
    return Calculation(terms.id, terms.version, total, tuple(shares), computed, limit)


def rate_to_json(rate: Percent | Flat | None) -> dict[str, Any] | None:
    """Return a rate as terms write it."""
    match rate:
        case Percent(bp):
            return {"percent_bp": bp}
        case Flat(amount, per):
            return {"flat": str(amount), "per": per}
    return None


def _matched(line: Line, match: Match, terms: Terms, currency: str) -> LineShare:
    """Return what a line earns on its own; flat amounts per order are added once all lines are matched."""
    zero = Money.zero(currency)
    base = line.net + line.tax if terms.base.tax else line.net
    rule = match.rule.sku or match.rule.category if match.rule is not None else None
    nothing = LineShare(line.line_ref, line.sku, base, match.source, rule, None, zero, zero)
    if not line.is_left:
        return replace(nothing, source="returned", rule=None)
    if line.is_gift_card and not terms.base.gift_cards:
        return replace(nothing, base=zero, source="gift_card", rule=None)
    outcome = match.outcome
    if isinstance(outcome, Excluded):
        return nothing
    earned = zero
    if isinstance(outcome, Percent):
        earned = base.share_bp(outcome.bp)
    elif outcome.per == "item":
        earned = outcome.amount.times(line.quantity)
    return replace(nothing, rate=outcome, computed=earned, amount=earned)


def _with_flat_orders(shares: list[LineShare], currency: str) -> list[LineShare]:
    """Return the shares with each flat amount per order spread over the lines of its rule, by their base."""
    result = list(shares)
    groups: dict[tuple[str, str | None], list[int]] = {}
    for index, share in enumerate(shares):
        if isinstance(share.rate, Flat) and share.rate.per == "order":
            groups.setdefault((share.source, share.rule), []).append(index)
    for members in groups.values():
        rate = shares[members[0]].rate
        if not isinstance(rate, Flat):
            continue
        parts = allocate(rate.amount, [shares[index].base.minor for index in members])
        for index, part in zip(members, parts, strict=True):
            result[index] = replace(shares[index], computed=part, amount=part)
    return result


def _shipping(shipping: Shipping, terms: Terms, rate: Percent) -> LineShare:
    base = shipping.net + shipping.tax if terms.base.tax else shipping.net
    earned = base.share_bp(rate.bp)
    return LineShare(None, None, base, "default", None, rate, earned, earned)


def _limited(computed: Money, terms: Terms, anything_counts: bool) -> tuple[Money, str | None]:
    if not anything_counts:
        return computed, None
    if terms.minimum is not None and computed < terms.minimum:
        return terms.minimum, "minimum"
    if terms.maximum is not None and computed > terms.maximum:
        return terms.maximum, "maximum"
    return computed, None


def _spread(shares: list[LineShare], total: Money) -> list[LineShare]:
    """Return the shares with `total` divided in proportion to what each computed, or to the bases if all is nil."""
    weights = [share.computed.minor for share in shares]
    if not any(weights):
        weights = [share.base.minor if share.counts else 0 for share in shares]
    return [replace(share, amount=part) for share, part in zip(shares, allocate(total, weights), strict=True)]
