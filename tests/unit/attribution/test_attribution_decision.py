"""Who gets an order: each rule by an example, each boundary by its two sides."""

import datetime as dt
import uuid

import pytest

from marketplace.offers.rates import Percent
from marketplace.offers.terms import Base, Terms
from tracking.attribution.decision import Candidate, OrderFacts, Policy, decide

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SHOP, OFFER, ANNE, BERT, CEES = (uuid.UUID(int=number) for number in range(1, 6))
ORDER = OrderFacts(SHOP, NOON, NOON)
LAST = Policy(uuid.UUID(int=9), 1)
WINDOW = dt.timedelta(days=30)
TICK = dt.timedelta(microseconds=1)


def ago(**parts):
    return NOON - dt.timedelta(**parts)


def terms_of(number=7, own_shop=False, offer_id=OFFER):
    return Terms(
        uuid.UUID(int=number), offer_id, number, ago(days=400), WINDOW, WINDOW, Percent(1000), (),
        Base(False, False, False), None, None, own_shop, "EUR",
    )  # fmt: skip


TERMS = terms_of()
_count = iter(range(1000, 100_000))


def touch(adviser=ANNE, ts=None, number=None, **changes):
    click = uuid.UUID(int=number or next(_count))
    given = {"shop_id": SHOP, "link_id": uuid.UUID(int=8), "verdict": "qualified"} | changes
    return Candidate("touch", click, adviser, changes.get("offer_id", OFFER), ts=ts or ago(hours=1), **{
        key: value for key, value in given.items() if key != "offer_id"
    })  # fmt: skip


def code(adviser=BERT, **changes):
    return Candidate("code", uuid.UUID(int=next(_count)), adviser, OFFER, SHOP, NOON, **changes)


def judge(*candidates, order=ORDER, policy=LAST, states=None, terms=None, own=frozenset()):
    everything = {one.id: "active" for one in candidates} | (states or {})
    bound = {one.id: TERMS for one in candidates} | (terms or {})
    return decide(candidates, order, policy, everything, {k: v for k, v in bound.items() if v}, own)


def winner(decision):
    return decision.winner and decision.winner.adviser_id


def test_nothing_stored_is_kees_and_nobody_wins():
    assert judge() == judge()
    assert judge().winner is None
    assert judge().others == ()


def test_the_last_touch_wins_and_the_earlier_adviser_hears_why():
    decision = judge(touch(ANNE, ago(hours=2)), touch(BERT, ago(hours=1)))
    assert winner(decision) == BERT
    assert decision.others == ((ANNE, "earlier_touch"),)


def test_the_winner_is_bound_to_the_terms_of_its_own_touch():
    early, late = touch(ANNE, ago(days=2)), touch(ANNE, ago(days=1))
    decision = judge(early, late, terms={early.id: terms_of(1), late.id: terms_of(2)})
    assert decision.winner.terms.version == 2
    assert decision.winner.touch_id == late.id


@pytest.mark.parametrize(
    ("ts", "reason"),
    [
        (NOON, None),
        (NOON + TICK, "after_order"),
        (NOON - WINDOW + TICK, None),
        (NOON - WINDOW, "outside_window"),
    ],
)
def test_the_window_is_half_open(ts, reason):
    decision = judge(touch(ANNE, ts))
    assert (winner(decision) == ANNE) == (reason is None)
    assert decision.others == (((ANNE, reason),) if reason else ())


def test_of_two_touches_at_one_instant_the_larger_click_id_wins():
    same = ago(hours=1)
    assert winner(judge(touch(ANNE, same, 20), touch(BERT, same, 10))) == ANNE
    assert winner(judge(touch(ANNE, same, 10), touch(BERT, same, 20))) == BERT


def test_an_order_from_the_future_counts_from_when_it_came():
    order = OrderFacts(SHOP, NOON + dt.timedelta(minutes=4), NOON)
    assert winner(judge(touch(ts=NOON + dt.timedelta(minutes=1)), order=order)) is None
    assert winner(judge(touch(ts=NOON), order=order)) == ANNE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verdict": "bot"}, "screened_bot"),
        ({"verdict": "prefetch"}, "screened_prefetch"),
        ({"is_link_disabled": True}, "link_disabled"),
        ({"offer_state": "paused"}, "offer_paused"),
        ({"offer_state": "closed"}, "offer_closed"),
        ({"partnership": "left"}, "partnership_left"),
        ({"partnership": "approved"}, "partnership_approved"),
        ({"shop_id": uuid.UUID(int=77)}, "other_shop"),
    ],
)
def test_what_keeps_a_touch_from_winning(changes, reason):
    assert winner(judge(touch(**changes))) is None
    assert judge(touch(**changes)).others == ((ANNE, reason),)
    assert winner(judge(touch(BERT, ago(hours=5)), touch(**changes))) == BERT


def test_a_touch_that_is_not_screened_yet_counts():
    assert winner(judge(touch(verdict=None))) == ANNE


@pytest.mark.parametrize("state", ["banned", "closing", "closed"])
def test_an_adviser_must_be_active_at_the_touch(state):
    one = touch()
    assert judge(one, states={one.id: state}).others == ((ANNE, f"adviser_{state}"),)


def test_a_ban_does_not_reach_back_before_itself():
    before, after = touch(ts=ago(days=2)), touch(ts=ago(days=1))
    decision = judge(before, after, states={after.id: "banned"})
    assert decision.winner.touch_id == before.id


def test_without_terms_in_force_nothing_was_promised():
    one = touch()
    assert judge(one, terms={one.id: None}).others == ((ANNE, "no_terms"),)


def test_advice_from_inside_the_shop_is_paid_only_when_the_terms_allow():
    one = touch()
    assert judge(one, own={ANNE}).others == ((ANNE, "own_shop"),)
    assert winner(judge(one, own={ANNE}, terms={one.id: terms_of(own_shop=True)})) == ANNE


GUARD = Policy(uuid.UUID(int=9), 2, guard=dt.timedelta(seconds=120))


@pytest.mark.parametrize(("seconds", "expected"), [(119, ANNE), (120, BERT), (0, ANNE)])
def test_a_click_younger_than_the_guard_never_displaces_an_earlier_adviser(seconds, expected):
    decision = judge(touch(ANNE, ago(hours=1)), touch(BERT, ago(seconds=seconds)), policy=GUARD)
    assert winner(decision) == expected
    if expected == ANNE:
        assert decision.others == ((BERT, "late_click_guard"),)


def test_a_late_click_wins_where_there_is_nobody_to_displace():
    assert winner(judge(touch(ANNE, ago(seconds=5)), policy=GUARD)) == ANNE


def test_inside_the_guard_the_first_of_two_keeps_it():
    assert winner(judge(touch(ANNE, ago(seconds=60)), touch(BERT, ago(seconds=30)), policy=GUARD)) == ANNE


def test_an_ineligible_earlier_touch_is_nothing_to_displace():
    banned = touch(ANNE, ago(hours=1))
    decision = judge(banned, touch(BERT, ago(seconds=5)), policy=GUARD, states={banned.id: "banned"})
    assert winner(decision) == BERT


def test_a_code_overrides_clicks_and_binds_at_the_order():
    click, typed = touch(ANNE), code(BERT)
    decision = judge(click, typed, terms={typed.id: terms_of(5)})
    assert (winner(decision), decision.winner.code_id, decision.winner.touch_id) == (BERT, typed.id, None)
    assert decision.winner.terms.version == 5
    assert decision.others == ((ANNE, "code_overrides"),)


def test_a_code_with_a_click_of_the_same_adviser_binds_at_that_click():
    click, typed = touch(BERT, ago(days=3)), code(BERT)
    decision = judge(touch(ANNE), click, typed, terms={click.id: terms_of(4), typed.id: terms_of(5)})
    assert (decision.winner.code_id, decision.winner.touch_id) == (typed.id, click.id)
    assert decision.winner.terms.version == 4


def test_a_code_does_not_borrow_a_click_on_another_offer():
    other = uuid.UUID(int=66)
    click, typed = touch(BERT, ago(days=3), offer_id=other), code(BERT)
    decision = judge(click, typed, terms={typed.id: terms_of(5)})
    assert decision.winner.touch_id is None
    assert decision.winner.terms.version == 5


def test_a_code_whose_adviser_left_gives_way_to_clicks():
    decision = judge(touch(ANNE), code(BERT, partnership="left"))
    assert winner(decision) == ANNE
    assert decision.others == ((BERT, "partnership_left"),)


def test_a_policy_may_ignore_codes():
    decision = judge(touch(ANNE), code(BERT), policy=Policy(uuid.UUID(int=9), 3, code_rule="ignore"))
    assert winner(decision) == ANNE
    assert decision.others == ((BERT, "code_ignored"),)


def test_many_clicks_of_one_adviser_are_one_part_with_the_most_telling_reason():
    decision = judge(
        touch(ANNE, ago(days=40)),
        touch(ANNE, ago(days=3)),
        touch(ANNE, ago(days=2), verdict="bot"),
        touch(BERT, ago(days=1)),
        touch(CEES, ago(days=50)),
        touch(CEES, ago(days=45)),
    )
    assert winner(decision) == BERT
    assert decision.others == ((ANNE, "earlier_touch"), (CEES, "outside_window"))


def test_the_same_touch_twice_is_one():
    one = touch()
    assert judge(one, one) == judge(one)


def test_a_late_click_of_the_adviser_who_leads_displaces_nobody_and_counts():
    young = touch(ANNE, ago(seconds=5))
    decision = judge(touch(ANNE, ago(hours=1)), young, policy=GUARD)
    assert decision.winner.touch_id == young.id
    assert [result for _, result in decision.why] == ["earlier_touch", "won"]
