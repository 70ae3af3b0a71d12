"""What everybody must hold, said a second time: plain Python on whole minor units, without the product and without SQL.

Accounts carry the ledger's names, are positive on their normal side, and are sums over facts: nothing is posted here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.records import DAY, GONE, Facts, Line, Lines, Move, Refund, Sale, Shop, Terms, Touch, at

MINIMUM = 2500  # EUR 25.00: the least that is paid to somebody who stays.


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator) if denominator else 0


@dataclass(eq=False)
class Commission:
    order: Order
    adviser: str
    hold: timedelta = DAY
    moves: list[Move] = field(default_factory=list)
    posted: set[Move] = field(default_factory=set)
    waits: tuple[int, ...] = (0, 0)  # What of it and of its fee the shop has still to pay for,
    waits_since: int = 0  # and since which move.

    @property
    def standing(self) -> int:
        return sum(delta for _, _, delta in self.moves)

    @property
    def state(self) -> str:
        kinds = {kind for _, kind, _ in self.moves}
        live = "approved" if "approved" in kinds else "pending"
        return "declined" if "declined" in kinds else live if self.standing else "reversed"

    @property
    def booked(self) -> tuple[int, int]:
        """Return what of it is in the books, and the fee on that by the contract of the order's day."""
        fees, amount = self.order.shop.fees, sum(delta for _, _, delta in self.posted)
        return amount, half_up(amount * at(fees, max(self.order.ordered, fees[0][0])), 10_000)

    def is_due(self, now: datetime) -> bool:
        held = max(self.order.ordered + self.hold, self.order.received + DAY)
        return self.state == "pending" and self.order.state != "provisional" and now >= held


@dataclass(eq=False)
class Order(Sale):
    state: str = "provisional"
    by_worker: bool = False
    winner: tuple[str, Terms] | None = None
    unscreened: set[int] = field(default_factory=set)

    def earns(self, terms: Terms) -> int:
        rules, default, tax, gift = (terms[name] for name in ("rules", "default", "tax", "gift"))
        lines = [one for one in self.left.values() if one["qty"] and one["net"] and one["gift"] <= gift]
        rated = [(one, rate) for one in lines if (rate := rules.get(one["sku"], default))]
        if rated and terms["shipping"] and default[0] == "bp":
            rated.append((self.left["shipping"], default))
        bp = [(one["net"] + tax * one["tax"]) * n for one, (kind, n) in rated if kind == "bp"]
        items = sum(n * one["qty"] for one, (kind, n) in rated if kind == "item")
        total = items + sum(half_up(one, 10_000) for one in bp)
        # A flat amount per order counts once for each rule that gives it.
        flat = {one["sku"] in rules and one["sku"]: n for one, (kind, n) in rated if kind == "order"}
        return min(max(total + sum(flat.values()), terms["minimum"]), terms["maximum"]) if rated else 0


@dataclass
class Model(Facts):
    touches: dict[int, Touch] = field(default_factory=dict)  # Known by tokens or by decisions over clicks,
    unread: set[int] = field(default_factory=set)  # those of a token whose shipped click nobody looked at,
    orders: dict[tuple[str, str], Order] = field(default_factory=dict)
    commissions: list[Commission] = field(default_factory=list)
    lines: list[tuple[str, int]] = field(default_factory=list)  # and what became payable in EUR, or less so.

    def fits(self, shop: Shop, adviser: str, when: datetime) -> bool:
        return (at(shop.partners[adviser], when), at(self.states[adviser], when)) == ("accepted", "active")

    def see(self, order: Order, clicks: dict[int, Touch]) -> tuple[str, Terms] | None:
        """Say who wins an order and under which terms; the worker also looks at clicks, a request can't."""
        shop, upto, (guard, code_rule) = order.shop, min(order.ordered, order.received), order.shop.policy
        same = [one for one in self.orders.values() if order.customer and one.buyer == order.buyer]
        known = {*order.tokens}.union(*(one.tokens for one in same if one.ordered <= order.ordered))
        people = {self.touches[one].person for one in known} - {None}
        near = [one for one in (self.touches | clicks).values() if one.id in known or one.person in people]
        seen = sorted(one for one in near if one.id in self.touches or one.ts <= upto)
        self.touches |= {one.id: one for one in seen}
        self.unread -= {one.id for one in near} & clicks.keys()
        asked = {one.id for one in seen if one.ts <= upto or one.id in known}
        order.unscreened = asked - (self.clicks.keys() - self.unread)
        able = [one for one in seen if one.ts <= upto < one.ts + at(shop.terms, one.ts)["window"]]
        able = [one for one in able if one.id in order.unscreened or one.verdict == "qualified"]
        able = [one for one in able if self.fits(shop, one.adviser, one.ts)]
        winner = shop.codes.get(order.code or "", "") if code_rule == "override" else ""
        if not winner or not self.fits(shop, winner, upto):
            # A click this young never displaces another's advice; all young ones leave it to the first.
            winner = [*able[:1], *(one for one in able if upto - one.ts >= guard)][-1].adviser if able else ""
        bound = [upto, *(one.ts for one in able if one.adviser == winner)][-1]
        return (winner, at(shop.terms, bound)) if winner else None

    def settle(self, order: Order) -> None:
        """Let what stands be what the order earns now, for the winner, and nothing for all others."""
        winner, terms = order.winner or ("", {})
        wanted = order.earns(terms) if winner else 0
        if wanted and not any(one.order is order and one.adviser == winner for one in self.commissions):
            self.commissions.append(Commission(order, winner))
        for one in (one for one in self.commissions if one.order is order):
            delta = (wanted if one.adviser == winner else 0) - one.standing
            # What was declined stays, what was approved never grows.
            closed = {"declined", "approved"} if delta > 0 else {"declined"}
            if delta and not any(kind in closed for _, kind, _ in one.moves):
                one.moves.append((next(self.numbers), "earned" if delta > 0 else "reversed", delta))
                one.hold = terms.get("hold", one.hold)

    def report(self, order: Order) -> None:
        self.orders[order.mode, order.ref] = order
        self.unread |= order.tokens.keys() & self.clicks.keys() - self.touches.keys()
        self.touches |= order.tokens
        order.winner = self.see(order, {})
        self.settle(order)
        for _, _, refund in sorted(self.early.pop((order.mode, order.ref), []), key=lambda one: one[:2]):
            self.give_back(order, refund)

    def add(self, order: Order, lines: dict[str, Line]) -> None:
        """Take in lines that came later; those of a cancelled order are gone with it."""
        order.left |= {ref: line | (GONE if order.cancelled else {}) for ref, line in lines.items()}
        self.settle(order)

    def give_back(self, order: Order, refund: Refund | None) -> bool:
        """Take a refund (None: all, for good) off an order; False when it is more than what is left."""
        left, parts = order.left, refund or {ref: {**one} for ref, one in order.left.items()}
        if any(one[key] > left[ref][key] for ref, one in parts.items() for key in ("qty", "net")):
            return False
        order.cancelled = order.cancelled or refund is None
        for ref, one in parts.items():
            part = one | {"tax": half_up(left[ref]["tax"] * one["net"], left[ref]["net"])}
            left[ref] |= {key: left[ref][key] - part[key] for key in GONE}
        self.settle(order)
        return True

    def redecide(self, order: Order) -> None:
        if order.state != "final":
            order.winner, order.by_worker = self.see(order, self.clicks), True
            order.state = "provisional" if min(self.marks.values()) < order.ordered else "decided"
            self.settle(order)

    def decide_due(self) -> None:
        """Look again at orders that are new, whose clicks came since, or for which all clicks are here now."""
        turns = {}
        for one in self.orders.values():
            if not one.by_worker or one.unscreened & self.clicks.keys():
                turns[one] = (int(one.by_worker), one.received)
            elif one.state == "provisional" and min(self.marks.values()) >= one.ordered:
                turns[one] = (2, one.ordered)
        for one in sorted(turns, key=lambda one: turns[one]):
            self.redecide(one)

    def verdict(self, one: Commission, kind: str) -> bool:
        """Approve or decline what is pending; approval waits for late clicks and makes the order final."""
        if one.state != "pending" or (kind == "approved" and one.order.state == "provisional"):
            return False
        one.moves.append((next(self.numbers), kind, -one.standing if kind == "declined" else 0))
        one.order.state = "final" if kind == "approved" else one.order.state
        return True

    def approve_due(self, now: datetime) -> None:
        """Approve what was held for long enough, after a last look at its clicks."""
        for one in [one for one in self.commissions if one.is_due(now)]:
            self.redecide(one.order)
        for one in [one for one in self.commissions if one.is_due(now)]:
            self.verdict(one, "approved")

    def park(self, now: datetime) -> None:
        for waiting in self.early.values():
            waiting[:] = [one for one in waiting if one[1] > now - 60 * DAY]  # Older ones never count.

    def books(self) -> Counter[tuple[str, str, str]]:
        """Return what stands in each account, by kind, owner ("" for us) and currency."""
        books: Counter[tuple[str, str, str]] = Counter()
        for shop, cur, gross, cost in self.payments:
            books["stripe:platform_balance", "", cur] += gross - cost
            books["platform:stripe_cost", "", cur] += cost
            books["shop:prepaid", shop, cur] += gross
        for one in self.commissions:
            shop, cur, (amount, fee) = one.order.shop.name, one.order.shop.currency, one.booked
            is_mature = any(kind == "approved" for _, kind, _ in one.posted)
            books["shop:prepaid", shop, cur] += sum(one.waits) - amount - fee
            books["shop:receivable", shop, cur] += sum(one.waits)
            books["adviser:available" if is_mature else "adviser:pending", one.adviser, cur] += amount
            books["platform:fee_revenue" if is_mature else "platform:fee_pending", "", cur] += fee
        for name, amount, state in ((one.adviser, one.amount, one.state) for one in self.payouts.values()):
            books["adviser:available", name, "EUR"] -= amount * (state != "released")
            books["adviser:in_transit", name, "EUR"] += amount * (state == "open")
            books["stripe:platform_balance", "", "EUR"] -= amount * (state not in ("open", "released"))
            books["memo:connected_balance", name, "EUR"] += amount * (state in ("paid", "bank_failed"))
            books["memo:connected_owed", name, "EUR"] += amount * (state in ("paid", "bank_failed"))
        for (kind, owner, cur), total in list(books.items()):
            if kind == "adviser:available" and total < 0:  # What came back and wasn't payable is owed.
                books[kind, owner, cur], books["adviser:receivable", owner, cur] = 0, -total
        return books

    def post(self, one: Commission, move: Move) -> bool:
        """A sale is paid by the budget wholly or waits wholly; returns take first what the shop didn't pay for."""
        (number, kind, delta), shop, (_, fee) = move, one.order.shop, one.booked
        if move in one.posted or one.order.mode == "test" or (kind == "approved" and any(one.waits)):
            return False
        one.posted.add(move)
        if delta < 0 or self.books()["shop:prepaid", shop.name, shop.currency] < 0:
            one.waits_since = one.waits_since if any(one.waits) else number
            one.waits = max(0, one.waits[0] + delta), max(0, one.waits[1] + one.booked[1] - fee)
        self.note()
        return True

    def post_all(self) -> None:
        """Bring every move into the books, commission by commission, until only what waits for a shop is left."""
        while [one for one in self.commissions for move in one.moves if self.post(one, move)]:
            self.release()

    def release(self) -> None:
        """Pay for what waits from each shop's budget: oldest first, each wholly, none overtaken."""
        for shop in self.shops.values():
            line = [one for one in self.commissions if one.order.shop is shop and any(one.waits)]
            line.sort(key=lambda one: one.waits_since)
            while line and sum(line[0].waits) <= self.books()["shop:prepaid", shop.name, shop.currency]:
                line.pop(0).waits = (0, 0)

    def note(self) -> None:
        """Let what became payable, or was taken from it, be a line of its own."""
        books, noted = (
            self.books(),
            self.lines + [(one.adviser, -one.amount) for one in self.payouts.values()],
        )
        for name in self.states:
            change = books["adviser:available", name, "EUR"] - sum(n for who, n in noted if who == name)
            self.lines += [(name, change)] if change else []

    def content(self, upto: int, blocked: set[str], now: datetime) -> dict[str, Lines]:
        """Say whom a run pays for which lines: the first `upto`, and whatever was taken since, but for what was paid."""
        books, gone = self.books(), {number for payout in self.payouts.values() for number in payout.lines}
        able = {name for name, line in self.states.items() if at(line, now) == "active"} - blocked
        found: dict[str, Lines] = {name: {} for name in able if not books["adviser:receivable", name, "EUR"]}
        for number, (name, amount) in enumerate(self.lines):
            if name in found and number not in gone and (number < upto or amount < 0):
                found[name][number] = amount
        return {name: lines for name, lines in found.items() if sum(lines.values()) >= MINIMUM}
