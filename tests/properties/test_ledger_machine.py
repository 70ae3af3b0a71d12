"""Any mix of payments, sales, returns, approvals and payouts leaves the books where a plain model says.

The model is written apart from the code that it checks: plain numbers, one commission at a time. Each example has
shops and advisers of its own in one database, so that a run costs one clone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from marketplace.core.hooks import Finding
from marketplace.core.money import Money
from payouts.accrual import checks as accrual_checks
from payouts.funding import checks as funding_checks
from payouts.ledger import checks, postings
from tests.conftest import Database
from tests.drawn import examples
from tests.integration.payouts.world import NOW, World

FEE_BP = 777
PROMISES: tuple[Callable[..., Finding], ...] = (
    checks.sums_to_zero,
    checks.entries_balance,
    checks.balances_are_postings,
    checks.floors_hold,
    checks.reversals_within,
    funding_checks.payments_are_booked,
    funding_checks.shops_owe_what_waits,
    accrual_checks.moves_are_posted_as_they_are,
    accrual_checks.entries_say_what_moves_say,
    accrual_checks.pending_is_unmatured,
    accrual_checks.fees_follow_standing,
)


def fee_on(standing: int) -> int:
    """Half-up, as a person would do it."""
    whole, rest = divmod(standing * FEE_BP, 10_000)
    return whole + (rest >= 5_000)


@dataclass
class Sale:
    """What the model knows of a commission."""

    id: uuid.UUID
    shop: uuid.UUID
    adviser: uuid.UUID
    standing: int = 0
    unfunded: int = 0  # the part of the standing that the shop did not pay for, and of its fee
    unfunded_fee: int = 0
    is_asked: bool = False  # approved by tracking
    is_mature: bool = False  # and in the books


@dataclass
class Model:
    """Balances as plain numbers, and the rules of money in plain words."""

    held: dict[tuple[str, uuid.UUID | None], int] = field(default_factory=dict)
    queue: list[Sale] = field(default_factory=list)  # waits for budget, oldest first

    def of(self, kind: str, owner: uuid.UUID | None = None) -> int:
        return self.held.get((kind, owner), 0)

    def add(self, kind: str, owner: uuid.UUID | None, amount: int) -> None:
        self.held[kind, owner] = self.of(kind, owner) + amount

    def make_payable(self, sale: Sale, amount: int) -> None:
        paid_back = min(amount, self.of("adviser:receivable", sale.adviser))
        self.add("adviser:receivable", sale.adviser, -paid_back)
        self.add("adviser:available", sale.adviser, amount - paid_back)

    def earn(self, sale: Sale, amount: int) -> None:
        fee = fee_on(sale.standing + amount) - fee_on(sale.standing)
        sale.standing += amount
        if self.of("shop:prepaid", sale.shop) >= amount + fee:
            self.add("shop:prepaid", sale.shop, -amount - fee)
            if sale.is_mature:
                self.make_payable(sale, amount)
                self.add("platform:fee_revenue", None, fee)
                return
        else:
            self.add("shop:receivable", sale.shop, amount + fee)
            if not sale.unfunded:
                self.queue.append(sale)
            sale.unfunded += amount
            sale.unfunded_fee += fee
        self.add("adviser:pending", sale.adviser, amount)
        self.add("platform:fee_pending", None, fee)

    def take_back(self, sale: Sale, amount: int) -> None:
        fee = fee_on(sale.standing) - fee_on(sale.standing - amount)
        sale.standing -= amount
        unpaid, unpaid_fee = (sale.unfunded, sale.unfunded_fee) if amount >= sale.unfunded else (amount, fee)
        self.add("adviser:pending", sale.adviser, -unpaid)
        self.add("platform:fee_pending", None, -unpaid_fee)
        self.add("shop:receivable", sale.shop, -unpaid - unpaid_fee)
        if sale.unfunded and unpaid == sale.unfunded:
            self.queue.remove(sale)
        sale.unfunded -= unpaid
        sale.unfunded_fee -= unpaid_fee
        amount, fee = amount - unpaid, fee - unpaid_fee
        self.add("shop:prepaid", sale.shop, amount + fee)
        if sale.is_mature:
            taken = min(amount, self.of("adviser:available", sale.adviser))
            self.add("adviser:available", sale.adviser, -taken)
            self.add("adviser:receivable", sale.adviser, amount - taken)
            self.add("platform:fee_revenue", None, -fee)
        else:
            self.add("adviser:pending", sale.adviser, -amount)
            self.add("platform:fee_pending", None, -fee)
        self.mature(sale)
        self.release(sale.shop)

    def mature(self, sale: Sale) -> None:
        if sale.is_asked and not sale.is_mature and not sale.unfunded:
            sale.is_mature = True
            self.add("adviser:pending", sale.adviser, -sale.standing)
            self.make_payable(sale, sale.standing)
            self.add("platform:fee_pending", None, -fee_on(sale.standing))
            self.add("platform:fee_revenue", None, fee_on(sale.standing))

    def release(self, shop: uuid.UUID) -> None:
        for sale in [one for one in self.queue if one.shop == shop]:
            total = sale.unfunded + sale.unfunded_fee
            if total > self.of("shop:prepaid", shop):
                break
            self.add("shop:prepaid", shop, -total)
            self.add("shop:receivable", shop, -total)
            self.queue.remove(sale)
            amount, fee = sale.unfunded, sale.unfunded_fee
            sale.unfunded = sale.unfunded_fee = 0
            if sale.is_mature:
                self.add("adviser:pending", sale.adviser, -amount)
                self.make_payable(sale, amount)
                self.add("platform:fee_pending", None, -fee)
                self.add("platform:fee_revenue", None, fee)
            self.mature(sale)


class Books(RuleBasedStateMachine):
    """Drives the real books and the model side by side."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.before = self.world.books()
        self.shops = [self.world.shop(fee_bp=FEE_BP) for _ in range(2)]
        self.advisers = [self.world.adviser() for _ in range(2)]
        self.model = Model()
        self.sales: list[Sale] = []
        self.reserved: list[tuple[uuid.UUID, uuid.UUID, int]] = []
        self.sent: list[tuple[uuid.UUID, uuid.UUID, int]] = []

    @rule(shop=st.integers(0, 1), amount=st.integers(1, 4000), fee=st.integers(0, 1))
    def pay_in(self, shop: int, amount: int, fee: int) -> None:
        self.world.pay_in(self.shops[shop], amount, fee=fee)
        self.model.add("stripe:platform_balance", None, amount - fee)
        self.model.add("platform:stripe_cost", None, fee)
        self.model.add("shop:prepaid", self.shops[shop], amount)
        self.model.release(self.shops[shop])
        self.agree()

    @rule(shop=st.integers(0, 1), adviser=st.integers(0, 1), amount=st.integers(1, 3000))
    def sell(self, shop: int, adviser: int, amount: int) -> None:
        commission = self.world.commission(self.shops[shop], self.advisers[adviser])
        sale = Sale(commission, self.shops[shop], self.advisers[adviser])
        self.sales.append(sale)
        self.world.move(commission, "earned", amount)
        self.model.earn(sale, amount)
        self.agree()

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), amount=st.integers(1, 1000))
    def add_lines(self, data: st.DataObject, amount: int) -> None:
        sale = data.draw(st.sampled_from(self.sales))
        self.world.move(sale.id, "earned", amount)
        self.model.earn(sale, amount)
        self.agree()

    @precondition(lambda self: any(sale.standing for sale in self.sales))
    @rule(data=st.data(), part=st.integers(1, 3000))
    def give_back(self, data: st.DataObject, part: int) -> None:
        sale = data.draw(st.sampled_from([one for one in self.sales if one.standing]))
        amount = min(part, sale.standing)
        self.world.move(sale.id, "reversed", -amount)
        self.model.take_back(sale, amount)
        self.agree()

    @precondition(lambda self: any(not sale.is_asked for sale in self.sales))
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        sale = data.draw(st.sampled_from([one for one in self.sales if not one.is_asked]))
        self.world.move(sale.id, "approved")
        sale.is_asked = True
        self.model.mature(sale)
        self.agree()

    @precondition(lambda self: any(self.model.of("adviser:available", one) for one in self.advisers))
    @rule(data=st.data())
    def reserve(self, data: st.DataObject) -> None:
        able = [one for one in self.advisers if self.model.of("adviser:available", one)]
        adviser, payout = data.draw(st.sampled_from(able)), uuid.uuid4()
        amount = data.draw(st.integers(1, self.model.of("adviser:available", adviser)))
        entry = postings.reserve(payout, adviser, self.parts(amount), at=NOW)
        first, second = self.world.enter(entry), self.world.enter(entry)
        assert first == second, "a replay is the first entry"
        self.reserved.append((payout, adviser, amount))
        self.model.add("adviser:available", adviser, -amount)
        self.model.add("adviser:in_transit", adviser, amount)
        self.agree()

    @precondition(lambda self: self.reserved)
    @rule(is_accepted=st.booleans())
    def carry_out(self, is_accepted: bool) -> None:
        payout, adviser, amount = self.reserved.pop()
        self.model.add("adviser:in_transit", adviser, -amount)
        if is_accepted:
            transfer = f"tr_{payout}"
            self.world.enter(postings.sent(payout, adviser, self.parts(amount), transfer_id=transfer, at=NOW))
            self.sent.append((payout, adviser, amount))
            self.model.add("stripe:platform_balance", None, -amount)
            self.model.add("memo:connected_balance", adviser, amount)
            self.model.add("memo:connected_owed", adviser, amount)
        else:
            self.world.enter(postings.released(payout, adviser, self.parts(amount), attempt=1, at=NOW))
            self.model.add("adviser:available", adviser, amount)
        self.agree()

    @precondition(lambda self: self.sent)
    @rule()
    def arrive(self) -> None:
        payout, adviser, amount = self.sent.pop()
        money = Money(amount, "EUR")
        self.world.enter(postings.in_bank(payout, adviser, money, stripe_payout_id=f"po_{payout}", at=NOW))
        self.model.add("memo:connected_balance", adviser, -amount)
        self.model.add("memo:connected_owed", adviser, -amount)
        self.agree()

    def parts(self, amount: int) -> list[tuple[uuid.UUID, Money]]:
        return [(self.shops[0], Money(amount, "EUR"))]

    def agree(self) -> None:
        """Post what is due and compare every account that this example touches."""
        self.world.post()
        books = self.world.books()
        ours = {*self.shops, *self.advisers}
        found = {
            key: amount - (0 if key[1] else self.before.get(key, 0))
            for key, amount in books.items()
            if key[1] is None or key[1] in ours
        }
        wanted = {key: amount for key, amount in self.model.held.items() if amount}
        assert {key: amount for key, amount in found.items() if amount} == wanted

    def teardown(self) -> None:
        with self.world.reading() as session:
            for promise in PROMISES:
                finding = promise(session)
                assert finding.holds, (promise.__name__, finding)


def test_the_books_follow_the_model(database: Database) -> None:
    world = World(database)

    class Machine(Books):
        pass

    Machine.world = world
    try:
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine, settings=examples(12, stateful_step_count=20, deadline=None)
        )
    finally:
        world.close()
