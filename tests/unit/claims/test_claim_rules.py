"""The rules of claims: from when to when, who may do what, what silence does, and that an end is an end."""

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from marketplace.core.errors import IllegalTransition
from tracking.claims import rules
from tracking.claims.rules import Event, standing_of

START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
INSTANT = dt.timedelta(microseconds=1)
CLAIMED = rules.claimed(START)
ESCALATED = Event("escalated", "clock", START + 14 * DAY)


def test_a_purchase_is_claimed_from_its_seventh_day_to_its_hundredth_in_amsterdam_also_over_the_change_of_clocks():
    opens, ends = rules.window(dt.date(2026, 10, 20))
    assert opens == dt.datetime(2026, 10, 26, 23, tzinfo=dt.UTC)
    assert ends == dt.datetime(2027, 1, 28, 23, tzinfo=dt.UTC)


def test_the_shop_is_reminded_three_days_before_its_term_and_then_silence_is_looked_for():
    standing = standing_of([CLAIMED])
    assert standing.answer_by == START + 14 * DAY
    assert rules.looked_at(standing, START) == START + 11 * DAY
    assert rules.looked_at(standing, START + 11 * DAY) == START + 14 * DAY
    assert rules.looked_at(standing_of([CLAIMED, ESCALATED]), START + 20 * DAY) is None


def test_silence_comes_to_the_platform_at_the_very_end_of_the_term_and_once():
    standing = standing_of([CLAIMED])
    assert rules.by_the_clock(standing, START + 14 * DAY - INSTANT) is None
    silence = rules.by_the_clock(standing, START + 14 * DAY)
    assert silence == ESCALATED
    assert rules.by_the_clock(standing_of([CLAIMED, silence]), START + 99 * DAY) is None


def test_a_late_shop_may_still_answer_and_who_asks_again_gives_it_a_week():
    late = standing_of([CLAIMED, ESCALATED])
    rules.require(late, "answer")
    for kind in ("found", "refused"):
        assert rules.after(late, Event(kind, "shop", START + 30 * DAY)).state == kind
    again = standing_of([CLAIMED, ESCALATED, rules.asked(START + 20 * DAY)])
    assert (again.state, again.answer_by) == ("open", START + 27 * DAY)
    with pytest.raises(IllegalTransition):
        rules.require(again, "close")


@pytest.mark.parametrize(
    "events",
    [
        [],
        [ESCALATED],
        [CLAIMED, CLAIMED],
        [CLAIMED, Event("escalated", "clock", START + 14 * DAY - INSTANT)],
        [CLAIMED, Event("found", "adviser", START + DAY)],
        [CLAIMED, Event("closed", "platform", START + DAY)],
        [CLAIMED, Event("found", "shop", START + DAY, START + 9 * DAY)],
        [CLAIMED, ESCALATED, Event("asked", "platform", START + 15 * DAY)],
        [Event("claimed", "adviser", START)],
    ],
)
def test_a_history_that_breaks_the_rules_is_none(events):
    with pytest.raises(ValueError, match=r"."):
        standing_of(events)


SAYS = {
    "found": ("answer", Event("found", "shop", START)),
    "refused": ("answer", Event("refused", "shop", START)),
    "withdrawn": ("withdraw", Event("withdrawn", "adviser", START)),
    "asked": ("ask", Event("asked", "platform", START)),
    "closed": ("close", Event("closed", "platform", START)),
}


class ClaimLife(RuleBasedStateMachine):
    """One claim, about which anybody tries anything at any time, and whose order may be reported."""

    @initialize()
    def claim(self):
        self.now, self.events, self.ends = START, [CLAIMED], 0

    @property
    def standing(self):
        return standing_of(self.events)

    @rule(days=st.integers(1, 20))
    def time_passes(self, days):
        self.now += days * DAY

    @rule(what=st.sampled_from(sorted(SAYS)))
    def somebody_tries(self, what):
        verb, said = SAYS[what]
        event = rules.asked(self.now) if what == "asked" else Event(said.kind, said.party, self.now)
        if (said.party, verb) in rules.may(self.standing):
            rules.require(self.standing, verb)
            self.events.append(event)
            return
        with pytest.raises(IllegalTransition):
            rules.require(self.standing, verb)
        with pytest.raises(ValueError, match=r"."):
            standing_of([*self.events, event])

    @rule(times=st.integers(1, 3))
    def the_clock_looks(self, times):
        was = len(self.events)
        for _ in range(times):
            silence = rules.by_the_clock(self.standing, self.now)
            if silence is not None:
                self.events.append(silence)
        assert len(self.events) - was <= 1

    @precondition(lambda self: self.standing.state not in rules.ENDED)
    @rule()
    def the_shop_reports_the_order(self):
        self.events.append(Event("found", "clock", self.now))

    @invariant()
    def what_ended_has_ended_once_and_nobody_is_waited_for(self):
        standing = self.standing
        ended = [event for event in self.events if event.kind in rules.ENDED]
        assert (standing.state in rules.ENDED) == (len(ended) == 1)
        if ended:
            assert (standing.ended_by, standing.ended_at) == (ended[0].party, ended[0].at)
            assert rules.may(standing) == () and rules.looked_at(standing, self.now) is None
        if standing.state == "escalated":
            assert standing.answer_by <= self.now, "nobody comes to the platform before the shop had its time"


TestClaimLife = ClaimLife.TestCase
TestClaimLife.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
