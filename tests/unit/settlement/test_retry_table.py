"""The safe retry rule: same key while Stripe remembers it, look-ups after that, and never a blind second key."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.settlement import retry
from payouts.settlement.retry import AttemptFacts, Step, Trouble

SENT = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("facts", "after", "step"),
    [
        (AttemptFacts(SENT), MINUTE, Step.SEND),
        (AttemptFacts(SENT, Trouble.UNCERTAIN), 22 * HOUR + 59 * MINUTE, Step.SEND),
        (AttemptFacts(SENT, Trouble.UNCERTAIN), 23 * HOUR, Step.LOOK_UP),
        (AttemptFacts(SENT, Trouble.THROTTLED), 25 * HOUR, Step.LOOK_UP),
        (AttemptFacts(SENT, Trouble.STORED_FAILURE), MINUTE, Step.LOOK_UP),
        (AttemptFacts(SENT, Trouble.STORED_FAILURE, 1, SENT + MINUTE), 5 * MINUTE, Step.WAIT),
        (AttemptFacts(SENT, Trouble.STORED_FAILURE, 1, SENT + MINUTE), 6 * MINUTE, Step.LOOK_UP),
        (AttemptFacts(SENT, Trouble.STORED_FAILURE, 2, SENT + 6 * MINUTE), 7 * MINUTE, Step.NEW_ATTEMPT),
    ],
)
def test_next_step_of_an_open_attempt(facts: AttemptFacts, after: dt.timedelta, step: Step) -> None:
    assert retry.next_step(facts, SENT + after) is step


@given(
    trouble=st.none() | st.sampled_from(list(Trouble)),
    gaps=st.lists(st.integers(0, 30 * 60 * 60), min_size=1, max_size=40),
)
def test_a_new_key_always_has_two_empty_look_ups_five_minutes_apart_behind_it(
    trouble: Trouble | None, gaps: list[int]
) -> None:
    now, looked = SENT, list[dt.datetime]()
    facts = AttemptFacts(SENT, trouble)
    for gap in gaps:
        now += dt.timedelta(seconds=gap)
        step = retry.next_step(facts, now)
        if step is Step.SEND:
            assert now - SENT < retry.KEY_LIFE
            assert not looked
        if step is Step.LOOK_UP:
            looked.append(now)
            facts = AttemptFacts(SENT, trouble, len(looked), now)
        if step is Step.NEW_ATTEMPT:
            assert len(looked) == 2
            assert looked[1] - looked[0] >= retry.LOOK_UP_GAP
            return


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [retry.pause_after(Trouble.UNCERTAIN, sends) for sends in range(1, 200)]
    assert pauses == sorted(pauses)
    assert pauses[0] == dt.timedelta(seconds=5)
    assert pauses[-1] == dt.timedelta(minutes=10)


def test_only_a_lack_of_money_keeps_the_reserve() -> None:
    assert retry.after_rejection("balance_insufficient") is retry.AfterRejection.HOLD
    assert retry.after_rejection("insufficient_capabilities_for_transfer") is retry.AfterRejection.RELEASE
    assert retry.after_rejection("something_new") is retry.AfterRejection.RELEASE
