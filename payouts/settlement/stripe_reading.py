"""Stripe's JSON read into our own dataclasses; pure, and the same for a webhook, a list and a single object."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from payouts.settlement.gateway import (
    AccountState,
    BalanceTx,
    BankPayout,
    CheckoutSession,
    StripeBalance,
    Transfer,
    WebhookEvent,
)
from payouts.settlement.stripe_units import from_stripe

Body = dict[str, Any]
_NAME = re.compile(r"[!-~]{1,255}")


def plain(value: Any) -> Body:
    """Return a JSON object as a dict; an absent one is empty."""
    return value if isinstance(value, dict) else {}


def plain_object(found: Any) -> Body:
    """Return an object of the library as plain JSON, with the request id of the answer where there is one."""
    body: Body = found.to_dict()
    answer = getattr(found, "last_response", None)
    if answer is not None and answer.headers is not None:
        body["_request_id"] = answer.headers.get("Request-Id")
    return body


def instant(seconds: Any) -> datetime:
    """Return the instant of a Unix second, in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _id(value: Any) -> str | None:
    """Return an id, whether Stripe gave the id or the expanded object."""
    return value.get("id") if isinstance(value, dict) else value


def account(body: Body) -> AccountState:
    """Read a connected account; the default external account is the one that fingerprints."""
    wanted = plain(body.get("requirements"))
    banks = plain(body.get("external_accounts")).get("data") or []
    bank = next((one for one in banks if one.get("default_for_currency")), banks[0] if banks else None)
    return AccountState(
        account_id=body["id"],
        transfers_active=plain(body.get("capabilities")).get("transfers") == "active",
        payouts_enabled=bool(body.get("payouts_enabled")),
        details_submitted=bool(body.get("details_submitted")),
        due=tuple(wanted.get("currently_due") or ()),
        past_due=tuple(wanted.get("past_due") or ()),
        disabled_reason=wanted.get("disabled_reason"),
        # Two accounts may share a bank account; the id tells a re-entered one from the one that was checked.
        fingerprint=f"{bank.get('fingerprint')}:{bank['id']}" if bank else None,
        bank_last4=bank.get("last4") if bank else None,
        request_id=body.get("_request_id"),
        country=body.get("country"),
        adviser_id=plain(body.get("metadata")).get("adviser_id"),
    )


def checkout(body: Body) -> CheckoutSession:
    """Read a checkout session; charge and balance transaction only when they were expanded and exist."""
    intent = body.get("payment_intent")
    charge = plain(plain(intent).get("latest_charge"))
    movement = plain(charge.get("balance_transaction"))
    currency = body["currency"]
    return CheckoutSession(
        session_id=body["id"],
        status=body["status"],
        payment_status=body["payment_status"],
        amount=from_stripe(body["amount_total"], currency),
        reference=body.get("client_reference_id"),
        url=body.get("url"),
        expires_at=instant(body["expires_at"]) if body.get("expires_at") else None,
        payment_intent=_id(intent),
        charge_id=charge.get("id"),
        balance_tx_id=movement.get("id"),
        gross=from_stripe(movement["amount"], movement["currency"]) if movement else None,
        fee=from_stripe(movement["fee"], movement["currency"]) if movement else None,
        request_id=body.get("_request_id"),
    )


def transfer(body: Body) -> Transfer:
    """Read a transfer."""
    return Transfer(
        transfer_id=body["id"],
        amount=from_stripe(body["amount"], body["currency"]),
        reversed_amount=from_stripe(body.get("amount_reversed") or 0, body["currency"]),
        destination=str(_id(body["destination"])),
        group=body.get("transfer_group"),
        destination_payment=_id(body.get("destination_payment")),
        balance_tx_id=_id(body.get("balance_transaction")),
        created=instant(body["created"]),
        metadata=dict(plain(body.get("metadata"))),
        request_id=body.get("_request_id"),
    )


def bank_payout(account_id: str, body: Body) -> BankPayout:
    """Read a payout of a connected account."""
    return BankPayout(
        payout_id=body["id"],
        account_id=account_id,
        status=body["status"],
        amount=from_stripe(body["amount"], body["currency"]),
        created=instant(body["created"]),
        arrival_on=instant(body["arrival_date"]) if body.get("arrival_date") else None,
        failure_code=body.get("failure_code"),
    )


def balances(body: Body) -> dict[str, StripeBalance]:
    """Read the balance: per currency what is available and what is still pending."""
    parts: dict[str, dict[str, int]] = {}
    for name in ("available", "pending"):
        for part in body.get(name) or ():
            sums = parts.setdefault(part["currency"].upper(), {"available": 0, "pending": 0})
            sums[name] += part["amount"]
    return {
        currency: StripeBalance(
            from_stripe(sums["available"], currency), from_stripe(sums["pending"], currency)
        )
        for currency, sums in parts.items()
    }


def balance_tx(body: Body) -> BalanceTx:
    """Read a balance transaction; of an expanded source only what matching needs is kept."""
    source, currency = body.get("source"), body["currency"]
    facts = plain(source)
    names = ("transfer_group", "payment_intent", "transfer", "destination")
    kept = {name: str(_id(facts[name])) for name in names if facts.get(name)}
    kept |= {name: str(value) for name, value in plain(facts.get("metadata")).items()}
    return BalanceTx(
        tx_id=body["id"],
        type=body["type"],
        reporting_category=body.get("reporting_category") or body["type"],
        amount=from_stripe(body["amount"], currency),
        fee=from_stripe(body["fee"], currency),
        net=from_stripe(body["net"], currency),
        source_id=_id(source),
        created=instant(body["created"]),
        available_on=instant(body["available_on"]),
        description=body.get("description"),
        source=kept,
    )


def webhook_event(body: Body) -> WebhookEvent:
    """Read the few facts of an event that tell what to fetch again; KeyError or ValueError when it is no event."""
    if body["object"] != "event":
        raise KeyError("object")
    subject = plain(plain(body.get("data")).get("object"))
    return WebhookEvent(
        event_id=_name(body["id"]),
        type=_name(body["type"]),
        account=None if body.get("account") is None else _name(body["account"]),
        object_id=None if subject.get("id") is None else _name(subject["id"]),
    )


def _name(value: Any) -> str:
    """Return an id or kind of Stripe's, which we look things up by. Raises ValueError for anything else."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("not an id or kind of Stripe's")
    return value
