"""Reversals of transfers: money back from a connected account, wholly or in part."""

from __future__ import annotations

from payouts.sandbox import balance
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, missing, refused
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page


def create(call: Call, transfer_id: str) -> Body:
    """Take a transfer back, wholly or in part, in the transfer's currency.

    Raises: more than what is left of the transfer, or more than the connected account has available.
    """
    params, tx = call.params, call.tx
    params.allow("amount", "description", "metadata", "refund_application_fee")
    asked = params.integer("amount")
    metadata = params.metadata()
    body = call.one("transfer", "transfer", transfer_id)
    left = body["amount"] - body["amount_reversed"]
    amount = left if asked is None else asked
    if left <= 0:
        raise refused(f"Transfer {transfer_id} is already fully reversed.", param="id")
    if amount > left:
        raise refused(
            f"Transfer reversal amount ({amount}) is greater than unreversed amount on transfer ({left})",
            param="amount",
        )
    currency, connected = body["currency"], body["destination"]
    if balance.available(tx, connected, currency) < amount:
        raise refused(
            "The destination account has insufficient funds in its Stripe balance for this reversal.",
            code="balance_insufficient",
        )
    reversal_id, refund_id = tx.new_id("trr_"), tx.new_id("pyr_")
    back = balance.record(
        tx,
        call.account,
        type_="transfer_refund",
        category="transfer_reversal",
        amount=amount,
        currency=currency,
        source=reversal_id,
        description=f"REFUND FOR TRANSFER ({transfer_id})",
    )
    out = balance.record(
        tx,
        connected,
        type_="payment_refund",
        category="refund",
        amount=-amount,
        currency=currency,
        source=refund_id,
    )
    reversal: Body = {
        "id": reversal_id,
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": back["id"],
        "created": tx.now,
        "currency": currency,
        "destination_payment_refund": refund_id,
        "metadata": metadata,
        "source_refund": None,
        "transfer": transfer_id,
    }
    refund: Body = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": out["id"],
        "charge": body["destination_payment"],
        "created": tx.now,
        "currency": currency,
        "metadata": {},
        "payment_intent": None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": reversal_id,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    tx.put(reversal, kind="transfer_reversal", account=call.account)
    tx.put(refund, kind="refund", account=connected)
    arrived = tx.get(body["destination_payment"], kind="charge") or {}
    arrived["amount_refunded"] += amount
    arrived["refunded"] = arrived["amount_refunded"] == arrived["amount"]
    tx.save(arrived)
    before = {"amount_reversed": body["amount_reversed"], "reversed": body["reversed"]}
    body["amount_reversed"] += amount
    body["reversed"] = body["amount_reversed"] == body["amount"]
    body["reversals"]["data"] = [reversal, *body["reversals"]["data"]][:10]
    body["reversals"]["total_count"] += 1
    body["reversals"]["has_more"] = body["reversals"]["total_count"] > 10
    tx.save(body)
    emit(tx, "transfer.reversed", body, account=call.account, before=before)
    return reversal


def list_(call: Call, transfer_id: str) -> Body:
    """List the reversals of a transfer, newest first."""
    call.params.allow("limit", "starting_after", "ending_before")
    call.one("transfer", "transfer", transfer_id)
    return page(
        call,
        "transfer_reversal",
        f"/v1/transfers/{transfer_id}/reversals",
        extra="json_extract(body, '$.transfer') = ?",
        extra_values=[transfer_id],
    )


def retrieve(call: Call, transfer_id: str, reversal_id: str) -> Body:
    """Return one reversal of a transfer."""
    call.params.allow()
    found = call.one("transfer_reversal", "transfer reversal", reversal_id)
    if found["transfer"] != transfer_id:
        raise missing("transfer reversal", reversal_id)
    return found
