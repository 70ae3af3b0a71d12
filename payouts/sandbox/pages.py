"""The hosted pages that a person clicks: one button each, and an empty POST to the same address."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from flask import Response, redirect
from werkzeug.wrappers import Response as BaseResponse

from payouts.sandbox import balance, checkout, links, schedule
from payouts.sandbox.errors import ApiError
from payouts.sandbox.store import Store, Tx

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;padding:0 1.5rem;color:#1a1f36;"
    "background:#fff}h1{font-size:1.5rem}button{font:inherit;font-weight:600;min-height:44px;padding:.5rem 1.5rem;"
    "border:0;border-radius:6px;background:#4b45c6;color:#fff;cursor:pointer}small{color:#4f566b}"
    "@media(prefers-color-scheme:dark){body{background:#14171f;color:#e6e8ef}small{color:#a3acc2}}"
)


def html(title: str, text: str, button: str | None = None, status: int = 200) -> Response:
    """Return a page with a title, a sentence and at most one button."""
    form = f'<form method="post"><button type="submit">{escape(button)}</button></form>' if button else ""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f"<p>{escape(text)}</p>{form}<p><small>Payment sandbox: no real money moves here.</small></p>"
        "</main></body></html>"
    )
    return Response(page, status, mimetype="text/html", headers={"Cache-Control": "no-store"})


def away(address: str) -> BaseResponse:
    """Send the browser on with 303, so that its POST isn't repeated."""
    return redirect(address, 303)


def money(amount: int, currency: str) -> str:
    """Return minor units as a person reads them; the sandbox shows two decimals, whatever the currency."""
    sign = "-" if amount < 0 else ""
    return f"{currency.upper()} {sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


class Pages:
    """The pages over one store; `wake` is called after something was committed."""

    def __init__(self, store: Store, wake: Callable[[], None]) -> None:
        self.store = store
        self.wake = wake

    def show_checkout(self, session_id: str) -> BaseResponse:
        """Show what is to be paid."""
        schedule.catch_up(self.store)
        with self.store.read() as tx:
            session = tx.get(session_id, kind="checkout.session")
        if session is None:
            return html("No such checkout", "This address does not belong to a checkout session.", status=404)
        if session["status"] == "expired":
            return html("This checkout has expired", "Go back to the shop and start again.", status=410)
        if session["status"] == "complete":
            return away(success(session["success_url"], session_id))
        amount = money(session["amount_total"], session["currency"])
        return html(f"Pay {amount}", f"One click pays {amount} with a test card.", f"Pay {amount}")

    def complete_checkout(self, session_id: str) -> BaseResponse:
        """Pay, then go to success_url; a second time only goes there."""
        try:
            with self.store.write() as tx:
                schedule.run(tx)
                session = checkout.complete(tx, session_id)
        except ApiError as refusal:
            return html("This checkout has expired", refusal.message, status=refusal.status)
        if session is None:
            return html("No such checkout", "This address does not belong to a checkout session.", status=404)
        self.wake()
        return away(success(session["success_url"], session_id))

    def show_onboarding(self, token: str) -> BaseResponse:
        """Show the onboarding button, or go to refresh_url when the link is spent."""
        with self.store.read() as tx:
            link = tx.get(token, kind="account_link")
            if link is None:
                return html("No such link", "This onboarding address is unknown.", status=404)
            if not links.alive(tx, link):
                return away(link["refresh_url"])
        return html(
            "Connect your account",
            f"One click fills in the details and a test bank account for {link['account']}.",
            "Complete onboarding",
        )

    def complete_onboarding(self, token: str) -> BaseResponse:
        """Complete onboarding and go to return_url; a spent link changes nothing and goes to refresh_url."""
        with self.store.write() as tx:
            outcome = links.use(tx, token)
        if outcome is None:
            return html("No such link", "This onboarding address is unknown.", status=404)
        self.wake()
        return away(outcome[1])

    def dashboard(self, account_id: str) -> BaseResponse:
        """Show an account's balance and last payouts."""
        schedule.catch_up(self.store)
        with self.store.read() as tx:
            if tx.get(account_id, kind="account") is None:
                return html("No such account", "This address does not belong to an account.", status=404)
            return html(f"Account {account_id}", summary(tx, account_id))


def success(address: str, session_id: str) -> str:
    """Return success_url with the session's id filled in."""
    return address.replace("{CHECKOUT_SESSION_ID}", session_id)


def summary(tx: Tx, account_id: str) -> str:
    """Say in one sentence what an account holds and has been paid."""
    held = "; ".join(
        f"{money(now, currency)} available, {money(later, currency)} pending"
        for currency, (now, later) in balance.totals(tx, account_id).items()
    )
    last = "; ".join(
        f"{money(body['amount'], body['currency'])} {body['status']}"
        for body in tx.all_of("payout", account_id)[-5:]
    )
    return f"Balance: {held or 'nothing yet'}. Last payouts: {last or 'none yet'}."
