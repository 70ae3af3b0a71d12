"""Commission terms as code reads them: one immutable version, and which version was in force when."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Product
from marketplace.core.money import Money
from marketplace.offers.models import CommissionTerms
from marketplace.offers.rates import Excluded, Match, Rate, Rule, RuleBook, read_rate, read_rule


@dataclass(frozen=True, slots=True)
class Base:
    """What counts in the base besides the lines' net amounts."""

    tax: bool
    shipping: bool
    gift_cards: bool


@dataclass(frozen=True)
class Terms:
    """One version of an offer's terms; `window`: how long a click counts, `hold`: how long money waits."""

    id: uuid.UUID
    offer_id: uuid.UUID
    version: int
    effective_from: dt.datetime
    window: dt.timedelta
    hold: dt.timedelta
    default: Rate
    rules: tuple[Rule, ...]
    base: Base
    minimum: Money | None
    maximum: Money | None
    own_shop: bool
    currency: str

    @classmethod
    def of(cls, row: CommissionTerms) -> Terms:
        """Return the terms that a row holds."""
        document, currency = row.document, row.currency
        return cls(
            id=row.id,
            offer_id=row.offer_id,
            version=row.version,
            effective_from=row.effective_from,
            window=dt.timedelta(days=row.window_days),
            hold=dt.timedelta(days=row.hold_days),
            default=read_rate(document["default"], currency),
            rules=tuple(read_rule(rule, currency) for rule in document["rules"]),
            base=Base(**document["base"]),
            minimum=_optional(document["minimum"], currency),
            maximum=_optional(document["maximum"], currency),
            own_shop=bool(document["own_shop"]),
            currency=currency,
        )

    @cached_property
    def book(self) -> RuleBook:
        """Return the rules, arranged to be asked about many lines."""
        return RuleBook(self.default, self.rules)

    def match(self, sku: str, category: str | None) -> Match:
        """Return which rule decides about a product, and its outcome (D15)."""
        return self.book.match(sku, category)

    def rule_for(self, sku: str, category: str | None) -> Rate | Excluded:
        """Return the rate for a product, or that it is excluded.

        Exclusion goes before product, product before category (the longest path), category before the
        default.
        """
        return self.match(sku, category).outcome


def _optional(text: str | None, currency: str) -> Money | None:
    return None if text is None else Money.parse(text, currency)


def at(session: Session, offer_id: uuid.UUID, when: dt.datetime) -> Terms | None:
    """Return the terms of an offer that are in force at an instant, or None before the first version."""
    return many_at(session, [(offer_id, when)]).get((offer_id, when))


def many_at(
    session: Session, wanted: Iterable[tuple[uuid.UUID, dt.datetime]]
) -> dict[tuple[uuid.UUID, dt.datetime], Terms]:
    """Return the terms in force for each (offer, instant); pairs before an offer's first version are left
    out.

    In force is the newest version whose `effective_from` is not after the instant.
    """
    pairs = set(wanted)
    offers = sorted({offer_id for offer_id, _ in pairs})
    if not offers:
        return {}
    query = sa.select(CommissionTerms).where(CommissionTerms.offer_id.in_(offers))
    query = query.where(CommissionTerms.effective_from <= max(when for _, when in pairs))
    versions: dict[uuid.UUID, list[CommissionTerms]] = {}
    for row in session.scalars(query.order_by(CommissionTerms.effective_from, CommissionTerms.version)):
        versions.setdefault(row.offer_id, []).append(row)
    read: dict[uuid.UUID, Terms] = {}
    found = {}
    for offer_id, when in pairs:
        in_force = [row for row in versions.get(offer_id, ()) if row.effective_from <= when]
        if in_force:
            row = in_force[-1]
            found[offer_id, when] = read.setdefault(row.id, Terms.of(row))
    return found


def by_id(session: Session, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Terms]:
    """Return versions of terms by id; ids that don't exist are left out."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = session.scalars(sa.select(CommissionTerms).where(CommissionTerms.id.in_(wanted)))
    return {row.id: Terms.of(row) for row in rows}


def titles(session: Session, shop_id: uuid.UUID, versions: Iterable[Terms | None]) -> dict[str, str]:
    """Return the titles of the products that rules name by number, as far as the actor may see them.

    versions: of the terms of one shop; None among them is left out.
    """
    skus = {rule.sku for one in versions if one is not None for rule in one.rules if rule.sku is not None}
    if not skus:
        return {}
    query = sa.select(Product.sku, Product.title).where(Product.shop_id == shop_id, Product.sku.in_(skus))
    return {row.sku: row.title for row in session.execute(query)}
