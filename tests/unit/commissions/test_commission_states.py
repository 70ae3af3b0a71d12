"""The state of a commission follows from its moves, and its moves from its state."""

import pytest

from marketplace.core.errors import IllegalTransition
from tracking.commissions.states import (
    Step,
    next_change,
    reinstatement,
    require,
    require_declinable,
    state_of,
)

EARNED = Step("earned", 1000)
APPROVED = Step("approved", 1000)
PARTLY = Step("reversed", 400)
WHOLLY = Step("reversed", 0)
DECLINED = Step("declined", 0)
REINSTATED = Step("reinstated", 700)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([EARNED], "pending"),
        ([EARNED, PARTLY], "pending"),
        ([EARNED, WHOLLY], "reversed"),
        ([EARNED, WHOLLY, EARNED], "pending"),
        ([EARNED, APPROVED], "approved"),
        ([EARNED, APPROVED, PARTLY], "approved"),
        ([EARNED, APPROVED, WHOLLY], "reversed"),
        ([EARNED, DECLINED], "declined"),
        ([EARNED, PARTLY, DECLINED], "declined"),
        ([EARNED, DECLINED, REINSTATED], "pending"),
        ([EARNED, DECLINED, REINSTATED, WHOLLY], "reversed"),
        ([EARNED, DECLINED, REINSTATED, APPROVED], "approved"),
    ],
)
def test_the_state_is_derived(steps, state):
    assert state_of(steps) == state


def test_a_commission_without_moves_is_none():
    with pytest.raises(ValueError, match="at least one"):
        state_of([])


@pytest.mark.parametrize(
    ("steps", "wanted", "change"),
    [
        ([], 1000, ("earned", 1000)),
        ([], 0, None),
        ([EARNED], 1000, None),
        ([EARNED], 1500, ("earned", 500)),
        ([EARNED], 400, ("reversed", -600)),
        ([EARNED], 0, ("reversed", -1000)),
        ([EARNED, WHOLLY], 700, ("earned", 700)),
        ([EARNED, APPROVED], 400, ("reversed", -600)),
        ([EARNED, APPROVED], 1500, None),
        ([EARNED, DECLINED], 0, None),
        ([EARNED, DECLINED], 1000, None),
        ([EARNED, DECLINED, REINSTATED], 400, ("reversed", -300)),
        ([EARNED, DECLINED, REINSTATED], 900, ("earned", 200)),
        ([EARNED, DECLINED, REINSTATED, Step("approved", 700)], 900, None),
    ],
)
def test_the_next_move_makes_stand_what_is_wanted(steps, wanted, change):
    assert next_change(steps, wanted) == change


@pytest.mark.parametrize("state", ["approved", "declined", "reversed"])
def test_only_what_is_pending_is_decided_about(state):
    require("pending", "approved")
    with pytest.raises(IllegalTransition):
        require(state, "declined")


@pytest.mark.parametrize(("wanted", "delta"), [(700, 700), (0, None)])
def test_a_dispute_makes_stand_again_what_remains_and_nothing_of_nothing(wanted, delta):
    assert reinstatement([EARNED, DECLINED], wanted) == delta


@pytest.mark.parametrize("steps", [[EARNED], [EARNED, APPROVED], [EARNED, DECLINED, REINSTATED]])
def test_only_a_decline_is_undone_and_once(steps):
    with pytest.raises(IllegalTransition):
        reinstatement(steps, 700)


def test_what_was_reinstated_is_never_declined_again():
    require_declinable([EARNED])
    with pytest.raises(IllegalTransition, match="reinstated after a dispute"):
        require_declinable([EARNED, DECLINED, REINSTATED])
