"""Connected accounts (v1 with `controller`): creation, onboarding, what is missing, their bank account."""

from __future__ import annotations

import re
import secrets

from payouts.sandbox.call import Call
from payouts.sandbox.errors import ApiError, Body, malformed
from payouts.sandbox.events import changed, emit
from payouts.sandbox.forms import Params
from payouts.sandbox.listing import created_range, cursor_page
from payouts.sandbox.shapes import nulls, sublist
from payouts.sandbox.store import Tx

CURRENCY_OF = {
    "GB": "gbp",
    "US": "usd",
    "CH": "chf",
    "DK": "dkk",
    "SE": "sek",
    "NO": "nok",
    "PL": "pln",
    "CZ": "czk",
    "HU": "huf",
    "RO": "ron",
    "CA": "cad",
    "AU": "aud",
    "JP": "jpy",
}
WANTED = [
    "external_account",
    "individual.dob.day",
    "individual.first_name",
    "individual.last_name",
    "tos_acceptance.date",
    "tos_acceptance.ip",
]
INTERVALS = ("daily", "weekly", "monthly", "manual")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def requirements(due: list[str], reason: str | None) -> Body:
    """Return a requirements hash that asks for `due` at once."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": list(due),
        "disabled_reason": reason,
        "errors": [],
        "eventually_due": list(due),
        "past_due": list(due) if reason else [],
        "pending_verification": [],
    }


def seed_platform(tx: Tx) -> None:
    """Make sure that the platform's own account exists."""
    if tx.get(tx.platform) is not None:
        return
    body = _blank(tx, tx.platform, "NL")
    body.update(type="standard", charges_enabled=True, payouts_enabled=True, details_submitted=True)
    body["requirements"] = requirements([], None)
    body["settings"]["payouts"]["schedule"] = {"delay_days": 2, "interval": "manual"}
    tx.put(body, kind="account", account=tx.platform)
    attach_bank(tx, body)
    tx.save(body)


def _blank(tx: Tx, account_id: str, country: str) -> Body:
    return {
        "id": account_id,
        "object": "account",
        "business_profile": nulls(
            "mcc name product_description support_address support_email support_phone support_url url"
        ),
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        "country": country,
        "created": tx.now,
        "default_currency": CURRENCY_OF.get(country, "eur"),
        "details_submitted": False,
        "email": None,
        "external_accounts": sublist(f"/v1/accounts/{account_id}/external_accounts"),
        "future_requirements": requirements([], None),
        "metadata": {},
        "payouts_enabled": False,
        "requirements": requirements(WANTED, "requirements.past_due"),
        "settings": {
            "branding": nulls("icon logo primary_color secondary_color"),
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": None},
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {"delay_days": 2, "interval": "daily"},
                "statement_descriptor": None,
            },
        },
        "tos_acceptance": {"date": None},
        "type": "none",
    }


def attach_bank(tx: Tx, account: Body) -> Body:
    """Give an account a (new) default bank account; the caller saves the account."""
    bank: Body = {
        "id": tx.new_id("ba_"),
        "object": "bank_account",
        "account": account["id"],
        "account_holder_name": account.get("email"),
        "account_holder_type": "individual",
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": "STRIPE TEST BANK",
        "country": account["country"],
        "currency": account["default_currency"],
        "default_for_currency": True,
        "fingerprint": tx.new_id("", 16),
        "last4": f"{secrets.randbelow(10_000):04d}",
        "metadata": {},
        "routing_number": None,
        "status": "new",
    }
    tx.put(bank, kind="bank_account", account=account["id"])
    account["external_accounts"].update(data=[bank], total_count=1)
    return bank


def _settings(params: Params, body: Body) -> None:
    inner = params.mapping("settings")
    payouts = inner.mapping("payouts")
    schedule = payouts.mapping("schedule")
    interval = schedule.choice("interval", *INTERVALS)
    if interval:
        wish: Body = {"delay_days": 2, "interval": interval}
        if interval == "weekly":
            wish["weekly_anchor"] = schedule.choice("weekly_anchor", *WEEKDAYS) or "monday"
        if interval == "monthly":
            wish["monthly_anchor"] = schedule.integer("monthly_anchor", least=1, most=31) or 1
        body["settings"]["payouts"]["schedule"] = wish
    if payouts.has("statement_descriptor"):
        body["settings"]["payouts"]["statement_descriptor"] = payouts.text("statement_descriptor", most=22)


def _common(params: Params, body: Body) -> None:
    if params.has("email"):
        body["email"] = params.text("email", most=800)
    if params.has("business_type"):
        body["business_type"] = params.choice(
            "business_type", "company", "government_entity", "individual", "non_profit"
        )
    body["business_profile"].update(
        {
            name: value
            for name, value in params.mapping("business_profile").data.items()
            if isinstance(value, str)
        }
    )
    body["metadata"] = params.metadata(body["metadata"])
    _settings(params, body)
    wanted = params.mapping("capabilities")
    for name in wanted.data:
        if wanted.mapping(name).boolean("requested") is True:
            ready = "active" if body["details_submitted"] else "inactive"
            body["capabilities"].setdefault(name, ready)
        else:
            body["capabilities"].pop(name, None)
    agreement = params.mapping("tos_acceptance").text("service_agreement")
    if agreement:
        body["tos_acceptance"]["service_agreement"] = agreement


def create(call: Call) -> Body:
    """Create a connected account; it can receive nothing until it was onboarded."""
    params = call.params
    params.allow(
        "type",
        "country",
        "email",
        "controller",
        "capabilities",
        "business_type",
        "business_profile",
        "metadata",
        "settings",
        "tos_acceptance",
        "individual",
        "company",
        "default_currency",
    )
    country = (params.text("country") or "NL").upper()
    if not re.fullmatch("[A-Z]{2}", country):
        raise malformed(f"Country '{country}' is unknown.", param="country", code="country_unsupported")
    kind = params.choice("type", "custom", "express", "standard")
    if kind and params.has("controller"):
        raise malformed(
            "You may not provide the `type` parameter and `controller` parameters simultaneously.",
            param="type",
        )
    body = _blank(call.tx, call.tx.new_id("acct_", 16), country)
    controller = params.mapping("controller")
    body["controller"] = {
        "type": "application",
        "is_controller": True,
        "fees": {"payer": controller.mapping("fees").choice("payer", "account", "application") or "account"},
        "losses": {
            "payments": controller.mapping("losses").choice("payments", "application", "stripe")
            or "application"
        },
        "requirement_collection": controller.choice("requirement_collection", "application", "stripe")
        or "stripe",
        "stripe_dashboard": {
            "type": controller.mapping("stripe_dashboard").choice("type", "express", "full", "none")
            or "express"
        },
    }
    body["type"] = kind or "none"
    if params.has("default_currency"):
        body["default_currency"] = params.currency("default_currency")
    _common(params, body)
    call.tx.put(body, kind="account", account=body["id"])
    return body


def visible(call: Call, account_id: str) -> Body:
    """Return an account that the caller may see, or refuse as Stripe does (403 account_invalid)."""
    found = call.tx.get(account_id, kind="account")
    if found is None or (call.account not in (call.tx.platform, account_id)):
        raise ApiError(
            403,
            f"The provided key does not have access to account '{account_id}' (or that account does not exist). "
            "Application access may have been revoked.",
            code="account_invalid",
        )
    return found


def retrieve(call: Call, account_id: str) -> Body:
    """Return one account."""
    call.params.allow()
    return visible(call, account_id)


def own(call: Call) -> Body:
    """Return the acting account."""
    call.params.allow()
    return visible(call, call.account)


def update(call: Call, account_id: str) -> Body:
    """Update an account and tell with account.updated what changed."""
    params = call.params
    params.allow(
        "email",
        "metadata",
        "settings",
        "business_profile",
        "business_type",
        "capabilities",
        "tos_acceptance",
        "individual",
        "company",
    )
    body = visible(call, account_id)
    before = visible(call, account_id)
    _common(params, body)
    return store_change(call.tx, before, body)


def store_change(tx: Tx, before: Body, body: Body) -> Body:
    """Save an account and emit account.updated when something changed."""
    difference = changed(before, body)
    if difference:
        tx.save(body)
        emit(tx, "account.updated", body, account=body["id"], before=difference)
    return body


def list_(call: Call) -> Body:
    """List the platform's connected accounts, newest first; a connected account has none."""
    call.params.allow("created", "limit", "starting_after", "ending_before")
    between, seconds = created_range(call.params, "created", "created")
    conditions = ["kind = 'account'", "id <> ?", "? = ?", *between]
    return cursor_page(
        call, "/v1/accounts", conditions, [call.tx.platform, call.account, call.tx.platform, *seconds]
    )
