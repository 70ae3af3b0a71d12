"""What everybody must hold, said a second time: plain Python on whole minor units, without the product and without SQL.

The world tells the model what people did and which sweep ran; the model says who earns what and where each cent lies.
Only what depends on another's answer is observed instead of foretold, and then held against a rule: that a payout was
paid or given back, that a payment of a shop was booked, that money reached a bank. Accounts carry the ledger's names
and are positive on their normal side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Account = tuple[str, str, str]  # kind, owner ("" for us), currency
DAY = timedelta(hours=24)
MINIMUM = 2500  # EUR 25.00, the least that is paid to somebody who stays.


def half_up(numerator: int, denominator: int) -> int:
    """Divide what isn't negative, halves upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def at(timeline: list[tuple[datetime, Any]], when: datetime, before: Any = None) -> Any:
    """Return what a timeline says at an instant; a change counts from its own instant on."""
    return next((value for since, value in reversed(timeline) if since <= when), before)


@dataclass
class Touch:
    id: int
    ts: datetime
    adviser: str
    visitor: str | None
    verdict: str | None = None  # Unknown until the click was shipped and looked at.


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
    # In the books: what stands as (commission, fee), what of it waits for the shop, since which move, the verdict.
    booked: tuple[int, int] = (0, 0)
    waits: tuple[int, int] = (0, 0)
    waits_since: int = 0
    matured: bool = False

    @property
    def standing(self) -> int:
        return self.moves[-1].standing if self.moves else 0

    @property
    def state(self) -> str:
        kinds = {move.kind for move in self.moves}
        if "declined" in kinds or not self.standing:
            return "declined" if "declined" in kinds else "reversed"
        return "approved" if "approved" in kinds else "pending"


@dataclass
class Order:
    ref: str
    mode: str
    ordered: datetime
    received: datetime
    left: dict[str, dict[str, Any]]  # line_ref -> sku, qty, net, tax, gift
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
    """One shop: its terms by version, its policy, its touches and orders; money goes to the model's books."""

    def __init__(self, model: Model, name: str, facts: dict[str, Any]) -> None:
        self.model, self.name, self.currency = model, name, facts["currency"]
        self.terms: list[tuple[datetime, Any]] = list(facts["terms"])
        self.fees: list[tuple[datetime, int]] = list(facts["fees"])
        self.policy: tuple[timedelta, str] = facts["policy"]
        self.partners = {adviser: list(line) for adviser, line in facts["partners"].items()}
        self.codes: dict[str, str] = dict(facts["codes"])
        self.clicks: dict[int, Touch] = {}  # shipped
        self.touches: dict[int, Touch] = {}  # looked at by a decision
        self.orders: dict[tuple[str, str], Order] = {}
        self.early: dict[tuple[str, str], list[tuple[datetime, datetime, dict[str, Any] | None]]] = {}

    def fits(self, adviser: str, when: datetime) -> bool:
        here = at(self.partners.get(adviser, []), when) == "accepted"
        return here and at(self.model.states[adviser], when) == "active" and bool(at(self.terms, when))

    def see(self, order: Order, *, clicks: bool) -> tuple[str, dict[str, Any]] | None:
        """Say who wins an order and under which terms; the worker also looks at clicks, a request can't."""
        upto, same = min(order.ordered, order.received), order.customer
        known = set(order.tokens)
        for one in self.orders.values():
            if same and one.customer == same and one.mode == order.mode and one.ordered <= order.ordered:
                known |= one.tokens
        visitors = {self.touches[one].visitor for one in known} - {None}
        if clicks:
            for click in self.clicks.values():
                if click.visitor in visitors and click.ts <= upto:
                    self.touches.setdefault(click.id, Touch(click.id, click.ts, click.adviser, click.visitor))
            for one in self.touches.values():
                if (one.id in known or one.visitor in visitors) and one.id in self.clicks:
                    one.verdict = self.clicks[one.id].verdict
        seen = [one for one in self.touches.values() if one.id in known or one.visitor in visitors]
        order.unscreened = {one.id for one in seen if not one.verdict and (one.ts <= upto or one.id in known)}
        guard, code_rule = self.policy
        fit = sorted((one.ts, one.id, one) for one in seen if one.verdict in (None, "qualified") and one.ts <= upto)
        able = [
            one for ts, _, one in fit if self.fits(one.adviser, ts) and upto < ts + at(self.terms, ts)["window"]
        ]
        coded = self.codes.get(order.code or "")
        if coded and code_rule == "override" and self.fits(coded, upto):
            own = [one.ts for one in able if one.adviser == coded]
            return coded, at(self.terms, own[-1] if own else upto)
        if not able:
            return None
        old = [one for one in able if upto - one.ts >= guard]
        leader = old[-1] if old else able[0]
        last = [one for one in able if one.adviser == leader.adviser][-1]
        return leader.adviser, at(self.terms, last.ts)

    def earns(self, order: Order, terms: dict[str, Any]) -> int:
        """Say what the order as it stands earns, by one version of terms."""
        total, flats, counts = 0, {}, False
        for line in order.left.values():
            rule = line["sku"] if line["sku"] in terms["rules"] else ""
            rate = terms["rules"][rule] if rule else terms["default"]
            if not (line["qty"] > 0 < line["net"]) or (line["gift"] and not terms["gift"]) or rate is None:
                continue
            counts = True
            if rate[0] == "bp":
                total += half_up((line["net"] + terms["tax"] * line["tax"]) * rate[1], 10_000)
            elif rate[0] == "item":
                total += rate[1] * line["qty"]
            else:
                flats[rule] = rate[1]
        total += sum(flats.values())
        if counts and terms["shipping"] and terms["default"][0] == "bp":
            total += half_up((order.shipping[0] + terms["tax"] * order.shipping[1]) * terms["default"][1], 10_000)
        return min(max(total, terms["minimum"]), terms["maximum"]) if counts else 0

    def settle(self, order: Order) -> None:
        """Let what stands be what the order earns now, for the winner, and nothing for all others."""
        winner, terms = order.winner or ("", {})
        for one in order.commissions.values():
            if one.adviser != winner:
                self.model.change(one, 0)
        if winner:
            wanted, found = self.earns(order, terms), order.commissions.get(winner)
            if found is None and wanted:
                found = order.commissions[winner] = Commission(order, winner)
                self.model.commissions.append((self, found))
            if found is not None and self.model.change(found, wanted):
                found.hold = terms["hold"]

    def add(self, order: Order, lines: dict[str, dict[str, Any]]) -> None:
        """Take in lines that came later; those of a cancelled order are gone with it."""
        gone = {"qty": 0, "net": 0, "tax": 0} if order.cancelled else {}
        order.left |= {ref: line | gone for ref, line in lines.items()}
        self.settle(order)

    def report(self, order: Order) -> None:
        self.orders[order.mode, order.ref] = order
        order.winner = self.see(order, clicks=False)
        self.settle(order)
        self.apply_early(order)

    def apply_early(self, order: Order) -> None:
        for _, _, refund in sorted(self.early.pop((order.mode, order.ref), []), key=lambda one: one[:2]):
            self.give_back(order, refund)

    def give_back(self, order: Order, refund: dict[str, Any] | None) -> bool:
        """Take a refund (None: all) off an order; False, and nothing done, when it doesn't fit."""
        lines: dict[str, Any] = {} if refund is None else refund["lines"]
        known = all(ref in order.left for ref in lines)
        if not known or any(part[key] > order.left[ref][key] for ref, part in lines.items() for key in ("qty", "net")):
            return False
        back = order.shipping[0] if refund is None else refund["shipping"]
        if back > order.shipping[0]:
            return False
        order.cancelled = order.cancelled or refund is None
        for ref, line in order.left.items():
            part = line if refund is None else lines.get(ref, {"qty": 0, "net": 0})
            tax = half_up(line["tax"] * part["net"], line["net"]) if line["net"] else 0
            gone = {"qty": line["qty"] - part["qty"], "net": line["net"] - part["net"], "tax": line["tax"] - tax}
            order.left[ref] = line | (gone | {"tax": 0} if refund is None else gone)
        tax = half_up(order.shipping[1] * back, order.shipping[0]) if order.shipping[0] else 0
        order.shipping = (order.shipping[0] - back, 0 if refund is None else order.shipping[1] - tax)
        self.settle(order)
        return True

    def redecide(self, order: Order) -> None:
        if order.state != "final":
            order.winner, order.by_worker = self.see(order, clicks=True), True
            order.state = "provisional" if self.model.mark < order.ordered else "decided"
            self.settle(order)


class Model:
    """All shops, advisers and accounts."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.states: dict[str, list[tuple[datetime, str]]] = {k: list(v) for k, v in facts["advisers"].items()}
        self.mark: datetime = facts["mark"]  # Up to when the edge has shipped its clicks.
        self.commissions: list[tuple[Shop, Commission]] = []
        self.books: Counter[Account] = Counter(facts["books"])
        self.lines: dict[str, dict[int, int]] = {name: {} for name in self.states}  # payable, by number
        self.payouts: dict[str, dict[str, Any]] = {}
        self.stripe: Counter[str] = Counter(facts["stripe"])  # What lies at Stripe, whether booked or not.
        self.count = 0
        self.shops = {name: Shop(self, name, one) for name, one in facts["shops"].items()}

    def tick(self) -> int:
        self.count += 1
        return self.count

    def change(self, one: Commission, wanted: int) -> bool:
        """Append the move that makes `wanted` stand; what was declined stays, what was approved never grows."""
        state, delta = one.state, wanted - one.standing
        approved = any(move.kind == "approved" for move in one.moves)
        if not delta or state == "declined" or (delta > 0 and approved):
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
        fresh, screened, late = [], [], []
        for shop in self.shops.values():
            for one in shop.orders.values():
                ready = any(touch in shop.clicks for touch in one.unscreened)
                if one.state == "provisional" and not one.by_worker:
                    fresh.append((one.received, shop, one))
                elif one.by_worker and one.state != "final" and ready:
                    screened.append((one.received, shop, one))
                elif one.state == "provisional" and self.mark >= one.ordered:
                    late.append((one.ordered, shop, one))
        for group in (fresh, screened, late):
            for _, shop, one in sorted(group, key=lambda found: found[0]):
                shop.redecide(one)

    def approve_due(self, now: datetime) -> None:
        """Approve what was held for long enough, after a last look at its clicks."""
        for shop, one in list(self.commissions):
            order = one.order
            if self.is_due(one, now) and order.state != "provisional":
                shop.redecide(order)
                for other in order.commissions.values():
                    if self.is_due(other, now):
                        self.verdict(other, "approved")

    @staticmethod
    def is_due(one: Commission, now: datetime) -> bool:
        return one.state == "pending" and now >= max(one.order.ordered + one.hold, one.order.received + DAY)

    # The books.

    def put(self, kind: str, owner: str, currency: str, amount: int) -> None:
        self.books[kind, owner, currency] += amount
        if kind == "adviser:available" and amount:
            self.lines[owner][self.tick()] = amount if currency == "EUR" else 0

    def park(self, now: datetime) -> None:
        """Refunds that waited for 60 days never count."""
        for shop in self.shops.values():
            for place, waiting in shop.early.items():
                shop.early[place] = [one for one in waiting if one[1] > now - 60 * DAY]

    def post_all(self) -> None:
        """Bring every move into the books, commission by commission, until nothing is left but what waits for a shop."""
        again = True
        while again:
            again, freed = False, {}
            for shop, one in self.commissions:
                for move in [] if one.order.mode == "test" else one.moves:
                    if not move.posted and self.post(shop, one, move):
                        again = move.posted = True
                        if move.kind in ("reversed", "declined"):
                            freed[shop.name] = shop
            for shop in freed.values():
                self.release(shop)

    def post(self, shop: Shop, one: Commission, move: Move) -> bool:
        cur, name = shop.currency, shop.name
        free = self.books["shop:prepaid", name, cur]
        if move.kind == "approved":
            if any(one.waits):
                return False
            if not one.matured and one.moves[-1].kind != "declined":
                self.mature(one, cur)
            return True
        bp = at(shop.fees, one.order.ordered, shop.fees[0][1])
        fee = half_up(move.standing * bp, 10_000) - half_up((move.standing - move.delta) * bp, 10_000)
        if move.delta > 0:
            funded = move.delta + fee <= free
            self.put("shop:prepaid" if funded else "shop:receivable", name, cur, (-1 if funded else 1) * (move.delta + fee))
            self.put("adviser:pending", one.adviser, cur, move.delta)
            self.put("platform:fee_pending", "", cur, fee)
            if not funded:
                one.waits_since = one.waits_since if any(one.waits) else move.seq
                one.waits = (one.waits[0] + move.delta, one.waits[1] + fee)
        else:
            self.take_back(shop, one, -move.delta, -fee)
        one.booked = (one.booked[0] + move.delta, one.booked[1] + fee)
        return True

    def take_back(self, shop: Shop, one: Commission, back: int, fee: int) -> None:
        """What the shop did not pay for yet goes first; after approval the rest comes from what is payable, or is owed."""
        cur, waits = shop.currency, (min(back, one.waits[0]), min(fee, one.waits[1]))
        rest, rest_fee = back - waits[0], fee - waits[1]
        one.waits = (one.waits[0] - waits[0], one.waits[1] - waits[1])
        self.put("shop:receivable", shop.name, cur, -sum(waits))
        self.put("shop:prepaid", shop.name, cur, rest + rest_fee)
        taken = min(rest, self.books["adviser:available", one.adviser, cur]) if one.matured else 0
        self.put("adviser:available", one.adviser, cur, -taken)
        self.put("adviser:receivable", one.adviser, cur, rest - taken if one.matured else 0)
        self.put("adviser:pending", one.adviser, cur, -(waits[0] if one.matured else back))
        self.put("platform:fee_pending", "", cur, -(waits[1] if one.matured else fee))
        self.put("platform:fee_revenue", "", cur, -rest_fee if one.matured else 0)

    def mature(self, one: Commission, cur: str) -> None:
        amount, fee = one.booked
        one.matured = True
        self.put("adviser:pending", one.adviser, cur, -amount)
        self.pay_back(one.adviser, cur, amount, fresh=True)
        self.put("platform:fee_pending", "", cur, -fee)
        self.put("platform:fee_revenue", "", cur, fee)

    def pay_back(self, adviser: str, cur: str, amount: int, *, fresh: bool) -> None:
        """Make an amount payable, after what the adviser owes is paid back from it."""
        owed = min(amount, self.books["adviser:receivable", adviser, cur])
        self.put("adviser:receivable", adviser, cur, -owed)
        for part in [amount - owed] if fresh else [amount, -owed]:
            self.put("adviser:available", adviser, cur, part)

    def release(self, shop: Shop) -> None:
        """Pay for what waits from the budget: oldest first, each wholly, none overtaken."""
        waiting = [(one.waits_since, one) for _, one in self.commissions if _ is shop and any(one.waits)]
        for _, one in sorted(waiting, key=lambda found: found[0]):
            total = sum(one.waits)
            if total > self.books["shop:prepaid", shop.name, shop.currency]:
                return
            self.put("shop:prepaid", shop.name, shop.currency, -total)
            self.put("shop:receivable", shop.name, shop.currency, -total)
            one.waits = (0, 0)

    def funded(self, shop: Shop, gross: int, fee: int) -> None:
        """A payment was booked."""
        self.put("stripe:platform_balance", "", shop.currency, gross - fee)
        self.put("platform:stripe_cost", "", shop.currency, fee)
        self.put("shop:prepaid", shop.name, shop.currency, gross)
        self.release(shop)

    def content(self, upto: int, blocked: set[str], now: datetime) -> dict[str, dict[int, int]]:
        """Say whom a run pays for which lines: those up to a number, and whatever was taken since."""
        found = {}
        for name, lines in self.lines.items():
            mine = {n: amount for n, amount in lines.items() if amount and (n <= upto or amount < 0)}
            state, total = at(self.states[name], now), sum(mine.values())
            owes = self.books["adviser:receivable", name, "EUR"] > 0
            small = state == "active" and total < MINIMUM
            if total > 0 and state != "banned" and not owes and not small and name not in blocked:
                found[name] = mine
        return found

    def reserve(self, adviser: str, payout: str, lines: dict[int, int]) -> None:
        for n in lines:
            del self.lines[adviser][n]
        amount = sum(lines.values())
        self.books["adviser:available", adviser, "EUR"] -= amount
        self.put("adviser:in_transit", adviser, "EUR", amount)
        self.payouts[payout] = {"adviser": adviser, "amount": amount, "state": "open"}

    def observe(self, payout: str, state: str) -> None:
        """A payout went on: open, paid, in_bank, bank_failed, or given back."""
        one = self.payouts[payout]
        was, one["state"] = one["state"], state
        name, amount = one["adviser"], one["amount"]
        connected = {"paid": 1, "bank_failed": 1}.get(state, 0) - {"paid": 1, "bank_failed": 1}.get(was, 0)
        for side in ("memo:connected_balance", "memo:connected_owed"):
            self.put(side, name, "EUR", connected * amount)
        if was == "open":
            self.put("adviser:in_transit", name, "EUR", -amount)
            if state == "released":
                self.pay_back(name, "EUR", amount, fresh=False)
            else:
                self.put("stripe:platform_balance", "", "EUR", -amount)
