"""Things that happen at Stripe without our asking: accounts stop, banks refuse, payers dispute."""

from __future__ import annotations

from collections.abc import Callable

from payouts.sandbox import balance, clock, disputes, due, onboarding, payouts, refunds, topups, webhooks
from payouts.sandbox.errors import Body, malformed, missing
from payouts.sandbox.forms import CURRENCIES, MOST
from payouts.sandbox.store import Tx


def _text(wish: Body, name: str, default: str | None = None) -> str:
    value = wish.get(name, default)
    if not isinstance(value, str) or not value:
        raise malformed(f"{name} is needed", param=name)
    return value


def _amount(wish: Body) -> int | None:
    value = wish.get("amount")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise malformed("amount is a whole number of minor units, at least 1", param="amount")
    return value


def _account(tx: Tx, wish: Body, default: str | None = None) -> str:
    account_id = _text(wish, "account", default)
    if tx.get(account_id, kind="account") is None:
        raise missing("account", account_id, param="account")
    return account_id


def _currency(wish: Body) -> str:
    currency = _text(wish, "currency", "eur").lower()
    if currency not in CURRENCIES:
        raise malformed(f"Invalid currency: {currency}", param="currency")
    return currency


def disable(tx: Tx, wish: Body) -> Body:
    """account.disable {account, reason?}: no transfers in, no payouts out."""
    return onboarding.disable(tx, _account(tx, wish), _text(wish, "reason", "requirements.past_due"))


def enable(tx: Tx, wish: Body) -> Body:
    """account.enable {account}: as if onboarding was completed (again)."""
    return onboarding.onboard(tx, _account(tx, wish))


def swap_bank(tx: Tx, wish: Body) -> Body:
    """account.swap_bank {account}: the owner gives another bank account."""
    return onboarding.swap_bank(tx, _account(tx, wish))


def _payout(tx: Tx, wish: Body) -> Body:
    body = tx.get(_text(wish, "payout"), kind="payout")
    if body is None:
        raise missing("payout", str(wish["payout"]), param="payout")
    return body


def fail(tx: Tx, wish: Body) -> Body:
    """payout.fail {payout | account, code?}: this payout, or the account's next one, is refused by the bank."""
    code = _text(wish, "code", "account_closed")
    if "payout" in wish:
        return payouts.fail(tx, _payout(tx, wish)["id"], code)
    payouts.plan_failure(tx, _account(tx, wish), "payout.fail", code, 0)
    return {"planned": "payout.fail", "account": wish["account"], "code": code}


def paid_then_failed(tx: Tx, wish: Body) -> Body:
    """payout.paid_then_failed {payout | account, code?, after?}: paid, and failed `after` (3d) later."""
    code = _text(wish, "code", "account_closed")
    after = clock.duration(_text(wish, "after", "3d"))
    if "payout" in wish:
        body = _payout(tx, wish)
        if body["status"] in ("pending", "in_transit"):
            body = payouts.pay(tx, body["id"])
        due.add(tx, tx.now + after, f"payout.fail:{code}", body["id"])
        return body
    payouts.plan_failure(tx, _account(tx, wish), "payout.paid_then_failed", code, after)
    return {"planned": "payout.paid_then_failed", "account": wish["account"], "code": code}


def dispute(tx: Tx, wish: Body) -> Body:
    """charge.dispute {charge, reason?}: the payer's bank takes the money back."""
    charge_id = _text(wish, "charge")
    return disputes.open_dispute(tx, tx.owner(charge_id), charge_id, _text(wish, "reason", "fraudulent"))


def refund(tx: Tx, wish: Body) -> Body:
    """charge.refund {charge, amount?}: someone refunds in the dashboard."""
    charge_id = _text(wish, "charge")
    return refunds.refund(tx, tx.owner(charge_id), charge_id, _amount(wish))


def drain(tx: Tx, wish: Body) -> Body:
    """balance.drain {account?, currency?, amount?, leave?}: someone pays the balance out by hand."""
    account, currency = _account(tx, wish, tx.platform), _currency(wish)
    held = balance.available(tx, account, currency)
    amount = _amount(wish)
    if amount is None:
        leave = wish.get("leave", 0)
        if not isinstance(leave, int) or isinstance(leave, bool) or leave < 0:
            raise malformed("leave is a whole number of minor units", param="leave")
        amount = held - leave
    if amount <= 0 or amount > held:
        raise malformed(f"There is nothing like that to drain: {held} {currency} available", param="amount")
    return payouts.open_payout(tx, account, amount=amount, currency=currency, automatic=False)


def topup(tx: Tx, wish: Body) -> Body:
    """balance.topup {amount, currency?}: the platform adds money from its bank, available at once."""
    amount, currency = _amount(wish), _currency(wish)
    if amount is None:
        raise malformed("amount is needed", param="amount")
    return topups.add(tx, amount=amount, currency=currency)


def fee(tx: Tx, wish: Body) -> Body:
    """balance.fee {amount, currency?, description?}: Stripe takes a fee of its own, such as for active accounts."""
    amount = _amount(wish)
    if amount is None:
        raise malformed("amount is needed", param="amount")
    return balance.record(
        tx,
        tx.platform,
        type_="stripe_fee",
        category="fee",
        amount=-amount,
        currency=_currency(wish),
        source=None,
        description=_text(wish, "description", "Connect (active accounts)"),
    )


def resend(tx: Tx, wish: Body) -> Body:
    """webhook.resend {event}: send an event again, also a lost one."""
    event_id = _text(wish, "event")
    if not webhooks.resend(tx, event_id):
        raise missing("event", event_id, param="event")
    return {"queued": event_id}


ACTIONS: dict[str, Callable[[Tx, Body], Body]] = {
    "account.disable": disable,
    "account.enable": enable,
    "account.swap_bank": swap_bank,
    "balance.drain": drain,
    "balance.fee": fee,
    "balance.topup": topup,
    "charge.dispute": dispute,
    "charge.refund": refund,
    "payout.fail": fail,
    "payout.paid_then_failed": paid_then_failed,
    "webhook.resend": resend,
}


def perform(tx: Tx, wish: Body) -> Body:
    """Do the action that `wish["action"]` names and return its object."""
    action = ACTIONS.get(str(wish.get("action")))
    if action is None:
        raise malformed(f"Unknown action; known are {', '.join(sorted(ACTIONS))}", param="action")
    return action(tx, wish)
