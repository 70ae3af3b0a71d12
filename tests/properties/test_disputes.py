"""Orders, returns, declines, disputes, decisions and time in any mix: what stands, who is paid, and what the books say.

The rules of disputes, the states of commissions and the desk of accrual play together here, without a database.
"""

import datetime as dt
import uuid

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from marketplace.core.money import Money
from payouts.accrual.desk import Desk, Move
from payouts.ledger.commissions import Parties
from tests.drawn import examples
from tests.properties.test_reversal import OrderLife
from tracking.commissions.states import reinstatement, state_of
from tracking.disputes import rules
from tracking.disputes.rules import Event, Terms, standing_of

START = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TERMS = Terms(30 * DAY, 14 * DAY, 7 * DAY, {"EUR": 25_000, "KWD": 0})
RICH = 10**15
FEE_BP = 1000
VERBS = {
    "accept": ("answer", "accepted", "shop", None),
    "reject": ("answer", "rejected", "shop", None),
    "escalate": ("escalate", "escalated", "adviser", None),
    "withdraw": ("withdraw", "withdrawn", "adviser", None),
    "for the adviser": ("decide", "decided", "platform", "adviser"),
    "for the shop": ("decide", "decided", "platform", "shop"),
}


class DisputedLife(OrderLife):
    """The life of an order whose decline may be disputed, and whose winner may change until it is approved."""

    def __init__(self):
        super().__init__()
        self.now, self.wins, self.events, self.carried = START, True, [], None
        self.books, self.desk = {}, None

    @property
    def wanted(self):
        return super().wanted if self.wins else 0

    def move(self, kind, delta):
        super().move(kind, delta)
        parties = Parties(uuid.UUID(int=1), uuid.UUID(int=2), self.currency)
        if self.desk is None:
            self.desk = Desk({parties.prepaid: Money(RICH, self.currency)}, {})
        number, amount, stands = len(self.steps), Money(delta, self.currency), self.steps[-1].standing
        told = Move(
            uuid.UUID(int=number), uuid.UUID(int=3), number, kind, amount, Money(stands, self.currency), parties,
            FEE_BP, self.now,
        )  # fmt: skip
        posted = self.desk.decide(told)
        assert posted is not None, "a shop that has money waits for nothing"
        lines = posted.entry.lines if posted.entry is not None else ()
        assert sum(line.amount.minor for line in lines) == 0
        for line in lines:
            name = line.account.kind
            self.books[name] = self.books.get(name, 0) + line.account.sign * line.amount.minor

    # What OrderLife does on its own is done by disputes here.
    reinstate = None

    @rule(days=st.integers(0, 20))
    def time_passes(self, days):
        self.now += days * DAY

    @precondition(
        lambda self: hasattr(self, "steps") and not any(one.kind == "approved" for one in self.steps)
    )
    @rule()
    def a_late_click_decides_otherwise(self):
        self.wins = not self.wins
        self.settle()

    @precondition(lambda self: not self.events and self.wins and self.is_state("pending", "declined"))
    @rule()
    def decline_and_dispute(self):
        # Both at once, or few stories would come as far as a dispute.
        if not self.is_state("declined"):
            self.move("declined", -self.steps[-1].standing)
        self.stake = Money(-self.deltas[-1], self.currency)
        self.events = [Event("opened", "adviser", self.now)]

    @precondition(lambda self: self.events and rules.may(standing_of(self.events, TERMS), self.now))
    @rule(data=st.data())
    def somebody_acts(self, data):
        turns = rules.may(standing_of(self.events, TERMS), self.now)
        able = [what for what, (verb, _, party, _) in VERBS.items() if (party, verb) in turns]
        verb, kind, party, outcome = VERBS[data.draw(st.sampled_from(able))]
        rules.require(standing_of(self.events, TERMS), verb, self.now)
        self.events.append(Event(kind, party, self.now, outcome))

    @precondition(lambda self: self.events)
    @rule(times=st.integers(1, 3))
    def the_clock_goes_on(self, times):
        for _ in range(times):
            stake = max(self.stake, Money(self.wanted, self.currency))
            due = rules.by_the_clock(standing_of(self.events, TERMS), stake, TERMS, self.now)
            if due is not None:
                self.events.append(due)
            if standing_of(self.events, TERMS).outcome == "adviser" and self.carried is None:
                self.carried = reinstatement(self.steps, self.wanted) or 0
                if self.carried:
                    self.move("reinstated", self.carried)

    @invariant()
    def nothing_stands_again_without_a_win(self):
        if not hasattr(self, "steps"):
            return
        reinstated = [
            delta for step, delta in zip(self.steps, self.deltas, strict=True) if step.kind == "reinstated"
        ]
        assert reinstated == ([self.carried] if self.carried else [])
        if reinstated:
            assert standing_of(self.events, TERMS).outcome == "adviser"

    @invariant()
    def never_both_declined_and_paid_and_the_books_hold_what_stands(self):
        if not getattr(self, "steps", None):
            return
        stands, book = self.steps[-1].standing, self.books.get
        paid = book("adviser:available", 0) - book("adviser:receivable", 0)
        assert book("adviser:pending", 0) + paid == stands
        approved = any(step.kind == "approved" for step in self.steps)
        assert (paid, book("adviser:pending", 0)) == ((stands, 0) if approved else (0, stands))
        if state_of(self.steps) == "declined":
            assert all(amount == 0 for amount in self.books.values())
        fee = book("platform:fee_pending", 0) + book("platform:fee_revenue", 0)
        assert fee == Money(stands, self.currency).share_bp(FEE_BP).minor
        assert book("shop:prepaid", 0) == -(stands + fee)


TestDisputedLife = DisputedLife.TestCase
TestDisputedLife.settings = examples(40, stateful_step_count=25, deadline=None)
