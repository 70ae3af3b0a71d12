"""Refunds: a charge goes back to its payer, wholly or in part, and Stripe keeps its fee."""

from __future__ import annotations

from payouts.sandbox import balance
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, missing, refused
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page
from payouts.sandbox.store import Tx


def refund(tx: Tx, account: str, charge_id: str, amount: int | None, **extra: object) -> Body:
    """Pay a charge back, wholly or in part; Stripe keeps its fee.

    Raises: charge_already_refunded, parameter_invalid_integer beyond what is left, balance_insufficient.
    """
    paid = tx.get(charge_id, kind="charge", account=account)
    if paid is None:
        raise missing("charge", charge_id, param="charge")
    left = paid["amount"] - paid["amount_refunded"]
    wanted = left if amount is None else amount
    if left <= 0:
        raise refused(f"Charge {charge_id} has already been refunded.", code="charge_already_refunded")
    if wanted > left:
        raise refused(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    if balance.available(tx, account, paid["currency"]) < wanted:
        raise refused(
            "Insufficient funds in your Stripe balance to refund this amount.", code="balance_insufficient"
        )
    refund_id = tx.new_id("re_")
    movement = balance.record(
        tx,
        account,
        type_="refund" if paid["id"].startswith("ch_") else "payment_refund",
        category="refund",
        amount=-wanted,
        currency=paid["currency"],
        source=refund_id,
        description="REFUND FOR CHARGE",
    )
    body: Body = {
        "id": refund_id,
        "object": "refund",
        "amount": wanted,
        "balance_transaction": movement["id"],
        "charge": charge_id,
        "created": tx.now,
        "currency": paid["currency"],
        "metadata": {},
        "payment_intent": paid["payment_intent"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
        **{name: value for name, value in extra.items() if value is not None},
    }
    tx.put(body, kind="refund", account=account)
    before = {"amount_refunded": paid["amount_refunded"], "refunded": paid["refunded"]}
    paid["amount_refunded"] += wanted
    paid["refunded"] = paid["amount_refunded"] == paid["amount"]
    tx.save(paid)
    emit(tx, "charge.refunded", paid, account=account, before=before)
    emit(tx, "refund.created", body, account=account)
    return body


def create(call: Call) -> Body:
    """Refund a charge or the charge of a payment intent."""
    params = call.params
    params.allow("charge", "payment_intent", "amount", "reason", "metadata")
    charge_id = params.text("charge")
    intent_id = params.text("payment_intent")
    amount = params.integer("amount")
    reason = params.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
    if charge_id is None and intent_id is not None:
        found = call.tx.get(intent_id, kind="payment_intent", account=call.account)
        if found is None:
            raise missing("payment_intent", intent_id, param="payment_intent")
        charge_id = str(found["latest_charge"])
    if charge_id is None:
        params.require("charge")
    return refund(call.tx, call.account, str(charge_id), amount, reason=reason, metadata=params.metadata())


def retrieve(call: Call, refund_id: str) -> Body:
    """Return one refund."""
    call.params.allow()
    return call.one("refund", "refund", refund_id)


def list_(call: Call) -> Body:
    """List refunds; filters charge, payment_intent, created."""
    call.params.allow("charge", "payment_intent", "created", "limit", "starting_after", "ending_before")
    return page(call, "refund", "/v1/refunds", equal=("charge", "payment_intent"))
