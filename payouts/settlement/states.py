"""The moves that a payout and a bank payout may make; the database holds the same table."""

from __future__ import annotations

from typing import Literal, get_args

from marketplace.core.errors import IllegalTransition

PayoutState = Literal[
    "approved", "sending", "unknown", "rejected", "released", "paid", "in_bank", "bank_failed"
]

PAYOUT_STATES: tuple[str, ...] = get_args(PayoutState)
OPEN_STATES = frozenset({"approved", "sending", "unknown", "rejected"})
SETTLED_STATES = frozenset({"paid", "in_bank", "bank_failed"})

MOVES: dict[str, frozenset[str]] = {
    # A payout whose destination changed after approval is rejected before anything is sent.
    "approved": frozenset({"sending", "rejected"}),
    "sending": frozenset({"paid", "unknown", "rejected"}),
    "unknown": frozenset({"sending", "paid", "rejected"}),
    "rejected": frozenset({"sending", "released"}),
    "released": frozenset(),
    "paid": frozenset({"in_bank", "bank_failed"}),
    "in_bank": frozenset({"bank_failed"}),
    # Stripe puts refused money into the account's next payout to the bank.
    "bank_failed": frozenset({"in_bank"}),
}

# Stripe may turn a paid payout into a failed one for some days, never the other way round.
_BANK_RANK = {"pending": 0, "in_transit": 1, "paid": 2, "failed": 3, "canceled": 3}


def check_move(payout_id: object, was: str, wanted: str) -> None:
    """Refuse a move that the state machine does not know with IllegalTransition."""
    if wanted not in MOVES[was]:
        raise IllegalTransition(entity=f"payout {payout_id}", was=was, wanted=wanted)


def bank_status_advances(known: str | None, seen: str) -> bool:
    """Say whether a bank payout's status as just fetched is news, so that an older answer never undoes a newer."""
    if seen not in _BANK_RANK:
        return False
    return known is None or _BANK_RANK[seen] > _BANK_RANK[known]
