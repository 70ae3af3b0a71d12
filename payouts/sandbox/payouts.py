"""Payouts to banks: manual and automatic; pending, in_transit, paid, and failed, also after paid."""

from __future__ import annotations

import json

from payouts.sandbox import balance, clock, due, onboarding
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body, malformed, refused
from payouts.sandbox.events import emit
from payouts.sandbox.listing import created_range, cursor_page
from payouts.sandbox.store import Tx

SUBMITTED_AFTER = 3_600
ARRIVES_AFTER = clock.DAY
FAILS_AFTER = 3 * clock.DAY
MESSAGES = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "bank_account_restricted": "The bank account has restrictions on either the type, or the number, of payouts.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "Debit transactions are not approved on the bank account.",
    "incorrect_account_holder_name": "The bank account holder name on file is incorrect.",
    "invalid_account_number": "The routing number seems correct, but the account number is invalid.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
    "no_account": "The bank account could not be located.",
    "insufficient_funds": "Your Stripe account has insufficient funds to cover the payout.",
}


def open_payout(
    tx: Tx,
    account_id: str,
    *,
    amount: int,
    currency: str,
    automatic: bool,
    metadata: dict[str, str] | None = None,
    description: str | None = None,
    descriptor: str | None = None,
) -> Body:
    """Take money out of the balance and send it to the bank; the clock brings it there."""
    account = tx.get(account_id, kind="account") or {}
    banks = account["external_accounts"]["data"]
    if not banks:
        raise refused(
            f"Sorry, you don't have any external accounts in that currency ({currency}).", param="currency"
        )
    payout_id = tx.new_id("po_")
    movement = balance.record(
        tx,
        account_id,
        type_="payout",
        category="payout",
        amount=-amount,
        currency=currency,
        source=payout_id,
        description="STRIPE PAYOUT",
        payout=payout_id if automatic else None,
    )
    arrival = tx.now + int(tx.setting("payout_arrives_seconds", ARRIVES_AFTER))
    body: Body = {
        "id": payout_id,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": arrival,
        "automatic": automatic,
        "balance_transaction": movement["id"],
        "created": tx.now,
        "currency": currency,
        "description": description or ("STRIPE PAYOUT" if automatic else None),
        "destination": banks[0]["id"],
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": metadata or {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": descriptor,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    tx.put(body, kind="payout", account=account_id)
    emit(tx, "payout.created", body, account=account_id)
    due.add(
        tx, tx.now + int(tx.setting("payout_submitted_seconds", SUBMITTED_AFTER)), "payout.submit", payout_id
    )
    due.add(tx, arrival, "payout.arrive", payout_id)
    return body


def submit(tx: Tx, payout_id: str) -> None:
    """Hand a pending payout to the bank: in_transit."""
    body = tx.get(payout_id, kind="payout")
    if body is not None and body["status"] == "pending":
        body["status"] = "in_transit"
        tx.save(body)
        emit(tx, "payout.updated", body, account=tx.owner(payout_id), before={"status": "pending"})


def arrive(tx: Tx, payout_id: str) -> None:
    """Let the bank accept the payout, unless a failure was planned for this account."""
    body = tx.get(payout_id, kind="payout")
    if body is None or body["status"] not in ("pending", "in_transit"):
        return
    account = tx.owner(payout_id)
    planned = tx.row("SELECT seq, verb, body FROM plan WHERE account = ? ORDER BY seq LIMIT 1", (account,))
    wish: Body = {}
    if planned is not None:
        tx.run("DELETE FROM plan WHERE seq = ?", (planned["seq"],))
        wish = json.loads(planned["body"])
        if planned["verb"] == "payout.fail":
            fail(tx, payout_id, wish["code"])
            return
    pay(tx, payout_id)
    if planned is not None:
        due.add(tx, tx.now + wish["after"], f"payout.fail:{wish['code']}", payout_id)


def pay(tx: Tx, payout_id: str) -> Body:
    """Mark a payout as paid; at Stripe that may still turn into failed."""
    body = tx.get(payout_id, kind="payout") or {}
    account = tx.owner(payout_id)
    due.cancel(tx, payout_id)
    body["status"] = "paid"
    body["trace_id"] = {"status": "supported", "value": body["id"][-12:].upper()}
    if body["automatic"]:
        body["reconciliation_status"] = "completed"
    tx.save(body)
    emit(tx, "payout.paid", body, account=account)
    if body["automatic"]:
        emit(tx, "payout.reconciliation_completed", body, account=account)
    return body


def fail(tx: Tx, payout_id: str, code: str) -> Body:
    """Let the bank refuse a payout: the money is back in the balance and the bank account unusable."""
    body = tx.get(payout_id, kind="payout") or {}
    if body["status"] in ("failed", "canceled"):
        raise refused(f"Payout {payout_id} is already {body['status']}.")
    account = tx.owner(payout_id)
    due.cancel(tx, payout_id)
    movement = balance.record(
        tx,
        account,
        type_="payout_failure",
        category="payout_reversal",
        amount=body["amount"],
        currency=body["currency"],
        source=payout_id,
        description="PAYOUT FAILURE",
    )
    body.update(
        status="failed",
        failure_code=code,
        failure_message=MESSAGES.get(code, "The bank refused the payout."),
        failure_balance_transaction=movement["id"],
    )
    tx.save(body)
    emit(tx, "payout.failed", body, account=account)
    if account != tx.platform:
        onboarding.refuse_bank(tx, account)
    return body


def plan_failure(tx: Tx, account_id: str, verb: str, code: str, after: int) -> None:
    """Remember that the account's next payout to arrive goes wrong."""
    tx.run(
        "INSERT INTO plan (account, verb, body) VALUES (?, ?, ?)",
        (account_id, verb, json.dumps({"code": code, "after": after})),
    )


def create(call: Call) -> Body:
    """Send money from the acting account's balance to its bank by hand."""
    params, tx = call.params, call.tx
    params.allow(
        "amount",
        "currency",
        "description",
        "destination",
        "metadata",
        "method",
        "source_type",
        "statement_descriptor",
    )
    amount = params.amount()
    currency = params.currency()
    metadata = params.metadata()
    description = params.text("description")
    descriptor = params.text("statement_descriptor", most=22)
    method = params.choice("method", "standard", "instant")
    if method == "instant":
        raise malformed("This sandbox only knows standard payouts.", param="method")
    least = int(tx.setting("payout_minimum", 1))
    if amount < least:
        raise malformed(
            f"Amount must be at least {least} {currency}", param="amount", code="amount_too_small"
        )
    account = tx.get(call.account, kind="account") or {}
    if not account["payouts_enabled"]:
        raise refused(
            "Cannot create payouts: payouts are not enabled on this account.", code="payouts_not_allowed"
        )
    wanted = params.text("destination")
    if wanted and wanted not in [bank["id"] for bank in account["external_accounts"]["data"]]:
        raise refused(f"No such external account: '{wanted}'", code="resource_missing", param="destination")
    if balance.available(tx, call.account, currency) < amount:
        raise refused(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. "
            "You can use the /v1/balance endpoint to view your Stripe balance.",
            code="balance_insufficient",
        )
    return open_payout(
        tx,
        call.account,
        amount=amount,
        currency=currency,
        automatic=False,
        metadata=metadata,
        description=description,
        descriptor=descriptor,
    )


def retrieve(call: Call, payout_id: str) -> Body:
    """Return one payout."""
    call.params.allow()
    return call.one("payout", "payout", payout_id)


def update(call: Call, payout_id: str) -> Body:
    """Change a payout's metadata, nothing else."""
    call.params.allow("metadata")
    body = call.one("payout", "payout", payout_id)
    before = dict(body["metadata"])
    body["metadata"] = call.params.metadata(before)
    call.tx.save(body)
    emit(call.tx, "payout.updated", body, account=call.account, before={"metadata": before})
    return body


def cancel(call: Call, payout_id: str) -> Body:
    """Take back a manual payout that is still pending."""
    call.params.allow()
    tx = call.tx
    body = call.one("payout", "payout", payout_id)
    if body["automatic"] or body["status"] != "pending":
        raise refused("Payouts can only be canceled while they are pending and were created by hand.")
    due.cancel(tx, payout_id)
    movement = balance.record(
        tx,
        call.account,
        type_="payout_cancel",
        category="payout_reversal",
        amount=body["amount"],
        currency=body["currency"],
        source=payout_id,
    )
    body.update(status="canceled", failure_balance_transaction=movement["id"])
    tx.save(body)
    emit(tx, "payout.canceled", body, account=call.account)
    return body


def list_(call: Call) -> Body:
    """List payouts; filters status, destination, created, arrival_date."""
    params = call.params
    params.allow(
        "status", "destination", "created", "arrival_date", "limit", "starting_after", "ending_before"
    )
    conditions, values = ["kind = 'payout'", "account = ?"], [call.account]
    for name in ("status", "destination"):
        wanted = params.text(name)
        if wanted is not None:
            conditions.append(f"json_extract(body, '$.{name}') = ?")
            values.append(wanted)
    more: list[int] = []
    for name, column in (("created", "created"), ("arrival_date", "json_extract(body, '$.arrival_date')")):
        between, seconds = created_range(params, name, column)
        conditions += between
        more += seconds
    return cursor_page(call, "/v1/payouts", conditions, [*values, *more])
