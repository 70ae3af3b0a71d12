"""Where the money of a payout is now, in words for its adviser; the statement itself never changes."""

from __future__ import annotations

from typing import Any

from payouts.settlement.payout_models import Payout


def of(payout: Payout) -> dict[str, Any]:
    """Return state, instant and note of a payout that was sent: paid, in_bank or bank_failed."""
    if payout.state == "bank_failed":
        why = (payout.reason or "no reason given").replace("_", " ")
        note = f"At Stripe, bank refused: {why}. Correct the bank account there, and it goes with the next payout."
        return {"state": payout.state, "at": payout.bank_failed_at, "note": note}
    if payout.state == "in_bank":
        return {"state": payout.state, "at": payout.in_bank_at, "note": "Arrived at your bank."}
    note = "Sent to your account at Stripe; your bank gets it in some working days."
    return {"state": payout.state, "at": payout.paid_at, "note": note}
