"""The state machine of payouts: what settles stays settled, and a bank's older news changes nothing."""

from __future__ import annotations

import itertools

import pytest

from marketplace.core.errors import IllegalTransition
from payouts.settlement import states


def test_every_state_has_its_moves_and_leads_to_known_ones() -> None:
    assert set(states.MOVES) == set(states.PAYOUT_STATES)
    assert set(itertools.chain.from_iterable(states.MOVES.values())) <= set(states.PAYOUT_STATES)


def test_money_that_moved_is_never_sent_or_released_again() -> None:
    for settled in states.SETTLED_STATES:
        assert states.MOVES[settled] <= states.SETTLED_STATES


def test_a_released_payout_is_dead() -> None:
    assert not states.MOVES["released"]
    with pytest.raises(IllegalTransition):
        states.check_move("p", "released", "sending")


def test_only_a_refusal_leads_to_release() -> None:
    assert [state for state, moves in states.MOVES.items() if "released" in moves] == ["rejected"]


@pytest.mark.parametrize(
    ("known", "seen", "news"),
    [
        (None, "pending", True),
        ("pending", "paid", True),
        ("paid", "in_transit", False),
        ("paid", "failed", True),
        ("failed", "paid", False),
        ("failed", "failed", False),
        ("paid", "something_new", False),
    ],
)
def test_a_bank_payout_moves_one_way(known: str | None, seen: str, news: bool) -> None:
    assert states.bank_status_advances(known, seen) is news


def test_any_order_of_news_ends_at_the_strongest() -> None:
    news = ["pending", "in_transit", "paid", "failed", "paid"]
    for order in itertools.permutations(news):
        known: str | None = None
        for seen in order:
            known = seen if states.bank_status_advances(known, seen) else known
        assert known == "failed"
