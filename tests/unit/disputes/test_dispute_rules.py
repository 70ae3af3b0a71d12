"""The rules of disputes: who may act until when, what silence decides, and that an end is an end."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.errors import IllegalTransition
from marketplace.core.money import Money
from tracking.disputes import rules
from tracking.disputes.rules import DisputeTermPassed, Event, Terms, standing_of

START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TERMS = Terms(30 * DAY, 14 * DAY, 7 * DAY, {"EUR": 25_000})
OPENED = Event("opened", "adviser", START)
REJECTED = Event("rejected", "shop", START + DAY)
ESCALATED = Event("escalated", "adviser", START + 2 * DAY)
SMALL, LARGE = Money(25_000, "EUR"), Money(25_001, "EUR")
INSTANT = dt.timedelta(microseconds=1)


def after(*events):
    return standing_of([OPENED, *events], TERMS)


def test_a_decline_can_be_disputed_until_the_last_instant_of_its_term():
    assert rules.disputable_until(START, TERMS) == START + 30 * DAY


def test_the_shop_may_answer_until_the_last_instant_and_not_at_it():
    opened = after()
    last = START + 14 * DAY
    assert rules.may(opened, last - INSTANT) == (("shop", "answer"), ("adviser", "withdraw"))
    rules.require(opened, "answer", last - INSTANT)
    assert rules.may(opened, last) == ()
    with pytest.raises(DisputeTermPassed):
        rules.require(opened, "answer", last)


def test_the_adviser_has_seven_days_to_escalate_from_the_rejection():
    rejected = after(REJECTED)
    assert (rejected.state, rejected.escalate_by) == ("rejected", START + 8 * DAY)
    rules.require(rejected, "escalate", START + 8 * DAY - INSTANT)
    with pytest.raises(DisputeTermPassed):
        rules.require(rejected, "withdraw", START + 8 * DAY)


@pytest.mark.parametrize(
    ("stake", "kind", "outcome"), [(SMALL, "decided", "adviser"), (LARGE, "escalated", None)]
)
def test_silence_of_the_shop_is_for_the_adviser_up_to_the_limit_and_for_us_above_it(stake, kind, outcome):
    due = rules.by_the_clock(after(), stake, TERMS, START + 14 * DAY)
    assert due is not None
    assert (due.kind, due.party, due.outcome) == (kind, "clock", outcome)
    ended = after(due)
    assert (ended.outcome, ended.ended_by) == (outcome, "silence" if outcome else None)


def test_a_currency_without_a_limit_is_never_decided_by_silence():
    due = rules.by_the_clock(after(), Money(1, "JPY"), TERMS, START + 14 * DAY)
    assert due is not None and due.kind == "escalated"


def test_silence_of_the_adviser_leaves_it_as_the_shop_said():
    due = rules.by_the_clock(after(REJECTED), SMALL, TERMS, START + 8 * DAY)
    assert due is not None
    closed = after(REJECTED, due)
    assert (closed.state, closed.outcome, closed.ended_by) == ("closed", "shop", "silence")


def test_the_clock_waits_for_everybody_who_has_time_and_for_the_platform_always():
    assert rules.by_the_clock(after(), SMALL, TERMS, START + 14 * DAY - INSTANT) is None
    assert rules.by_the_clock(after(REJECTED), SMALL, TERMS, START + 8 * DAY - INSTANT) is None
    assert rules.by_the_clock(after(REJECTED, ESCALATED), SMALL, TERMS, START + 999 * DAY) is None


@pytest.mark.parametrize("outcome", ["adviser", "shop"])
def test_the_platform_decides_for_either_and_for_good(outcome):
    decided = after(REJECTED, ESCALATED, Event("decided", "platform", START + 9 * DAY, outcome))
    assert (decided.state, decided.outcome, decided.ended_by) == ("decided", outcome, "platform")
    for verb in ("answer", "escalate", "withdraw", "decide"):
        with pytest.raises(IllegalTransition):
            rules.require(decided, verb, START + 10 * DAY)


@pytest.mark.parametrize(
    ("events", "verb"),
    [
        ([], "decide"),
        ([], "escalate"),
        ([REJECTED], "answer"),
        ([REJECTED], "decide"),
        ([REJECTED, ESCALATED], "answer"),
        ([REJECTED, ESCALATED], "escalate"),
        ([Event("accepted", "shop", START + DAY)], "withdraw"),
        ([Event("withdrawn", "adviser", START + DAY)], "answer"),
    ],
)
def test_what_is_not_a_step_from_here_is_refused_by_name(events, verb):
    with pytest.raises(IllegalTransition):
        rules.require(after(*events), verb, START + 3 * DAY)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [REJECTED],
        [OPENED, Event("decided", "platform", START + DAY, "adviser")],
        [OPENED, Event("rejected", "shop", START + 14 * DAY)],
        [OPENED, Event("decided", "clock", START + 13 * DAY, "adviser")],
        [OPENED, Event("decided", "clock", START + 14 * DAY, "shop")],
        [OPENED, Event("accepted", "adviser", START + DAY)],
        [OPENED, REJECTED, ESCALATED, Event("decided", "platform", START + 3 * DAY)],
        [OPENED, OPENED],
    ],
)
def test_a_history_that_breaks_the_rules_is_none(events):
    with pytest.raises(ValueError, match=r"."):
        standing_of(events, TERMS)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["accept", "reject", "escalate", "withdraw", "adviser", "shop", "clock", "clock"]),
    ),
    max_size=8,
)
SAYS = {
    "accept": ("answer", "accepted", "shop", None),
    "reject": ("answer", "rejected", "shop", None),
    "escalate": ("escalate", "escalated", "adviser", None),
    "withdraw": ("withdraw", "withdrawn", "adviser", None),
    "adviser": ("decide", "decided", "platform", "adviser"),
    "shop": ("decide", "decided", "platform", "shop"),
}


@given(STEPS, st.sampled_from([SMALL, LARGE, Money(5, "JPY")]))
def test_whatever_is_tried_only_whose_turn_it_is_acts_and_nobody_wins_twice(steps, stake):
    now, events = START, [OPENED]
    for days, what in steps:
        now += days * DAY
        standing = standing_of(events, TERMS)
        turn = rules.may(standing, now)
        if what == "clock":
            due = rules.by_the_clock(standing, stake, TERMS, now)
            assert (due is not None) == standing.is_overdue(now)
            if due is not None:
                assert turn == ()
                events.append(due)
                # Carried out once: the next look finds nothing.
                assert rules.by_the_clock(standing_of(events, TERMS), stake, TERMS, now) is None
            continue
        verb, kind, party, outcome = SAYS[what]
        try:
            rules.require(standing, verb, now)
        except (IllegalTransition, DisputeTermPassed):
            assert (party, verb) not in turn
            with pytest.raises(ValueError, match=r"."):
                standing_of([*events, Event(kind, party, now, outcome)], TERMS)
            continue
        assert (party, verb) in turn
        events.append(Event(kind, party, now, outcome))
    ended = standing_of(events, TERMS)
    assert (ended.outcome is None) == (ended.state in ("open", "rejected", "escalated"))
    if ended.outcome == "adviser":
        assert ended.state == "decided"
    if ended.outcome is not None:
        assert rules.may(ended, now) == ()
        assert rules.by_the_clock(ended, stake, TERMS, now + 999 * DAY) is None
    if ended.ended_by == "silence" and ended.outcome == "adviser":
        assert stake == SMALL, "silence gives no more than its limit"
