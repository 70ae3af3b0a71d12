"""Top-ups: the platform adds money to its balance from its own bank, available at once."""

from __future__ import annotations

from payouts.sandbox import balance
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page
from payouts.sandbox.shapes import nulls
from payouts.sandbox.store import Tx


def add(tx: Tx, *, amount: int, currency: str) -> Body:
    """Add money to the platform's balance and return the top-up."""
    topup_id = tx.new_id("tu_")
    movement = balance.record(
        tx,
        tx.platform,
        type_="topup",
        category="topup",
        amount=amount,
        currency=currency,
        source=topup_id,
    )
    body: Body = {
        "id": topup_id,
        "object": "topup",
        "amount": amount,
        "balance_transaction": movement["id"],
        "created": tx.now,
        "currency": currency,
        "expected_availability_date": tx.now,
        "livemode": False,
        "metadata": {},
        "status": "succeeded",
        **nulls("description failure_code failure_message source statement_descriptor transfer_group"),
    }
    tx.put(body, kind="topup", account=tx.platform)
    emit(tx, "topup.succeeded", body, account=tx.platform)
    return body


def retrieve(call: Call, topup_id: str) -> Body:
    """Return one top-up."""
    call.params.allow()
    return call.one("topup", "top-up", topup_id)


def list_(call: Call) -> Body:
    """List top-ups, newest first."""
    call.params.allow("created", "limit", "starting_after", "ending_before")
    return page(call, "topup", "/v1/topups")
