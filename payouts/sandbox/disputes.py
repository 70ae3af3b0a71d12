"""Disputes: the payer's bank takes a charge back, and Stripe takes a fee for it."""

from __future__ import annotations

from payouts.sandbox import balance, clock
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, missing, refused
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page
from payouts.sandbox.store import Tx

DISPUTE_FEE = 1500


def open_dispute(tx: Tx, account: str, charge_id: str, reason: str) -> Body:
    """Let the payer's bank take a charge back, with the dispute fee; the balance may become negative."""
    paid = tx.get(charge_id, kind="charge", account=account)
    if paid is None:
        raise missing("charge", charge_id, param="charge")
    if paid["disputed"]:
        raise refused(f"Charge {charge_id} is already disputed.")
    dispute_id = tx.new_id("du_")
    movement = balance.record(
        tx,
        account,
        type_="adjustment",
        category="dispute",
        amount=-paid["amount"],
        currency=paid["currency"],
        source=dispute_id,
        fee=DISPUTE_FEE,
        fee_note="Dispute fee",
        description=f"Chargeback withdrawal for {charge_id}",
    )
    body: Body = {
        "id": dispute_id,
        "object": "dispute",
        "amount": paid["amount"],
        "balance_transactions": [movement],
        "charge": charge_id,
        "created": tx.now,
        "currency": paid["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": tx.now + 14 * clock.DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": paid["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    tx.put(body, kind="dispute", account=account)
    paid["disputed"] = True
    tx.save(paid)
    emit(tx, "charge.dispute.created", body, account=account)
    emit(tx, "charge.dispute.funds_withdrawn", body, account=account)
    return body


def retrieve(call: Call, dispute_id: str) -> Body:
    """Return one dispute."""
    call.params.allow()
    return call.one("dispute", "dispute", dispute_id)


def list_(call: Call) -> Body:
    """List disputes; filters charge, payment_intent, created."""
    call.params.allow("charge", "payment_intent", "created", "limit", "starting_after", "ending_before")
    return page(call, "dispute", "/v1/disputes", equal=("charge", "payment_intent"))
