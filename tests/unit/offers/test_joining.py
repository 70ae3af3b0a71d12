"""Who comes into an offer at once, and how a shop's time to answer is told: decided by what is known, nothing else."""

from __future__ import annotations

import pytest

from marketplace.offers.joining import days_to_answer, way_in
from marketplace.offers.models import AT_ONCE, ON_APPROVAL


@pytest.mark.parametrize("state", ["none", "applied", "left"])
def test_only_an_offer_that_says_so_is_joined_at_once(state: str) -> None:
    assert way_in(AT_ONCE, state, is_refused=False) == AT_ONCE
    assert way_in(ON_APPROVAL, state, is_refused=False) == ON_APPROVAL


@pytest.mark.parametrize("state", ["none", "applied", "left", "declined"])
def test_whom_the_shop_refused_never_comes_in_at_once(state: str) -> None:
    assert way_in(AT_ONCE, state, is_refused=True) == ON_APPROVAL


@pytest.mark.parametrize("is_refused", [True, False])
@pytest.mark.parametrize("joining", [AT_ONCE, ON_APPROVAL])
def test_whom_the_shop_approved_here_waits_for_no_other_answer(joining: str, is_refused: bool) -> None:
    assert way_in(joining, "approved", is_refused=is_refused) == AT_ONCE


@pytest.mark.parametrize(
    ("seconds", "days"), [(0, 1), (1, 1), (86_400, 1), (86_401, 2), (172_800, 2), (172_801, 3)]
)
def test_time_to_answer_is_told_in_whole_days_that_are_never_too_few(seconds: int, days: int) -> None:
    assert days_to_answer(seconds) == days
