"""The state of a commission, derived from its moves, and which move comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from marketplace.core.errors import IllegalTransition

State = Literal["pending", "approved", "declined", "reversed"]
Kind = Literal["earned", "approved", "declined", "reversed"]

REASONS = (
    "order_cancelled",
    "item_returned",
    "out_of_stock",
    "payment_failed",
    "chargeback",
    "duplicate",
    "consumer_fraud",
    "invalid_customer_data",
    "outside_terms",
    "cap_exceeded",
    "budget_exhausted",
    "self_referral",
    "paid_search",
    "coupon_misuse",
    "tracking_error",
    "missing_disclosure",
    "other",
)


@dataclass(frozen=True, slots=True)
class Step:
    """The part of a move that its state depends on: what it was, and what stood after it, in minor units."""

    kind: str
    standing: int


def state_of(steps: Sequence[Step]) -> State:
    """Return the state after these moves, oldest first. Raises ValueError for none: a commission has moves."""
    if not steps:
        raise ValueError("a commission has at least one move")
    kinds = {step.kind for step in steps}
    if "declined" in kinds:
        return "declined"
    if steps[-1].standing == 0:
        return "reversed"
    return "approved" if "approved" in kinds else "pending"


def next_change(steps: Sequence[Step], wanted: int) -> tuple[Kind, int] | None:
    """Return the move (kind, delta) that makes `wanted` stand, or None when nothing is to be done.

    What was declined stays declined. What was approved can shrink but never grows again.
    """
    standing = steps[-1].standing if steps else 0
    kinds = {step.kind for step in steps}
    if "declined" in kinds or wanted == standing:
        return None
    if wanted < standing:
        return "reversed", wanted - standing
    return None if "approved" in kinds else ("earned", wanted - standing)


def require(state: State, wanted: Kind) -> None:
    """Raise IllegalTransition unless a commission in `state` can be approved or declined."""
    if state != "pending":
        raise IllegalTransition("The commission", was=state, wanted=wanted)
