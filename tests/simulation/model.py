"""What everybody must hold, said a second time: plain Python on whole minor units, without the product and without SQL.

The world tells what people did and which sweep ran; the model says who earns what and where each cent lies. Only what
hangs on another's answer is observed: that a payout was paid or given back, that a payment was booked. Accounts carry
the ledger's names and are positive on their normal side. Who wins an order and what it earns stands in advice.py.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from tests.simulation.advice import DAY, Commission, Move, Order, Shop, at, half_up

MINIMUM = 2500  # EUR 25.00: the least that is paid to somebody who stays.


class Model:
    """All shops, advisers and accounts."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.states = {name: list(line) for name, line in facts["advisers"].items()}
        self.marks: dict[str, datetime] = dict(facts["marks"])  # Up to when each edge has shipped its clicks.
        self.commissions: list[tuple[Shop, Commission]] = []
        self.books: Counter[tuple[str, str, str]] = Counter()  # kind, owner ("" for us), currency
        self.lines: dict[str, dict[int, int]] = {name: {} for name in self.states}  # payable EUR, by number
        self.payouts: dict[str, dict[str, Any]] = {}
        self.stripe: Counter[str] = Counter()  # What lies at Stripe, whether booked or not.
        self.count = 0
        self.shops = {name: Shop(self, name, one) for name, one in facts["shops"].items()}

    @property
    def mark(self) -> datetime:
        return min(self.marks.values())

    def tick(self) -> int:
        self.count += 1
        return self.count

    def change(self, one: Commission, wanted: int) -> bool:
        """Append the move that makes `wanted` stand; what was declined stays, what was approved never grows."""
        delta, closed = (
            wanted - one.standing,
            {"declined"} if wanted < one.standing else {"declined", "approved"},
        )
        if not delta or closed & {move.kind for move in one.moves}:
            return False
        one.moves.append(Move(self.tick(), "earned" if delta > 0 else "reversed", delta, wanted))
        return True

    def verdict(self, one: Commission, kind: str) -> bool:
        """Approve or decline what is pending; approval waits for late clicks and makes the order final."""
        if one.state != "pending" or (kind == "approved" and one.order.state == "provisional"):
            return False
        delta = -one.standing if kind == "declined" else 0
        one.moves.append(Move(self.tick(), kind, delta, one.standing + delta))
        one.order.state = "final" if kind == "approved" else one.order.state
        return True

    def decide_due(self) -> None:
        """Look again at orders that are new, whose clicks were shipped since, or for which all clicks are here now."""
        due: list[tuple[int, datetime, Shop, Order]] = []
        for shop in self.shops.values():
            for one in shop.orders.values():
                if not one.by_worker and one.state != "final":
                    due.append((0, one.received, shop, one))
                elif one.state != "final" and one.unscreened & {*shop.clicks}:
                    due.append((1, one.received, shop, one))
                elif one.state == "provisional" and self.mark >= one.ordered:
                    due.append((2, one.ordered, shop, one))
        for _, _, shop, one in sorted(due, key=lambda found: found[:2]):
            shop.redecide(one)

    def approve_due(self, now: datetime) -> None:
        """Approve what was held for long enough, after a last look at its clicks."""

        def is_due(one: Commission) -> bool:
            return one.state == "pending" and now >= max(
                one.order.ordered + one.hold, one.order.received + DAY
            )

        for shop, one in list(self.commissions):
            if is_due(one) and one.order.state != "provisional":
                shop.redecide(one.order)
                for other in filter(is_due, list(one.order.commissions.values())):
                    self.verdict(other, "approved")

    def park(self, now: datetime) -> None:
        """Refunds that waited for 60 days never count."""
        for shop in self.shops.values():
            for place, waiting in shop.early.items():
                shop.early[place] = [one for one in waiting if one[1] > now - 60 * DAY]

    def put(self, owner: str, cur: str, **amounts: int) -> None:
        for name, amount in amounts.items():
            group, _, rest = name.partition("_")
            self.books[f"{group}:{rest}", owner, cur] += amount
            if name == "adviser_available" and amount and cur == "EUR":
                self.lines[owner][self.tick()] = amount

    def post_all(self) -> None:
        """Bring every move into the books, commission by commission, until only what waits for a shop is left."""
        freed: dict[str, Shop] | None = {"": next(iter(self.shops.values()))}
        while freed:
            freed = {}
            for shop, one in self.commissions:
                for move in one.moves if one.order.mode == "live" else ():
                    if not move.posted and self.post(shop, one, move):
                        move.posted = True
                        freed[shop.name if move.delta < 0 else ""] = shop
            for name, shop in freed.items():
                _ = not name or self.release(shop)

    def post(self, shop: Shop, one: Commission, move: Move) -> bool:
        if move.kind == "approved":
            if any(one.waits):
                return False
            if one.moves[-1].kind != "declined":
                self.mature(shop.currency, one)
            return True
        bp = at(shop.fees, one.order.ordered) or shop.fees[0][1]
        fee = half_up(move.standing * bp, 10_000) - half_up((move.standing - move.delta) * bp, 10_000)
        one.booked = (one.booked[0] + move.delta, one.booked[1] + fee)
        if move.delta < 0:
            self.take_back(shop, one, -move.delta, -fee)
            return True
        total, cur = move.delta + fee, shop.currency
        if total <= self.books["shop:prepaid", shop.name, cur]:
            self.put(shop.name, cur, shop_prepaid=-total)
        else:
            self.put(shop.name, cur, shop_receivable=total)
            one.waits_since = one.waits_since if any(one.waits) else move.seq
            one.waits = (one.waits[0] + move.delta, one.waits[1] + fee)
        self.put(one.adviser, cur, adviser_pending=move.delta)
        self.put("", cur, platform_fee_pending=fee)
        return True

    def take_back(self, shop: Shop, one: Commission, back: int, fee: int) -> None:
        """What the shop did not pay for goes first; after approval the rest is taken from what is payable, or owed."""
        cur, (waits, fee_waits) = shop.currency, (min(back, one.waits[0]), min(fee, one.waits[1]))
        rest, fee_rest = back - waits, fee - fee_waits
        one.waits = (one.waits[0] - waits, one.waits[1] - fee_waits)
        self.put(shop.name, cur, shop_receivable=-waits - fee_waits, shop_prepaid=rest + fee_rest)
        late, fee_late = (rest, fee_rest) if one.matured else (0, 0)
        taken = min(late, self.books["adviser:available", one.adviser, cur])
        self.put(
            one.adviser,
            cur,
            adviser_available=-taken,
            adviser_receivable=late - taken,
            adviser_pending=late - back,
        )
        self.put("", cur, platform_fee_pending=fee_late - fee, platform_fee_revenue=-fee_late)

    def mature(self, cur: str, one: Commission) -> None:
        (amount, fee), one.matured = one.booked, True
        owed = min(amount, self.books["adviser:receivable", one.adviser, cur])
        self.put(
            one.adviser,
            cur,
            adviser_pending=-amount,
            adviser_receivable=-owed,
            adviser_available=amount - owed,
        )
        self.put("", cur, platform_fee_pending=-fee, platform_fee_revenue=fee)

    def release(self, shop: Shop) -> None:
        """Pay for what waits from the budget: oldest first, each wholly, none overtaken."""
        waiting = [one for owner, one in self.commissions if owner is shop and any(one.waits)]
        for one in sorted(waiting, key=lambda one: one.waits_since):
            total = sum(one.waits)
            if total > self.books["shop:prepaid", shop.name, shop.currency]:
                return
            self.put(shop.name, shop.currency, shop_prepaid=-total, shop_receivable=-total)
            one.waits = (0, 0)

    def funded(self, shop: Shop, gross: int, fee: int) -> None:
        """A payment was booked."""
        self.put("", shop.currency, stripe_platform_balance=gross - fee, platform_stripe_cost=fee)
        self.put(shop.name, shop.currency, shop_prepaid=gross)
        self.release(shop)

    def content(self, upto: int, blocked: set[str], now: datetime) -> dict[str, dict[int, int]]:
        """Say whom a run pays for which lines: those up to a number, and whatever was taken since."""
        found = {}
        for name, lines in self.lines.items():
            mine = {n: amount for n, amount in lines.items() if n <= upto or amount < 0}
            state, total = at(self.states[name], now), sum(mine.values())
            owes, small = self.books["adviser:receivable", name, "EUR"], state == "active" and total < MINIMUM
            if total > 0 and state != "banned" and not owes and not small and name not in blocked:
                found[name] = mine
        return found

    def reserve(self, adviser: str, payout: str, lines: dict[int, int]) -> None:
        amount, left = (
            sum(lines.values()),
            {n: one for n, one in self.lines[adviser].items() if n not in lines},
        )
        self.put(adviser, "EUR", adviser_available=-amount, adviser_in_transit=amount)
        self.lines[adviser] = left
        self.payouts[payout] = {"adviser": adviser, "amount": amount, "state": "open"}

    def observe(self, payout: str, state: str) -> None:
        """A payout went on: paid, in_bank, bank_failed, or released (given back)."""
        name, amount, was = (self.payouts[payout][key] for key in ("adviser", "amount", "state"))
        self.payouts[payout]["state"], connected = state, ("paid", "bank_failed")
        there = amount * ((state in connected) - (was in connected))
        self.put(name, "EUR", memo_connected_balance=there, memo_connected_owed=there)
        if was == "open":
            self.put(name, "EUR", adviser_in_transit=-amount)
            self.put("", "EUR", stripe_platform_balance=0 if state == "released" else -amount)
        if state == "released":
            owed = min(amount, self.books["adviser:receivable", name, "EUR"])
            self.put(name, "EUR", adviser_available=amount)
            self.put(name, "EUR", adviser_available=-owed, adviser_receivable=-owed)
