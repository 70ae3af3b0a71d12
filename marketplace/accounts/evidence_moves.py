"""Where evidence may go from where, and who decides: pure."""

from __future__ import annotations

from marketplace.accounts import influence
from marketplace.core.errors import Conflict, IllegalTransition

STATES = ("stated", "in_review", "verified", "refused", "expired", "withdrawn")
OPEN = ("stated", "in_review", "verified")
# By who decides about that kind of evidence. What was verified can be taken back, with a reason.
MOVES: dict[str, dict[str, tuple[str, ...]]] = {
    "admin": {
        "stated": ("in_review", "withdrawn"),
        "in_review": ("verified", "refused", "withdrawn"),
        "verified": ("refused", "expired", "withdrawn"),
    },
    # A shop knows its own orders: nothing is to be taken into review. We can still take back what it confirmed.
    "shop": {
        "stated": ("verified", "refused", "withdrawn"),
        "verified": ("refused", "expired", "withdrawn"),
    },
}


class DecidedElsewhere(Conflict):
    """Somebody else knows whether this is so."""

    code = "decided_elsewhere"
    title = "This evidence is decided elsewhere"
    detail = "Evidence of kind {kind} is verified by the {decider}."
    next = "Leave it to them."


def require(kind: str, was: str, wanted: str) -> None:
    """Raise IllegalTransition unless evidence of a kind can go from one state to the other."""
    if wanted not in MOVES[influence.KINDS[kind].verified_by].get(was, ()):
        raise IllegalTransition("The evidence", was=was, wanted=wanted)


def require_decider(kind: str, who: str) -> None:
    """Raise DecidedElsewhere unless `who` (admin or shop) verifies evidence of that kind."""
    decider = influence.KINDS[kind].verified_by
    if who != decider:
        raise DecidedElsewhere(kind=kind, decider=decider)
