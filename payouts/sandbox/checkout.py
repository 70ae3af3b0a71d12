"""Checkout sessions (mode payment) and their completion on the hosted page."""

from __future__ import annotations

from payouts.sandbox import clock, due, payments
from payouts.sandbox.call import Call
from payouts.sandbox.errors import ApiError, Body, malformed, refused
from payouts.sandbox.events import emit
from payouts.sandbox.forms import MOST, Params
from payouts.sandbox.links import address
from payouts.sandbox.listing import page
from payouts.sandbox.shapes import nulls
from payouts.sandbox.store import Tx

MINIMUM = 50
EMPTY = (
    "after_expiration allow_promotion_codes client_secret consent consent_collection currency_conversion customer "
    "customer_details invoice invoice_creation payment_intent payment_link recovered_from "
    "saved_payment_method_options setup_intent shipping_address_collection shipping_cost subscription"
)
METHODS = ("card", "ideal", "bancontact", "sepa_debit", "customer_balance", "link")


def _line(call: Call, given: object, position: int) -> Body:
    prefix = f"line_items[{position}]"
    if not isinstance(given, dict):
        raise malformed("Invalid object", param=prefix)
    params = Params(given, prefix)
    params.allow("price_data", "quantity")
    params.require("price_data")
    quantity = params.integer("quantity", most=999_999) or 1
    price = params.mapping("price_data")
    price.allow("currency", "unit_amount", "product_data", "product", "tax_behavior")
    currency = price.currency()
    unit = price.amount("unit_amount")
    name = (
        price.mapping("product_data").needed("name") if price.has("product_data") else price.needed("product")
    )
    tx = call.tx
    return {
        "id": tx.new_id("li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": unit * quantity,
        "amount_tax": 0,
        "amount_total": unit * quantity,
        "currency": currency,
        "description": name,
        "metadata": {},
        "quantity": quantity,
        "price": {
            "id": tx.new_id("price_"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": tx.now,
            "currency": currency,
            "livemode": False,
            "metadata": {},
            "product": tx.new_id("prod_", 14),
            "tax_behavior": "unspecified",
            "type": "one_time",
            "unit_amount": unit,
            "unit_amount_decimal": str(unit),
            **nulls("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity"),
        },
    }


def create(call: Call) -> Body:
    """Open a checkout for one payment; its hosted page lies at `url` until `expires_at`."""
    params, tx = call.params, call.tx
    params.allow(
        "mode",
        "line_items",
        "success_url",
        "cancel_url",
        "client_reference_id",
        "metadata",
        "locale",
        "payment_intent_data",
        "payment_method_types",
        "customer_email",
        "expires_at",
        "currency",
        "submit_type",
        "ui_mode",
        "customer_creation",
        "billing_address_collection",
    )
    mode = params.choice("mode", "payment", "setup", "subscription")
    if mode is None:
        params.require("mode")
    if mode != "payment":
        raise malformed("This sandbox only knows mode payment.", param="mode")
    lines = [_line(call, given, position) for position, given in enumerate(params.items("line_items"))]
    if not lines:
        raise malformed("Missing required param: line_items.", param="line_items", code="parameter_missing")
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise malformed("All prices on a Checkout Session must use the same currency.", param="line_items")
    total = sum(line["amount_total"] for line in lines)
    if total < MINIMUM:
        raise malformed(
            f"The Checkout Session's total amount due must add up to at least {MINIMUM} {currency}",
            code="amount_too_small",
        )
    if total > MOST:
        raise malformed(f"Amount must be no more than {MOST}", code="amount_too_large")
    params.require("success_url")
    details = params.mapping("payment_intent_data")
    details.allow("metadata", "description", "transfer_group", "statement_descriptor", "receipt_email")
    types = [str(kind) for kind in params.items("payment_method_types")] or ["card"]
    if any(kind not in METHODS for kind in types):
        raise malformed(
            f"Invalid payment_method_types: must be one of {', '.join(METHODS)}", param="payment_method_types"
        )
    expires = params.integer("expires_at", most=MOST * 100)
    if expires is not None and not tx.now + 1_800 <= expires <= tx.now + clock.DAY:
        raise malformed(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", param="expires_at"
        )
    session_id = tx.new_id("cs_test_", 58)
    body: Body = {
        "id": session_id,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, **nulls("liability provider status")},
        "billing_address_collection": params.choice("billing_address_collection", "auto", "required"),
        "cancel_url": address(params, "cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "created": tx.now,
        "currency": currency,
        "custom_fields": [],
        "custom_text": nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "customer_email": params.text("customer_email", most=800),
        "discounts": [],
        "expires_at": expires or tx.now + clock.DAY,
        "livemode": False,
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "submit_type": params.choice("submit_type", "auto", "book", "donate", "pay", "subscribe"),
        "success_url": address(params, "success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/pay/{session_id}",
        **nulls(EMPTY),
    }
    tx.put(body, kind="checkout.session", account=call.account)
    tx.set_setting(
        f"line_items:{session_id}",
        {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/checkout/sessions/{session_id}/line_items",
        },
    )
    tx.set_setting(
        f"payment_intent_data:{session_id}",
        {
            "metadata": details.metadata(),
            "description": details.text("description"),
            "transfer_group": details.text("transfer_group"),
        },
    )
    due.add(tx, body["expires_at"], "session.expire", session_id)
    return body


def retrieve(call: Call, session_id: str) -> Body:
    """Return one session."""
    call.params.allow()
    return call.one("checkout.session", "checkout.session", session_id, param="session")


def list_(call: Call) -> Body:
    """List sessions; filters payment_intent, status, created."""
    call.params.allow("payment_intent", "status", "created", "limit", "starting_after", "ending_before")
    return page(call, "checkout.session", "/v1/checkout/sessions", equal=("payment_intent", "status"))


def line_items(call: Call, session_id: str) -> Body:
    """List the lines of a session."""
    call.params.allow("limit", "starting_after", "ending_before")
    call.one("checkout.session", "checkout.session", session_id, param="session")
    found: Body = call.tx.setting(f"line_items:{session_id}", {})
    return found


def expire(call: Call, session_id: str) -> Body:
    """Close an open session for good."""
    call.params.allow()
    body = call.one("checkout.session", "checkout.session", session_id, param="session")
    if body["status"] != "open":
        raise refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {body['status']}."
        )
    return close(call.tx, session_id)


def close(tx: Tx, session_id: str) -> Body:
    """Expire a session that is still open; nothing happens to another one."""
    body = tx.get(session_id, kind="checkout.session") or {}
    if body.get("status") == "open":
        body.update(status="expired", url=None)
        due.cancel(tx, session_id)
        tx.save(body)
        emit(tx, "checkout.session.expired", body, account=tx.owner(session_id))
    return body


def complete(tx: Tx, session_id: str) -> Body | None:
    """Pay an open session; a second time changes nothing. None for an unknown session.

    Raises: ApiError 410 for an expired session.
    """
    body = tx.get(session_id, kind="checkout.session")
    if body is None or body["status"] == "complete":
        return body
    if body["status"] == "expired":
        raise ApiError(410, "This checkout session has expired.")
    account = tx.owner(session_id)
    email = body["customer_email"] or "shopper@example.com"
    intent = payments.pay(
        tx,
        account,
        amount=body["amount_total"],
        currency=body["currency"],
        method=body["payment_method_types"][0],
        details=tx.setting(f"payment_intent_data:{session_id}", {}),
        email=email,
    )
    body.update(
        status="complete",
        payment_status="paid",
        payment_intent=intent["id"],
        url=None,
        customer_details={
            "email": email,
            "tax_exempt": "none",
            "tax_ids": [],
            **nulls("address business_name individual_name name phone"),
        },
    )
    due.cancel(tx, session_id)
    tx.save(body)
    emit(tx, "checkout.session.completed", body, account=account)
    return body
