"""Money in: payment intents and their charges, with the fee that Stripe keeps."""

from __future__ import annotations

from payouts.sandbox import balance, clock
from payouts.sandbox.call import Call
from payouts.sandbox.errors import Body
from payouts.sandbox.events import emit
from payouts.sandbox.listing import page
from payouts.sandbox.shapes import billing, nulls
from payouts.sandbox.store import Tx

# What a charge costs: 1.5 % (half up) plus 25 cents, as for a European card; see /_sandbox/settings.
FEE_BASIS_POINTS = 150
FEE_FIXED = 25


def fee_for(tx: Tx, amount: int) -> int:
    """Return the processing fee of a charge in minor units."""
    points = int(tx.setting("fee_basis_points", FEE_BASIS_POINTS))
    return (amount * points + 5_000) // 10_000 + int(tx.setting("fee_fixed", FEE_FIXED))


def _method(kind: str) -> Body:
    if kind != "card":
        return {"type": kind, kind: {}}
    return {
        "type": "card",
        "card": {
            "brand": "visa",
            "checks": None,
            "country": "NL",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": "sandboxsandbox00",
            "funding": "credit",
            "last4": "4242",
            "network": "visa",
            "three_d_secure": None,
            "wallet": None,
        },
    }


def pay(
    tx: Tx, account: str, *, amount: int, currency: str, method: str, details: Body, email: str | None
) -> Body:
    """Take a payment: a succeeded payment intent and its charge, with fee and events; return the intent.

    `details` is the checkout's payment_intent_data: metadata, description, transfer_group.
    """
    card = method == "card"
    charge_id = tx.new_id("ch_" if card else "py_")
    intent_id = tx.new_id("pi_")
    movement = balance.record(
        tx,
        account,
        type_="charge" if card else "payment",
        category="charge",
        amount=amount,
        currency=currency,
        source=charge_id,
        fee=fee_for(tx, amount),
        available_on=tx.now + int(tx.setting("available_after_days", 0)) * clock.DAY,
        description=details.get("description"),
    )
    common: Body = {
        "amount": amount,
        "currency": currency,
        "created": tx.now,
        "livemode": False,
        "description": details.get("description"),
        "metadata": details.get("metadata", {}),
        "payment_method": tx.new_id("pm_"),
        "receipt_email": email,
        "status": "succeeded",
        "transfer_group": details.get("transfer_group"),
        **nulls(
            "application application_fee_amount customer on_behalf_of review shipping statement_descriptor "
            "statement_descriptor_suffix transfer_data"
        ),
    }
    charge: Body = {
        **common,
        "id": charge_id,
        "object": "charge",
        "amount_captured": amount,
        "amount_refunded": 0,
        "balance_transaction": movement["id"],
        "billing_details": billing(email),
        "calculated_statement_descriptor": "SANDBOX",
        "captured": True,
        "disputed": False,
        "fraud_details": {},
        "outcome": {
            "network_status": "approved_by_network",
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "Payment complete.",
            "type": "authorized",
            **nulls("advice_code network_advice_code network_decline_code reason"),
        },
        "paid": True,
        "payment_intent": intent_id,
        "payment_method_details": _method(method),
        "radar_options": {},
        "refunded": False,
        **nulls(
            "application_fee failure_balance_transaction failure_code failure_message receipt_number "
            "receipt_url source_transfer"
        ),
    }
    intent: Body = {
        **common,
        "id": intent_id,
        "object": "payment_intent",
        "amount_capturable": 0,
        "amount_received": amount,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{tx.new_id('')}",
        "confirmation_method": "automatic",
        "latest_charge": charge_id,
        "payment_method_options": {},
        "payment_method_types": [method],
        **nulls(
            "automatic_payment_methods canceled_at cancellation_reason last_payment_error next_action "
            "processing setup_future_usage"
        ),
    }
    tx.put(charge, kind="charge", account=account)
    tx.put(intent, kind="payment_intent", account=account)
    emit(tx, "charge.succeeded", charge, account=account)
    emit(tx, "payment_intent.succeeded", intent, account=account)
    return intent


def charge(call: Call, charge_id: str) -> Body:
    """Return one charge."""
    call.params.allow()
    return call.one("charge", "charge", charge_id)


def charges(call: Call) -> Body:
    """List charges; filters payment_intent, transfer_group, created."""
    call.params.allow(
        "payment_intent", "transfer_group", "created", "limit", "starting_after", "ending_before"
    )
    return page(call, "charge", "/v1/charges", equal=("payment_intent", "transfer_group"))


def intent(call: Call, intent_id: str) -> Body:
    """Return one payment intent."""
    call.params.allow()
    return call.one("payment_intent", "payment_intent", intent_id, param="intent")


def intents(call: Call) -> Body:
    """List payment intents, newest first."""
    call.params.allow("created", "limit", "starting_after", "ending_before")
    return page(call, "payment_intent", "/v1/payment_intents")
