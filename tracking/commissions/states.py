"""The state of a commission, derived from its moves, and which move comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from marketplace.core.errors import IllegalTransition

State = Literal["pending", "approved", "declined", "reversed"]
Kind = Literal["earned", "approved", "declined", "reversed", "reinstated"]

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
    """Return the state after these moves, oldest first. Raises ValueError for none: a commission has moves.

    A decline ends it, until a won dispute reinstates it.
    """
    if not steps:
        raise ValueError("a commission has at least one move")
    kinds = {step.kind for step in steps}
    if _is_declined(kinds):
        return "declined"
    if steps[-1].standing == 0:
        return "reversed"
    return "approved" if "approved" in kinds else "pending"


def next_change(steps: Sequence[Step], wanted: int) -> tuple[Kind, int] | None:
    """Return the move (kind, delta) that makes `wanted` stand, or None when nothing is to be done.

    What was declined stays declined unless it was reinstated. What was approved can shrink but never grows again.
    """
    standing = steps[-1].standing if steps else 0
    kinds = {step.kind for step in steps}
    if _is_declined(kinds) or wanted == standing:
        return None
    if wanted < standing:
        return "reversed", wanted - standing
    return None if "approved" in kinds else ("earned", wanted - standing)


def require(state: State, wanted: Kind) -> None:
    """Raise IllegalTransition unless a commission in `state` can be approved or declined."""
    if state != "pending":
        raise IllegalTransition("The commission", was=state, wanted=wanted)


def require_declinable(steps: Sequence[Step]) -> None:
    """Raise IllegalTransition unless these moves can be followed by a decline: pending, and never declined before."""
    require(state_of(steps), "declined")
    if any(step.kind == "reinstated" for step in steps):
        raise IllegalTransition("The commission", was="reinstated after a dispute", wanted="declined")


def reinstatement(steps: Sequence[Step], wanted: int) -> int | None:
    """Return the delta that makes `wanted` stand after a won dispute, or None when nothing is left to stand.

    Raises IllegalTransition unless the last move was the decline.
    """
    if not steps or steps[-1].kind != "declined":
        raise IllegalTransition("The commission", was=state_of(steps), wanted="reinstated")
    return wanted or None


def _is_declined(kinds: set[str]) -> bool:
    return "declined" in kinds and "reinstated" not in kinds
