"""Attribution over any mix of touches: the order of arrival is nothing, one winner at most, equal to an oracle."""

import datetime as dt
import random
import uuid

from hypothesis import given
from hypothesis import strategies as st

from marketplace.offers.rates import Percent
from marketplace.offers.terms import Base, Terms
from tracking.attribution.decision import Candidate, OrderFacts, Policy, decide

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SHOP, OTHER_SHOP = uuid.UUID(int=1), uuid.UUID(int=2)
ADVISERS = [uuid.UUID(int=number) for number in range(10, 14)]
OFFERS = [uuid.UUID(int=number) for number in range(20, 22)]


def make_terms(number, window, own_shop):
    return Terms(
        uuid.UUID(int=number), OFFERS[0], number, NOON, window, window, Percent(1000), (),
        Base(False, False, False), None, None, own_shop, "EUR",
    )  # fmt: skip


def situation_of(seed):
    """A situation small enough that boundaries and ties happen often: instants on a grid of a minute.

    Drawn from one seed, because thousands of them must be tried in a second.
    """
    chance, minute = random.Random(seed), dt.timedelta(minutes=1)
    numbers = chance.sample(range(100, 130), chance.randint(0, 8))
    candidates, states, terms = [], {}, {}
    for place, number in enumerate(numbers):
        kind = "code" if place == 0 and chance.random() < 0.5 else "touch"
        one = Candidate(
            kind,
            uuid.UUID(int=number),
            chance.choice(ADVISERS),
            chance.choice(OFFERS),
            chance.choice([SHOP] * 6 + [OTHER_SHOP]),
            NOON - minute * chance.randint(-2, 12),
            None if kind == "code" else uuid.UUID(int=50),
            chance.choice([None, "qualified", "qualified", "qualified", "bot"]),
            chance.random() < 0.1,
            chance.choice(["open"] * 6 + ["paused"]),
            chance.choice(["accepted"] * 8 + ["left", "none"]),
        )
        candidates.append(one)
        states[one.id] = chance.choice(["active"] * 6 + ["banned"])
        if chance.random() < 0.9:
            terms[one.id] = make_terms(
                1000 + number, minute * chance.choice([3, 8, 60]), chance.random() < 0.5
            )
    order = OrderFacts(SHOP, NOON, NOON + minute * chance.randint(-1, 1))
    code_rule = chance.choice(["override", "override", "ignore"])
    policy = Policy(uuid.UUID(int=9), 1, code_rule=code_rule, guard=minute * chance.choice([0, 0, 2, 5]))
    own = frozenset(chance.sample(ADVISERS, chance.randint(0, 1)))
    return candidates, order, policy, states, terms, own


def situations():
    """Thirty situations from one seed."""
    return st.integers(0, 2**48).map(lambda seed: [situation_of(seed + place) for place in range(30)])


def oracle(candidates, order, policy, states, terms, own):
    """Say who wins by asking of each candidate alone whether nobody beats it; no sorting, no running state."""
    counts_at = min(order.ordered_at, order.received_at)

    def could(one):
        if one.id not in terms or states[one.id] != "active" or one.shop_id != order.shop_id:
            return False
        if one.ts > counts_at or one.verdict == "bot" or one.is_link_disabled:
            return False
        if one.offer_state != "open" or one.partnership != "accepted":
            return False
        if one.kind == "touch" and not counts_at < one.ts + terms[one.id].window:
            return False
        return one.adviser_id not in own or terms[one.id].own_shop

    def later(one, other):
        return (one.ts, one.id.int) > (other.ts, other.id.int)

    def young(one):
        return counts_at - one.ts < policy.guard

    able = [one for one in candidates if could(one)]
    codes = [one for one in able if one.kind == "code"]
    touches = [one for one in able if one.kind == "touch"]
    if codes and policy.code_rule == "override":
        return codes[0].adviser_id
    old = [one for one in touches if not young(one)]
    # The advice that led to the order: the last old touch, or, when all are young, the very first one.
    if old:
        leader = next(one for one in old if not any(later(other, one) for other in old))
    elif touches:
        leader = next(one for one in touches if not any(later(one, other) for other in touches))
    else:
        return None
    return leader.adviser_id


@given(situations())
def test_the_decision_equals_a_brute_force_oracle(many):
    for situation in many:
        decision = decide(*situation)
        assert (decision.winner.adviser_id if decision.winner else None) == oracle(*situation), situation


@given(situations(), st.integers())
def test_the_order_of_clicks_does_not_matter(many, seed):
    for candidates, *rest in many:
        shuffled = candidates + candidates[:2]
        random.Random(seed).shuffle(shuffled)
        assert decide(shuffled, *rest) == decide(candidates, *rest)


@given(situations())
def test_at_most_one_winner_and_a_reason_for_each_other_adviser(many):
    for situation in many:
        decision = decide(*situation)
        results = [result for _, result in decision.why]
        assert results.count("won") == (decision.winner is not None)
        winners = [decision.winner.adviser_id] if decision.winner else []
        named = [adviser for adviser, _ in decision.others] + winners
        assert sorted(named) == sorted({one.adviser_id for one in situation[0]})
        assert all(reason and reason != "won" for _, reason in decision.others)


@given(situations())
def test_a_touch_that_could_not_win_changes_nothing_for_the_winner(many):
    for candidates, *rest in many:
        decision = decide(candidates, *rest)
        hopeless = {
            one.id for one, result in decision.why if result.startswith(("screened", "adviser", "no_terms"))
        }
        left = [one for one in candidates if one.id not in hopeless]
        assert decide(left, *rest).winner == decision.winner


def test_the_situations_tried_reach_every_kind_of_result():
    reached = {result for seed in range(3000) for _, result in decide(*situation_of(seed)).why}
    assert reached >= {
        "won", "earlier_touch", "late_click_guard", "code_overrides", "code_ignored", "after_order", "other_shop",
        "outside_window", "own_shop", "no_terms", "screened_bot", "adviser_banned", "link_disabled", "offer_paused",
        "partnership_left", "partnership_none",
    }  # fmt: skip
