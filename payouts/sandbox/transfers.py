"""Transfers to connected accounts and their reversals: created means moved, a transfer has no status."""

from __future__ import annotations

from payouts.sandbox import balance
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, malformed, missing, refused
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page
from payouts.sandbox.shapes import billing, nulls, sublist
from payouts.sandbox.store import Tx

INSUFFICIENT = (
    "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You can "
    "use the /v1/balance endpoint to view your Stripe balance (for more details, see "
    "stripe.com/docs/api#balance)."
)


def _destination(call: Call, account_id: str, currency: str) -> Body:
    found = call.tx.get(account_id, kind="account")
    if found is None or account_id == call.account:
        raise missing("destination", account_id, param="destination", status=400)
    if found["capabilities"].get("transfers") != "active":
        raise refused(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers, "
            "crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )
    if found["default_currency"] != currency:
        raise refused(
            f"The currency of the transfer ({currency}) must be the currency of the destination account "
            f"({found['default_currency']}); this sandbox does not convert.",
            param="currency",
        )
    return found


def _source(call: Call, charge_id: str, currency: str, amount: int) -> None:
    paid = call.tx.get(charge_id, kind="charge", account=call.account)
    if paid is None:
        raise missing("charge", charge_id, param="source_transaction", status=400)
    if paid["currency"] != currency:
        raise refused(
            f"The currency of source_transaction's balance transaction ({paid['currency']}) must be the same as the "
            f"transfer currency ({currency})",
            param="currency",
        )
    spent = sum(
        each["amount"] - each["amount_reversed"]
        for each in call.tx.all_of("transfer", call.account)
        if each["source_transaction"] == charge_id
    )
    if spent + amount > paid["amount"] - paid["amount_refunded"]:
        raise refused(
            "Transfers using this transaction as a source must not exceed the source amount.", param="amount"
        )


def create(call: Call) -> Body:
    """Move money from the acting account's available balance to a connected account, at once.

    Raises: balance_insufficient, insufficient_capabilities_for_transfer, resource_missing (destination),
    amount_too_small, another currency than the destination's.
    """
    params, tx = call.params, call.tx
    params.allow(
        "amount",
        "currency",
        "destination",
        "description",
        "metadata",
        "source_transaction",
        "source_type",
        "transfer_group",
    )
    amount = params.amount()
    currency = params.currency()
    destination = params.needed("destination")
    metadata = params.metadata()
    group = params.text("transfer_group")
    description = params.text("description")
    source = params.text("source_transaction")
    params.choice("source_type", "bank_account", "card", "fpx")
    least = int(tx.setting("transfer_minimum", 1))
    if amount < least:
        raise malformed(
            f"Amount must be at least {least} {currency}", param="amount", code="amount_too_small"
        )
    _destination(call, destination, currency)
    if source:
        _source(call, source, currency, amount)
    if balance.available(tx, call.account, currency) < amount:
        raise refused(INSUFFICIENT, code="balance_insufficient")
    transfer_id, payment_id = tx.new_id("tr_"), tx.new_id("py_")
    out = balance.record(
        tx,
        call.account,
        type_="transfer",
        category="transfer",
        amount=-amount,
        currency=currency,
        source=transfer_id,
        description=description,
    )
    in_ = balance.record(
        tx,
        destination,
        type_="payment",
        category="charge",
        amount=amount,
        currency=currency,
        source=payment_id,
    )
    body: Body = {
        "id": transfer_id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": out["id"],
        "created": tx.now,
        "currency": currency,
        "description": description,
        "destination": destination,
        "destination_payment": payment_id,
        "livemode": False,
        "metadata": metadata,
        "reversals": sublist(f"/v1/transfers/{transfer_id}/reversals"),
        "reversed": False,
        "source_transaction": source,
        "source_type": "card",
        "transfer_group": group,
    }
    tx.put(body, kind="transfer", account=call.account)
    tx.put(_arrival(tx, payment_id, body, in_["id"]), kind="charge", account=destination)
    emit(tx, "transfer.created", body, account=call.account)
    emit(tx, "payment.created", tx.get(payment_id) or {}, account=destination)
    return body


def _arrival(tx: Tx, payment_id: str, transfer: Body, movement: str) -> Body:
    """Return the payment that a transfer is on the connected side."""
    return {
        "id": payment_id,
        "object": "charge",
        "amount": transfer["amount"],
        "amount_captured": transfer["amount"],
        "amount_refunded": 0,
        "balance_transaction": movement,
        "billing_details": billing(),
        "captured": True,
        "created": tx.now,
        "currency": transfer["currency"],
        "description": transfer["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "paid": True,
        "payment_method_details": {"type": "stripe_account", "stripe_account": {}},
        "refunded": False,
        "source_transfer": transfer["id"],
        "status": "succeeded",
        **nulls(
            "application application_fee application_fee_amount calculated_statement_descriptor customer "
            "failure_code failure_message on_behalf_of outcome payment_intent payment_method receipt_email "
            "receipt_number receipt_url review shipping statement_descriptor statement_descriptor_suffix "
            "transfer_data transfer_group"
        ),
    }


def retrieve(call: Call, transfer_id: str) -> Body:
    """Return one transfer."""
    call.params.allow()
    return call.one("transfer", "transfer", transfer_id)


def update(call: Call, transfer_id: str) -> Body:
    """Change a transfer's metadata or description, nothing else."""
    call.params.allow("metadata", "description")
    body = call.one("transfer", "transfer", transfer_id)
    before = {"metadata": dict(body["metadata"]), "description": body["description"]}
    body["metadata"] = call.params.metadata(body["metadata"])
    if call.params.has("description"):
        body["description"] = call.params.text("description")
    call.tx.save(body)
    emit(call.tx, "transfer.updated", body, account=call.account, before=before)
    return body


def list_(call: Call) -> Body:
    """List transfers; filters transfer_group, destination, created."""
    call.params.allow("transfer_group", "destination", "created", "limit", "starting_after", "ending_before")
    return page(call, "transfer", "/v1/transfers", equal=("transfer_group", "destination"))
