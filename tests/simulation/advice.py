"""The model's half about orders: who wins one, what it earns as it stands, and what its commissions say.

Plain Python on whole minor units, without the product and without SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.model import Model

DAY = timedelta(hours=24)
GONE = {"qty": 0, "net": 0, "tax": 0}


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator) if denominator else 0


def at(timeline: list[tuple[datetime, Any]], when: datetime) -> Any:
    """Return what a timeline says at an instant; a change counts from its own instant on."""
    return next((value for since, value in reversed(timeline) if since <= when), None)


@dataclass
class Touch:
    id: int
    ts: datetime
    adviser: str
    visitor: str | None
    verdict: str | None = None  # Unknown until its click was shipped and looked at.


@dataclass
class Move:
    seq: int
    kind: str
    delta: int
    standing: int
    posted: bool = False


@dataclass
class Commission:
    order: Order
    adviser: str
    hold: timedelta = DAY
    moves: list[Move] = field(default_factory=list)
    # In the books, as (commission, fee): all that stands, and what of it waits for the shop, since which move.
    booked: tuple[int, int] = (0, 0)
    waits: tuple[int, int] = (0, 0)
    waits_since: int = 0
    matured: bool = False

    @property
    def standing(self) -> int:
        return self.moves[-1].standing if self.moves else 0

    @property
    def state(self) -> str:
        kinds = [move.kind for move in self.moves]
        if "declined" in kinds or not self.standing:
            return "declined" if "declined" in kinds else "reversed"
        return "approved" if "approved" in kinds else "pending"


@dataclass
class Order:
    ref: str
    mode: str
    ordered: datetime
    received: datetime
    left: dict[str, dict[str, Any]]  # by line: sku, qty, net, tax, gift
    shipping: tuple[int, int]  # net, tax
    tokens: set[int]
    customer: str | None
    code: str | None
    state: str = "provisional"
    by_worker: bool = False
    cancelled: bool = False
    winner: tuple[str, dict[str, Any]] | None = None  # adviser, version of terms
    unscreened: set[int] = field(default_factory=set)
    commissions: dict[str, Commission] = field(default_factory=dict)


class Shop:
    """One shop: terms by version, policy, touches and orders."""

    def __init__(self, model: Model, name: str, facts: dict[str, Any]) -> None:
        self.model, self.name, self.currency, self.policy = model, name, facts["currency"], facts["policy"]
        self.terms, self.fees, self.codes = list(facts["terms"]), list(facts["fees"]), dict(facts["codes"])
        self.partners = {adviser: list(line) for adviser, line in facts["partners"].items()}
        self.clicks: dict[int, Touch] = {}  # shipped
        self.touches: dict[int, Touch] = {}  # looked at by some decision
        self.orders: dict[tuple[str, str], Order] = {}
        self.early: dict[tuple[str, str], list[tuple[datetime, datetime, dict[str, Any] | None]]] = {}

    def fits(self, adviser: str, when: datetime) -> bool:
        lines = (self.partners.get(adviser, []), "accepted"), (self.model.states[adviser], "active")
        return all(at(line, when) == wanted for line, wanted in lines) and at(self.terms, when) is not None

    def see(self, order: Order, *, clicks: bool) -> tuple[str, dict[str, Any]] | None:
        """Say who wins an order and under which terms; the worker also looks at clicks, a request can't."""
        upto, known, (guard, code_rule) = min(order.ordered, order.received), set(order.tokens), self.policy
        for one in self.orders.values():
            same = order.customer and (one.customer, one.mode) == (order.customer, order.mode)
            known |= one.tokens if same and one.ordered <= order.ordered else set()
        people = {self.touches[one].visitor for one in known} - {None}
        for click in self.clicks.values() if clicks else ():
            if click.visitor in people and click.ts <= upto:
                self.touches.setdefault(click.id, Touch(click.id, click.ts, click.adviser, click.visitor))
            if click.id in self.touches and (click.id in known or click.visitor in people):
                self.touches[click.id].verdict = click.verdict
        seen = [one for one in self.touches.values() if one.id in known or one.visitor in people]
        order.unscreened = {one.id for one in seen if not one.verdict and (one.ts <= upto or one.id in known)}
        able = sorted((one for one in seen if one.ts <= upto), key=lambda one: (one.ts, one.id))
        able = [one for one in able if one.verdict in (None, "qualified") and self.fits(one.adviser, one.ts)]
        able = [one for one in able if upto < one.ts + at(self.terms, one.ts)["window"]]
        coded = self.codes.get(order.code or "")
        if coded and code_rule == "override" and self.fits(coded, upto):
            return coded, at(self.terms, [upto, *(one.ts for one in able if one.adviser == coded)][-1])
        if not able:
            return None
        # A click this young never displaces another's advice; all young ones leave it to the first.
        leader = ([able[0]] + [one for one in able if upto - one.ts >= guard])[-1].adviser
        return leader, at(self.terms, [one.ts for one in able if one.adviser == leader][-1])

    def earns(self, order: Order, terms: dict[str, Any]) -> int:
        """Say what the order as it stands earns, by one version of terms."""
        rates, flats, total = terms["rules"], {}, 0
        lines = [
            one for one in order.left.values() if one["qty"] and one["net"] and one["gift"] <= terms["gift"]
        ]
        lines = [one for one in lines if rates.get(one["sku"], terms["default"]) is not None]
        for one in lines:
            kind, number = rates.get(one["sku"], terms["default"])
            flats |= {one["sku"] if one["sku"] in rates else "": number} if kind == "order" else {}
            total += number * one["qty"] if kind == "item" else 0
            total += half_up((one["net"] + terms["tax"] * one["tax"]) * number, 10_000) if kind == "bp" else 0
        kind, number = terms["default"]
        if lines and terms["shipping"] and kind == "bp":
            total += half_up((order.shipping[0] + terms["tax"] * order.shipping[1]) * number, 10_000)
        return min(max(total + sum(flats.values()), terms["minimum"]), terms["maximum"]) if lines else 0

    def settle(self, order: Order) -> None:
        """Let what stands be what the order earns now, for the winner, and nothing for all others."""
        winner, terms = order.winner or ("", {})
        for one in order.commissions.values():
            _ = one.adviser == winner or self.model.change(one, 0)
        wanted = self.earns(order, terms) if winner else 0
        if wanted and winner not in order.commissions:
            order.commissions[winner] = Commission(order, winner)
            self.model.commissions.append((self, order.commissions[winner]))
        if winner in order.commissions and self.model.change(order.commissions[winner], wanted):
            order.commissions[winner].hold = terms["hold"]

    def report(self, order: Order) -> None:
        self.orders[order.mode, order.ref] = order
        order.winner = self.see(order, clicks=False)
        self.settle(order)
        for _, _, refund in sorted(self.early.pop((order.mode, order.ref), []), key=lambda one: one[:2]):
            self.give_back(order, refund)

    def add(self, order: Order, lines: dict[str, dict[str, Any]]) -> None:
        """Take in lines that came later; those of a cancelled order are gone with it."""
        order.left |= {ref: line | (GONE if order.cancelled else {}) for ref, line in lines.items()}
        self.settle(order)

    def give_back(self, order: Order, refund: dict[str, Any] | None) -> bool:
        """Take a refund (None: everything) off an order; False, and nothing done, when it doesn't fit."""
        none, (net, tax) = {"lines": {}, "shipping": order.shipping[0]}, order.shipping
        lines, back = (refund or none)["lines"], (refund or none)["shipping"]
        fits = all(ref in order.left and order.left[ref]["qty"] >= one["qty"] for ref, one in lines.items())
        if not fits or back > net or any(one["net"] > order.left[ref]["net"] for ref, one in lines.items()):
            return False
        for ref, one in lines.items():
            line = order.left[ref]
            part = one | {"tax": half_up(line["tax"] * one["net"], line["net"])}
            order.left[ref] = line | {name: line[name] - part[name] for name in GONE}
        order.shipping = (net - back, tax - half_up(tax * back, net))
        if refund is None:
            order.left, order.cancelled = {ref: one | GONE for ref, one in order.left.items()}, True
        self.settle(order)
        return True

    def redecide(self, order: Order) -> None:
        if order.state != "final":
            order.winner, order.by_worker = self.see(order, clicks=True), True
            order.state = "provisional" if self.model.mark < order.ordered else "decided"
            self.settle(order)
