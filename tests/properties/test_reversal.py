"""What stands for an order always equals what its remaining lines earn, whatever happens to it and in what order."""

import datetime as dt
import uuid

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from marketplace.core.money import Money, sum_money
from marketplace.offers.rates import EXCLUDED, Flat, Percent, Rule
from marketplace.offers.terms import Base, Terms
from tests.drawn import examples
from tracking.commissions.calculation import commission_for
from tracking.commissions.states import Step, next_change, reinstatement, state_of
from tracking.orders.remaining import (
    Line,
    RefundedLine,
    Remaining,
    Return,
    Shipping,
    after,
    misfit,
    remaining,
)
from tracking.orders.remaining import (
    state_of as order_state_of,
)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
SKUS = st.sampled_from(["a", "b", "c", "x"])
CATEGORIES = st.sampled_from([None, "Home", "Home > Kitchen", "Books"])


def money(currency, largest=100_000, smallest=0):
    return st.integers(smallest, largest).map(lambda minor: Money(minor, currency))


def rates(currency):
    percent = st.sampled_from([0, 1, 250, 333, 1000, 10_000]).map(Percent)
    flat = st.builds(Flat, money(currency, 2000, 1), st.sampled_from(["order", "item"]))
    return percent | flat


@st.composite
def terms(draw, currency):
    subjects = draw(st.lists(st.sampled_from(["a", "b", "Home", "Home > Kitchen"]), unique=True, max_size=4))
    rules = tuple(
        Rule(
            subject if len(subject) == 1 else None,
            subject if len(subject) > 1 else None,
            draw(rates(currency) | st.just(EXCLUDED)),
        )
        for subject in subjects
    )
    limits = sorted(draw(st.lists(st.integers(0, 5000), min_size=2, max_size=2)))
    minimum = Money(limits[0], currency) if draw(st.booleans()) else None
    maximum = Money(limits[1], currency) if draw(st.booleans()) else None
    base = Base(draw(st.booleans()), draw(st.booleans()), draw(st.booleans()))
    return Terms(
        uuid.UUID(int=1), uuid.UUID(int=2), 1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(30),
        dt.timedelta(30), draw(rates(currency)), rules, base, minimum, maximum, False, currency,
    )  # fmt: skip


@st.composite
def lines(draw, currency, ref=None):
    return Line(
        ref or f"l{draw(st.integers(0, 10**6))}",
        draw(SKUS),
        draw(CATEGORIES),
        draw(st.integers(1, 5)),
        draw(money(currency)),
        draw(money(currency, 20_000)),
        draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def orders(draw):
    currency = draw(CURRENCIES)
    sold = [draw(lines(currency, f"l{number}")) for number in range(draw(st.integers(1, 5)))]
    shipping = Shipping(draw(money(currency, 2000)), draw(money(currency, 500)))
    return currency, sold, shipping, draw(terms(currency))


def parts_of(line):
    """Refunds of one line that fit it."""
    return st.builds(
        lambda quantity, net: RefundedLine(line.line_ref, quantity, Money(net, line.net.currency)),
        st.integers(0, line.quantity),
        st.integers(0, line.net.minor),
    )


@given(orders())
def test_lines_sum_to_the_total_and_none_is_negative(order):
    currency, sold, shipping, bound = order
    found = commission_for(sold, shipping, bound, currency)
    assert sum_money((share.amount for share in found.lines), currency) == found.total
    assert all(share.amount.minor >= 0 for share in found.lines)
    assert all(share.amount.is_zero for share in found.lines if not share.counts)
    if bound.maximum is not None:
        assert found.total <= bound.maximum
    if bound.minimum is not None and any(share.counts for share in found.lines):
        assert found.total >= bound.minimum


@given(orders())
def test_percentages_alone_never_exceed_the_base(order):
    currency, sold, shipping, bound = order
    outcomes = [bound.default, *(rule.outcome for rule in bound.rules)]
    if bound.minimum is None and not any(isinstance(outcome, Flat) for outcome in outcomes):
        found = commission_for(sold, shipping, bound, currency)
        assert found.total <= sum_money((share.base for share in found.lines), currency)


@given(orders(), st.data())
def test_a_refund_never_raises_what_an_order_earns(order, data):
    currency, sold, shipping, bound = order
    left = Remaining(tuple(sold), shipping)
    line = data.draw(st.sampled_from(sold))
    smaller = after(left, Return((data.draw(parts_of(line)),)))
    before = commission_for(left.lines, left.shipping, bound, currency).total
    assert commission_for(smaller.lines, smaller.shipping, bound, currency).total <= before


@given(orders(), st.data())
def test_refunds_in_any_number_of_steps_leave_the_same_as_at_once(order, data):
    currency, sold, shipping, _bound = order
    line = data.draw(st.sampled_from(sold))
    whole = data.draw(parts_of(line))
    cut = data.draw(st.integers(0, whole.net.minor))
    pieces = data.draw(st.integers(0, whole.quantity))
    steps = [
        Return((RefundedLine(line.line_ref, pieces, Money(cut, currency), Money.zero(currency)),)),
        Return(
            (
                RefundedLine(
                    line.line_ref,
                    whole.quantity - pieces,
                    whole.net - Money(cut, currency),
                    Money.zero(currency),
                ),
            )
        ),
    ]
    once = Return((RefundedLine(line.line_ref, whole.quantity, whole.net, Money.zero(currency)),))
    assert remaining(sold, shipping, steps) == remaining(sold, shipping, [once])


class OrderLife(RuleBasedStateMachine):
    """An order that earns, grows, shrinks, is approved or declined; the promise holds after every step."""

    @initialize(order=orders())
    def report(self, order):
        self.currency, self.sold, self.shipping, self.terms = order
        self.sold = list(self.sold)
        self.returns = []
        self.steps = []
        self.deltas = []
        self.settle()

    @property
    def left(self):
        return remaining(self.sold, self.shipping, self.returns)

    @property
    def wanted(self):
        return commission_for(self.left.lines, self.left.shipping, self.terms, self.currency).total.minor

    def settle(self):
        change = next_change(self.steps, self.wanted)
        if change is not None:
            kind, delta = change
            self.move(kind, delta)
        assert next_change(self.steps, self.wanted) is None

    def move(self, kind, delta):
        standing = self.steps[-1].standing if self.steps else 0
        self.steps.append(Step(kind, standing + delta))
        self.deltas.append(delta)

    def is_state(self, *states):
        return bool(self.steps) and state_of(self.steps) in states

    @precondition(lambda self: not any(step.kind == "approved" for step in self.steps) and not self.gone)
    @rule(data=st.data())
    def add_a_line(self, data):
        line = data.draw(lines(self.currency, f"l{len(self.sold)}"))
        self.sold.append(line)
        self.settle()

    @property
    def gone(self):
        return any(one.is_cancel for one in self.returns)

    @rule(data=st.data())
    def refund(self, data):
        line = data.draw(st.sampled_from(self.left.lines))
        one = Return((data.draw(parts_of(line)),))
        assert misfit(self.left, one) is None
        self.returns.append(one)
        self.settle()

    @rule()
    def refund_all_that_is_left(self):
        left = self.left
        self.returns.append(
            Return(
                tuple(RefundedLine(line.line_ref, line.quantity, line.net, line.tax) for line in left.lines),
                left.shipping.net,
                left.shipping.tax,
            )
        )
        self.settle()
        assert not self.steps or self.steps[-1].standing == 0

    @rule()
    def cancel(self):
        self.returns.append(Return(is_cancel=True))
        self.settle()
        assert not self.steps or self.steps[-1].standing == 0

    @precondition(lambda self: self.is_state("pending"))
    @rule()
    def approve(self):
        self.move("approved", 0)

    @precondition(
        lambda self: self.is_state("pending") and not any(one.kind == "reinstated" for one in self.steps)
    )
    @rule()
    def decline(self):
        self.move("declined", -self.steps[-1].standing)

    @precondition(lambda self: self.is_state("declined"))
    @rule()
    def reinstate(self):
        delta = reinstatement(self.steps, self.wanted)
        assert (delta is None) == (self.wanted == 0)
        if delta is not None:
            self.move("reinstated", delta)

    @invariant()
    def what_stands_is_what_the_rest_earns(self):
        if not hasattr(self, "steps"):
            return
        standing = self.steps[-1].standing if self.steps else 0
        kinds = [step.kind for step in self.steps]
        declined = "declined" in kinds and "reinstated" not in kinds
        assert standing == (0 if declined else self.wanted)
        assert standing == sum(self.deltas)
        assert all(step.standing >= 0 for step in self.steps)
        assert kinds.count("declined") <= 1 and kinds.count("reinstated") <= kinds.count("declined")
        if declined:
            assert self.steps[-1].kind == "declined", "nothing is reversed a second time"

    @invariant()
    def a_gone_order_earns_nothing(self):
        if hasattr(self, "steps") and self.left.is_gone:
            assert self.wanted == 0
            if self.returns:
                assert order_state_of(self.returns, self.left) in ("refunded", "cancelled")


TestOrderLife = OrderLife.TestCase
TestOrderLife.settings = examples(60, stateful_step_count=15, deadline=None)
