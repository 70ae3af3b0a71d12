"""The desk: what each move does to the books, decided without any database."""

import datetime as dt
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import Money
from payouts.accrual.desk import Desk, Move, Posted, ReversedBeyondEarned, Standing
from payouts.ledger.commissions import Due, Parties

NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
PARTIES = Parties(uuid.UUID(int=1), uuid.UUID(int=2), "EUR")
COMMISSION = uuid.UUID(int=3)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


class Story:
    """One commission told move by move to one desk."""

    def __init__(
        self, *, prepaid: int = 0, available: int = 0, recovering: int = 0, fee_bp: int = 1000
    ) -> None:
        self.desk = Desk(
            {
                PARTIES.prepaid: eur(prepaid),
                PARTIES.available: eur(available),
                PARTIES.recovering: eur(recovering),
            },
            {},
        )
        self.standing, self.seq, self.fee_bp = 0, 0, fee_bp
        self.books: dict[str, int] = {}

    def tell(self, kind: str, delta: int = 0) -> Posted | None:
        self.seq += 1
        self.standing += delta
        move = Move(
            uuid.UUID(int=100 + self.seq), COMMISSION, self.seq, kind, eur(delta), eur(self.standing),
            PARTIES, self.fee_bp, NOW,
        )  # fmt: skip
        posted = self.desk.decide(move)
        if posted is not None and posted.entry is not None:
            for line in posted.entry.lines:
                name = line.account.kind
                self.books[name] = self.books.get(name, 0) + line.account.sign * line.amount.minor
        return posted

    @property
    def balances(self) -> dict[str, int]:
        return {name: amount for name, amount in self.books.items() if amount}


def test_a_funded_sale_waits_as_pending_and_matures_with_its_fee() -> None:
    story = Story(prepaid=5000)
    story.tell("earned", 1000)
    assert story.balances == {"shop:prepaid": -1100, "adviser:pending": 1000, "platform:fee_pending": 100}
    story.tell("approved")
    assert story.balances == {"shop:prepaid": -1100, "adviser:available": 1000, "platform:fee_revenue": 100}


def test_an_accrual_is_wholly_funded_or_wholly_not() -> None:
    story = Story(prepaid=1099)
    posted = story.tell("earned", 1000)
    assert posted is not None and posted.unfunded == Due(eur(1000), eur(100))
    assert story.balances == {"shop:receivable": 1100, "adviser:pending": 1000, "platform:fee_pending": 100}
    assert Story(prepaid=1100).tell("earned", 1000).unfunded.is_zero  # type: ignore[union-attr]


def test_an_unfunded_approval_waits_and_does_not_stop_a_return() -> None:
    story = Story(prepaid=0)
    story.tell("earned", 1000)
    assert story.tell("approved") is None
    story.tell("reversed", -400)
    assert story.balances == {"shop:receivable": 660, "adviser:pending": 600, "platform:fee_pending": 60}


def test_a_full_return_of_an_unfunded_sale_ends_the_wait() -> None:
    story = Story(prepaid=0)
    story.tell("earned", 1000)
    assert story.tell("reversed", -400).ends_wait is False  # type: ignore[union-attr]
    assert story.tell("reversed", -600).ends_wait is True  # type: ignore[union-attr]
    assert story.balances == {}
    approved = story.tell("approved")
    assert approved is not None and approved.entry is None


def test_a_return_takes_the_unfunded_part_first() -> None:
    story = Story(prepaid=1100)
    story.tell("earned", 1000)
    story.tell("earned", 500)
    assert story.balances["shop:receivable"] == 550
    posted = story.tell("reversed", -700)
    assert posted is not None and posted.unfunded == Due(eur(-500), eur(-50)) and posted.ends_wait
    assert story.balances == {"shop:prepaid": -880, "adviser:pending": 800, "platform:fee_pending": 80}


def test_a_clawback_beyond_what_is_payable_becomes_a_debt_that_later_sales_pay_back() -> None:
    story = Story(prepaid=5000)
    story.tell("earned", 1000)
    story.tell("approved")
    story.desk._minor[PARTIES.available] = 300  # 700 was paid out meanwhile.
    story.tell("reversed", -1000)
    assert story.balances["adviser:receivable"] == 700
    assert story.balances["adviser:available"] == 1000 - 300
    assert "shop:prepaid" not in story.balances and "platform:fee_revenue" not in story.balances


def test_a_maturity_pays_the_debt_back_first() -> None:
    story = Story(prepaid=5000, recovering=700)
    story.tell("earned", 1000)
    story.tell("approved")
    assert story.balances["adviser:receivable"] == -700
    assert story.balances["adviser:available"] == 300


def test_more_earned_after_approval_is_payable_at_once_when_there_is_budget() -> None:
    story = Story(prepaid=5000)
    story.tell("earned", 1000)
    story.tell("approved")
    story.tell("earned", 500)
    assert story.balances == {"shop:prepaid": -1650, "adviser:available": 1500, "platform:fee_revenue": 150}


def test_more_earned_after_approval_without_budget_waits_as_pending() -> None:
    story = Story(prepaid=1100)
    story.tell("earned", 1000)
    story.tell("approved")
    story.tell("earned", 500)
    assert story.balances["adviser:pending"] == 500 and story.balances["shop:receivable"] == 550
    posted = story.tell("reversed", -600)
    assert posted is not None and posted.ends_wait
    assert story.balances == {"shop:prepaid": -990, "adviser:available": 900, "platform:fee_revenue": 90}


def test_declined_before_and_after_maturity() -> None:
    before = Story(prepaid=5000)
    before.tell("earned", 1000)
    before.tell("declined", -1000)
    assert before.balances == {}
    after = Story(prepaid=5000)
    after.tell("earned", 1000)
    after.tell("approved")
    after.tell("declined", -1000)
    assert after.balances == {}


def test_an_approval_that_a_decline_overtook_matures_nothing() -> None:
    story = Story(prepaid=0)
    story.tell("earned", 1000)
    assert story.tell("approved") is None
    story.tell("declined", -1000)
    late = story.desk.decide(
        Move(uuid.UUID(int=9), COMMISSION, 2, "approved", eur(0), eur(1000), PARTIES, 1000, NOW)
    )
    assert late is not None and late.entry is None
    assert story.desk._standings[COMMISSION].approved is False


def test_three_returns_that_return_all_leave_exactly_nothing() -> None:
    story = Story(prepaid=5000, fee_bp=333)
    story.tell("earned", 1001)
    for part in (-333, -334, -334):
        story.tell("reversed", part)
    assert story.balances == {}


def test_taking_back_more_than_stands_is_refused() -> None:
    desk = Desk({}, {COMMISSION: Standing(Due(eur(10), eur(1)), Due(eur(0), eur(0)))})
    move = Move(uuid.UUID(int=9), COMMISSION, 2, "reversed", eur(-11), eur(0), PARTIES, 1000, NOW)
    with pytest.raises(ReversedBeyondEarned):
        desk.decide(move)


KINDS = st.sampled_from(["earned", "reversed", "approved", "declined", "reinstated"])


@given(
    prepaid=st.integers(0, 3000),
    available=st.integers(0, 500),
    recovering=st.integers(0, 500),
    fee_bp=st.integers(0, 10_000),
    moves=st.lists(st.tuples(KINDS, st.integers(1, 2000)), max_size=8),
)
def test_any_story_keeps_every_floor_and_the_fee(
    prepaid: int, available: int, recovering: int, fee_bp: int, moves: list[tuple[str, int]]
) -> None:
    # Somebody owes or is owed, never both: a debt is paid back before anything becomes payable.
    available = 0 if recovering else available
    story = Story(prepaid=prepaid, available=available, recovering=recovering, fee_bp=fee_bp)
    opening = {"shop:prepaid": prepaid, "adviser:available": available, "adviser:receivable": recovering}
    for kind, amount in moves:
        if kind in ("reversed", "declined") and story.standing == 0:
            continue
        if kind == "reinstated" and story.standing:
            continue
        gains = {"earned": amount, "reinstated": amount}
        losses = {"reversed": -min(amount, story.standing), "declined": -story.standing}
        delta = (gains | losses).get(kind, 0)
        story.tell(kind, delta)
        held = {name: opening.get(name, 0) + story.books.get(name, 0) for name in {**opening, **story.books}}
        assert all(amount >= 0 for amount in held.values()), held
        fees = story.books.get("platform:fee_pending", 0) + story.books.get("platform:fee_revenue", 0)
        assert fees == eur(story.standing).share_bp(fee_bp).minor
        earned = (
            story.books.get("adviser:pending", 0)
            + story.books.get("adviser:available", 0)
            - story.books.get("adviser:receivable", 0)
        )
        assert earned == story.standing
    if story.standing:
        story.tell("reversed", -story.standing)
    assert story.books.get("adviser:pending", 0) == 0
    assert story.books.get("platform:fee_pending", 0) == 0 == story.books.get("platform:fee_revenue", 0)
    assert story.books.get("shop:receivable", 0) == 0 == story.books.get("shop:prepaid", 0)


def test_the_fee_follows_what_stands_half_up() -> None:
    move = Move(uuid.UUID(int=9), COMMISSION, 1, "earned", eur(5), eur(5), PARTIES, 1000, NOW)
    assert move.due.fee == eur(1)
    assert replace(move, delta=eur(4), standing=eur(4)).due.fee == eur(0)


def test_what_a_dispute_reinstates_is_booked_as_what_a_sale_earns_and_matures_once() -> None:
    story = Story(prepaid=1100)
    story.tell("earned", 1000)
    story.tell("declined", -1000)
    assert story.balances == {}
    posted = story.tell("reinstated", 700)
    assert posted is not None and posted.entry is not None
    assert posted.entry.kind == "accrue"
    assert story.balances == {"shop:prepaid": -770, "adviser:pending": 700, "platform:fee_pending": 70}
    story.tell("approved")
    assert story.balances == {"shop:prepaid": -770, "adviser:available": 700, "platform:fee_revenue": 70}
    story.tell("reversed", -200)
    assert story.balances == {"shop:prepaid": -550, "adviser:available": 500, "platform:fee_revenue": 50}


def test_what_is_reinstated_over_an_empty_budget_awaits_the_shop() -> None:
    spent = Story(prepaid=500)
    spent.tell("earned", 400)
    spent.tell("declined", -400)
    posted = spent.tell("reinstated", 1000)
    assert posted is not None
    assert (posted.unfunded.commission, spent.balances["shop:receivable"]) == (eur(1000), 1100)
    assert spent.tell("approved") is None
