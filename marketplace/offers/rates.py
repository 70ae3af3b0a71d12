"""Rates of commission and the rules that say which rate holds for which product; pure and exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core.money import Money


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of the base in basis points, 0 to 10,000."""

    bp: int


@dataclass(frozen=True, slots=True)
class Flat:
    """A fixed amount, once per order or per item sold."""

    amount: Money
    per: Literal["order", "item"]


@dataclass(frozen=True, slots=True)
class Excluded:
    """Nothing is earned on it; unlike a rate of zero, it counts for no minimum and no flat amount either."""


Rate = Percent | Flat
EXCLUDED = Excluded()


@dataclass(frozen=True, slots=True)
class Rule:
    """An exception to the default rate, for one product (`sku`) or a category and all under it."""

    sku: str | None
    category: str | None
    outcome: Rate | Excluded


@dataclass(frozen=True, slots=True)
class Match:
    """Which rule decided about a line, so that a receipt can say it; `rule` is None for the default."""

    source: Literal["exclusion", "product", "category", "default"]
    outcome: Rate | Excluded
    rule: Rule | None = None


def read_rate(document: Mapping[str, Any], currency: str) -> Rate:
    """Return the rate written as {"percent_bp": 1000} or {"flat": "5.00", "per": "order"}."""
    if "percent_bp" in document:
        return Percent(int(document["percent_bp"]))
    per: Literal["order", "item"] = "item" if document["per"] == "item" else "order"
    return Flat(Money.parse(document["flat"], currency), per)


def read_rule(document: Mapping[str, Any], currency: str) -> Rule:
    """Return the rule written as {"sku" or "category": ..., "rate": ... or "exclude": true}."""
    outcome = EXCLUDED if document.get("exclude") else read_rate(document["rate"], currency)
    return Rule(document.get("sku"), document.get("category"), outcome)


class RuleBook:
    """The rules of one version, arranged to be asked about many lines.

    A category of Google's is the same whether a rule or a product names it in English, in Dutch or by its number.
    """

    def __init__(self, default: Rate, rules: tuple[Rule, ...]) -> None:
        self._default = Match("default", default)
        self._products = {rule.sku: rule for rule in rules if rule.sku is not None}
        self._categories = {
            taxonomy.comparable(rule.category): rule for rule in rules if rule.category is not None
        }

    def match(self, sku: str, category: str | None) -> Match:
        """Return what holds for a product: exclusion over product over category (the longest path) over
        default.

        An exclusion of any category that the product lies in wins, also over a rate for the product itself.
        """
        product = self._products.get(sku)
        path = taxonomy.comparable(category or "")
        within = [
            rule
            for size in range(len(path), 0, -1)
            if (rule := self._categories.get(path[:size])) is not None
        ]
        for rule in (product, *within):
            if rule is not None and isinstance(rule.outcome, Excluded):
                return Match("exclusion", EXCLUDED, rule)
        if product is not None:
            return Match("product", product.outcome, product)
        if within:
            return Match("category", within[0].outcome, within[0])
        return self._default
