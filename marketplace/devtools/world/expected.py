"""What must come out of a plan, worked out by plain arithmetic beside the product: who is credited, and what it earns.

It shares no code with the rooms that decide and calculate; where the two differ, one of them is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import singledispatchmethod
from typing import Any

from marketplace.devtools.world import events
from marketplace.devtools.world.plan import Plan
from marketplace.devtools.world.shops import shop
from marketplace.devtools.world.story import DAYS, NOTICE_DAYS
from marketplace.devtools.world.totals import Sold, Table, disputes_table, sales_tables

CENT = Decimal("0.01")
FEE_PERCENT = 10
# So long a shop may think about a dispute.
ANSWER_DAYS = 14


@dataclass(slots=True)
class Outcome:
    """What one order comes to: its winner if any, the terms that bind, the lines that are left and the state."""

    order: events.Order
    winner: str | None
    terms: Mapping[str, Any] | None
    left: dict[str, tuple[events.SoldLine, int, Decimal]] = field(default_factory=dict)
    verdict: str | None = None

    @property
    def commission(self) -> Decimal:
        """Return what stands of the commission."""
        if self.terms is None or self.verdict == "declined":
            return Decimal(0)
        return earned(self.terms, [(line, count, net) for line, count, net in self.left.values() if count])

    @property
    def fee(self) -> Decimal:
        """Return the platform's fee on what stands."""
        return _percent(self.commission, FEE_PERCENT * 100)

    @property
    def state(self) -> str | None:
        """Return the commission's state on the last day, None without a winner."""
        if self.terms is None:
            return None
        if self.verdict == "declined":
            return "declined"
        if self.commission == 0:
            return "reversed"
        held = self.order.day + int(self.terms["hold_days"]) <= DAYS
        return "approved" if held or self.verdict == "approve" else "pending"


def earned(terms: Mapping[str, Any], lines: list[tuple[events.SoldLine, int, Decimal]]) -> Decimal:
    """Return what lines (with the pieces and the net amount that are left) earn under terms."""
    total, flats, counts = Decimal(0), {}, False
    for line, pieces, net in lines:
        rate, subject = _rate(terms, line)
        if rate is None:
            continue
        counts = True
        if "percent_bp" in rate:
            total += _percent(net, int(rate["percent_bp"]))
        elif rate.get("per") == "item":
            total += Decimal(rate["flat"]) * pieces
        else:
            flats[subject] = Decimal(rate["flat"])
    total += sum(flats.values(), Decimal(0))
    if counts and terms.get("minimum") is not None:
        total = max(total, Decimal(terms["minimum"]))
    if counts and terms.get("maximum") is not None:
        total = min(total, Decimal(terms["maximum"]))
    return total


def _percent(amount: Decimal, points: int) -> Decimal:
    return (amount * points / 10_000).quantize(CENT, ROUND_HALF_UP)


def _rate(terms: Mapping[str, Any], line: events.SoldLine) -> tuple[Mapping[str, Any] | None, str]:
    """Return the rate for a line and what it was found by: its product, the nearest category, the default."""
    found, subject, nearest = terms["default"], "default", -1
    for rule in terms.get("rules", ()):
        category = rule.get("category")
        inside = category is not None and f"{line.category} > ".startswith(f"{category} > ")
        if rule.get("sku") != line.sku and not inside:
            continue
        if rule.get("exclude"):
            return None, "excluded"
        depth = 1_000 if category is None else category.count(">")
        if depth > nearest:
            found, subject, nearest = rule["rate"], category or line.sku, depth
    return found, subject


class Ledgerless:
    """Goes through a plan day by day with pencil and paper."""

    def __init__(self, plan: Plan) -> None:
        """Work everything out."""
        self.outcomes: dict[str, Outcome] = {}
        self.clicks: dict[int, events.Click] = {}
        self.proved: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.paid_in: dict[str, Decimal] = defaultdict(Decimal)
        self._joined: set[tuple[str, str]] = set()
        self._paused: set[str] = set()
        self._codes: dict[tuple[str, str], events.GiveCode] = {}
        self._renewed: dict[str, int] = {}
        self._waiting: dict[str, list[events.Refund]] = defaultdict(list)
        self.disputes: dict[str, tuple[str, str]] = {}
        self.silence: dict[str, int] = {}
        for one in plan.events:
            self._see(one)
        for ref, day in self.silence.items():
            if day <= DAYS:
                self._settle(ref, "adviser", "silence")

    @singledispatchmethod
    def _see(self, one: events.Event) -> None:
        """Take in what changes nothing about who earns what."""

    @_see.register
    def _(self, one: events.Join) -> None:
        self._joined.add((one.adviser, one.offer))

    @_see.register
    def _(self, one: events.Leave) -> None:
        self._joined.discard((one.adviser, one.offer))

    @_see.register
    def _(self, one: events.MoveOffer) -> None:
        (self._paused.add if one.verb == "pause" else self._paused.discard)(one.offer)

    @_see.register
    def _(self, one: events.GiveCode) -> None:
        self._codes[one.offer.partition(":")[0], one.code] = one

    @_see.register
    def _(self, one: events.EndCode) -> None:
        self._codes.pop((one.shop, one.code), None)

    @_see.register
    def _(self, one: events.NewTerms) -> None:
        self._renewed[one.offer] = one.day + NOTICE_DAYS

    @_see.register
    def _(self, one: events.Fund) -> None:
        self.paid_in[one.shop] += one.amount

    @_see.register
    def _(self, one: events.Click) -> None:
        if self._earns(one.link.adviser, one.link.offer):
            self.clicks[one.mark] = one

    @_see.register
    def _(self, one: events.Order) -> None:
        marks = [mark for mark in one.clicks if mark in self.clicks]
        if one.shopper is not None and not one.is_test:
            marks = self.proved[one.shop, one.shopper] = self.proved[one.shop, one.shopper] + marks
        winner, terms = self._decide(one, [self.clicks[mark] for mark in marks])
        outcome = Outcome(
            one, winner, terms, {line.ref: (line, line.quantity, line.net) for line in one.lines}
        )
        self.outcomes[one.ref] = outcome
        for refund in self._waiting.pop(one.ref, ()):
            self._see(refund)

    @_see.register
    def _(self, one: events.AddLines) -> None:
        self.outcomes[one.ref].left |= {line.ref: (line, line.quantity, line.net) for line in one.lines}

    @_see.register
    def _(self, one: events.Refund) -> None:
        if one.ref not in self.outcomes:
            self._waiting[one.ref].append(one)
            return
        line, pieces, net = self.outcomes[one.ref].left[one.line.ref]
        self.outcomes[one.ref].left[line.ref] = (line, pieces - one.quantity, net - one.net)

    @_see.register
    def _(self, one: events.Cancel) -> None:
        left = self.outcomes[one.ref].left
        left.update({ref: (line, 0, Decimal(0)) for ref, (line, _, _) in left.items()})

    @_see.register
    def _(self, one: events.Judge) -> None:
        self.outcomes[one.ref].verdict = "declined" if one.verb == "decline" else one.verb

    @_see.register
    def _(self, one: events.Dispute) -> None:
        """Remember how a dispute stands; what nobody answers in time is the adviser's."""
        if one.verb == "open":
            self.silence[one.ref] = one.day + ANSWER_DAYS
        else:
            self.silence.pop(one.ref, None)
        if one.verb in ("accept", "decide"):
            self._settle(
                one.ref,
                "adviser" if one.verb == "accept" else str(one.outcome),
                "shop" if one.verb == "accept" else "platform",
            )

    def _settle(self, ref: str, outcome: str, ended_by: str) -> None:
        self.disputes[ref] = (outcome, ended_by)
        if outcome == "adviser":
            self.outcomes[ref].verdict = None

    def _earns(self, adviser: str, offer: str) -> bool:
        return (adviser, offer) in self._joined and offer not in self._paused

    def _terms(self, offer: str, day: int) -> Mapping[str, Any]:
        key, _, number = offer.partition(":")
        found = shop(key).offers[int(number)]
        is_new = offer in self._renewed and day >= self._renewed[offer]
        return found.later_terms if is_new and found.later_terms is not None else found.terms

    def _decide(
        self, order: events.Order, clicks: list[events.Click]
    ) -> tuple[str | None, Mapping[str, Any] | None]:
        """Return who gets an order and under which terms: the last click, unless it is late, and a code before all."""
        fit = []
        for click in sorted(clicks, key=lambda one: one.day):
            terms = self._terms(click.link.offer, click.day)
            if order.day < click.day + int(terms["window_days"]):
                fit.append((click, terms))
        last = None
        for click, terms in fit:
            is_young = click.is_late and click.day == order.day
            if last is None or not is_young or last[0].link.adviser == click.link.adviser:
                last = (click, terms)
        code = self._codes.get((order.shop, order.code or ""))
        if code is not None and self._earns(code.adviser, code.offer):
            own = [
                terms
                for click, terms in fit
                if (click.link.adviser, click.link.offer) == (code.adviser, code.offer)
            ]
            return code.adviser, own[-1] if own else self._terms(code.offer, order.day)
        return (None, None) if last is None else (last[0].link.adviser, last[1])


def tables(plan: Plan) -> tuple[Table, ...]:
    """Return the tables of facts that need no product to work them out: orders, commissions, advisers, disputes."""
    worked = Ledgerless(plan)
    names = {one.key: one.name for one in plan.advisers}
    sold = [
        Sold(
            shop(one.order.shop).name,
            one.order.channel,
            names[one.winner] if one.winner else None,
            one.order.is_test,
            one.state,
            one.commission,
        )
        for one in worked.outcomes.values()
    ]
    return (*sales_tables(sold), disputes_table(worked.disputes.values()))
