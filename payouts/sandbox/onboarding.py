"""What changes an account from outside the API: onboarding, a stop, a refused or another bank account."""

from __future__ import annotations

from payouts.sandbox.accounts import attach_bank, requirements, store_change
from payouts.sandbox.errors import Body, refused
from payouts.sandbox.events import emit
from payouts.sandbox.store import Tx


def onboard(tx: Tx, account_id: str) -> Body:
    """Complete onboarding: details in, a bank account, transfers active, payouts enabled."""
    body = tx.get(account_id, kind="account") or {}
    before = tx.get(account_id, kind="account") or {}
    body.update(details_submitted=True, payouts_enabled=True)
    body["capabilities"] = dict.fromkeys(body["capabilities"], "active")
    body["charges_enabled"] = body["capabilities"].get("card_payments") == "active"
    body["requirements"] = requirements([], None)
    body["tos_acceptance"] = {
        **body["tos_acceptance"],
        "date": tx.now,
        "ip": "127.0.0.1",
        "user_agent": "sandbox",
    }
    if not body["external_accounts"]["data"] or body["external_accounts"]["data"][0]["status"] == "errored":
        bank = attach_bank(tx, body)
        emit(tx, "account.external_account.created", bank, account=account_id)
    return store_change(tx, before, body)


def disable(tx: Tx, account_id: str, reason: str) -> Body:
    """Stop an account: no transfers in, no payouts out, and the reason is in its requirements."""
    body, before = _pair(tx, account_id)
    body["capabilities"] = dict.fromkeys(body["capabilities"], "inactive")
    body.update(payouts_enabled=False, charges_enabled=False)
    body["requirements"] = requirements(["individual.verification.document"], reason)
    return store_change(tx, before, body)


def refuse_bank(tx: Tx, account_id: str) -> Body:
    """Mark the bank account as unusable after a failed payout: payouts stop until a new one is given."""
    body, before = _pair(tx, account_id)
    for bank in body["external_accounts"]["data"]:
        bank["status"] = "errored"
        tx.save(bank)
        emit(tx, "account.external_account.updated", bank, account=account_id, before={"status": "new"})
    body["payouts_enabled"] = False
    body["requirements"] = requirements(["external_account"], "requirements.past_due")
    return store_change(tx, before, body)


def swap_bank(tx: Tx, account_id: str) -> Body:
    """Replace the bank account, as the account's owner may do in the dashboard."""
    body, before = _pair(tx, account_id)
    bank = attach_bank(tx, body)
    emit(tx, "account.external_account.created", bank, account=account_id)
    return store_change(tx, before, body)


def _pair(tx: Tx, account_id: str) -> tuple[Body, Body]:
    body, before = tx.get(account_id, kind="account"), tx.get(account_id, kind="account")
    if body is None or before is None:
        raise refused(f"No such account: '{account_id}'", code="resource_missing", param="account")
    return body, before
