"""The gateway on Stripe: the only module that imports stripe.

A real key and no sandbox address is all that production changes. Every writing call carries an idempotency key that
was derived from facts and committed before; every call refuses to run inside a database transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import stripe

from marketplace.core import config, failpoints
from marketplace.core.config import Settings
from marketplace.core.errors import AppError
from marketplace.core.money import Money
from payouts.settlement import stripe_reading as reading
from payouts.settlement.gateway import (
    AccountState,
    BalanceTx,
    BankPayout,
    CheckoutSession,
    StripeBalance,
    Transfer,
    TransferOrder,
    WebhookEvent,
    WebhookRefused,
    ensure_no_transaction,
)
from payouts.settlement.pace import Pace
from payouts.settlement.stripe_refusals import Failure, refusal
from payouts.settlement.stripe_units import to_stripe

T = TypeVar("T")

TIMEOUTS = (3.05, 20)
RETRIES = 2
SIGNATURE_TOLERANCE = 300
TRANSFERS_PER_SECOND = 20
_PAGE = 100
# What reading a signed body that is no event may raise; nesting without end is one of them.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_CHARGE = ["payment_intent.latest_charge.balance_transaction"]


class StripeGateway:
    """Stripe behind the gateway port; one instance a process, safe to share between threads."""

    def __init__(self, api_key: str, api_base: str = "", *, retries: int = RETRIES) -> None:
        """Open nothing yet.

        api_base: the sandbox's address, empty for Stripe itself; retries: how often the library repeats a call by
        itself, with the same key.
        """
        self._live = api_key.startswith(("sk_live_", "rk_live_"))
        self._pace = Pace(TRANSFERS_PER_SECOND)
        self._http = stripe.RequestsClient(timeout=TIMEOUTS)
        self._client = stripe.StripeClient(
            api_key,
            max_network_retries=retries,
            http_client=self._http,
            base_addresses={"api": api_base} if api_base else None,
        )

    def close(self) -> None:
        """Close the connections that this thread keeps."""
        self._http.close()  # type: ignore[no-untyped-call]

    def create_account(self, key: str, adviser_id: UUID, country: str, email: str) -> AccountState:
        """Create the connected account of an adviser: express dashboard, transfers only."""
        params: dict[str, Any] = {
            "country": country,
            "email": email,
            "controller": {
                "fees": {"payer": "application"},
                "losses": {"payments": "application"},
                "requirement_collection": "stripe",
                "stripe_dashboard": {"type": "express"},
            },
            "capabilities": {"transfers": {"requested": True}},
            "metadata": {"adviser_id": str(adviser_id)},
        }
        return reading.account(self._write("accounts.create", self._client.v1.accounts.create, params, key))

    def find_account(self, adviser_id: UUID, since: datetime) -> AccountState | None:
        """Return the account made for an adviser since then, found by its metadata."""
        page = self._all(
            "accounts.list",
            lambda: self._client.v1.accounts.list(
                {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
            ),
        )
        found = map(reading.account, page)
        return next((account for account in found if account.adviser_id == str(adviser_id)), None)

    def account(self, account_id: str) -> AccountState:
        """Return the account as it is now."""
        return reading.account(
            reading.plain_object(
                self._read("accounts.retrieve", lambda: self._client.v1.accounts.retrieve(account_id))
            )
        )

    def account_link(self, account_id: str, refresh_url: str, return_url: str) -> str:
        """Mint a single-use onboarding address; it lives for minutes, so it is never stored or mailed."""
        params: Any = {
            "account": account_id,
            "refresh_url": refresh_url,
            "return_url": return_url,
            "type": "account_onboarding",
            "collection_options": {"fields": "eventually_due"},
        }
        # Nothing moves and each link is new, so this counts as a read that may be repeated.
        link = self._read("account_links.create", lambda: self._client.v1.account_links.create(params))
        return str(link.url)

    def create_checkout(
        self, key: str, funding_id: UUID, amount: Money, success_url: str, cancel_url: str
    ) -> CheckoutSession:
        """Open a hosted payment page for one funding."""
        facts = {"funding_id": str(funding_id)}
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": str(funding_id),
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": amount.currency.lower(),
                        "unit_amount": to_stripe(amount),
                        "product_data": {"name": "Media budget"},
                    },
                }
            ],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": facts,
            "payment_intent_data": {"metadata": facts, "transfer_group": f"funding_{funding_id}"},
        }
        return reading.checkout(
            self._write("checkout.sessions.create", self._client.v1.checkout.sessions.create, params, key)
        )

    def checkout(self, session_id: str) -> CheckoutSession:
        """Return a checkout session with its charge and balance transaction."""
        found = self._read(
            "checkout.sessions.retrieve",
            lambda: self._client.v1.checkout.sessions.retrieve(session_id, {"expand": _CHARGE}),
        )
        return reading.checkout(reading.plain_object(found))

    def create_transfer(self, key: str, order: TransferOrder) -> Transfer:
        """Move money to a connected account; paced below Stripe's limit per endpoint."""
        params: dict[str, Any] = {
            "amount": to_stripe(order.amount),
            "currency": order.amount.currency.lower(),
            "destination": order.destination,
            "transfer_group": order.group,
            "description": order.description,
            "metadata": {"payout_id": str(order.payout_id), "attempt": str(order.attempt)},
        }
        ensure_no_transaction("transfers.create")
        self._pace.wait()
        return reading.transfer(
            self._write("transfers.create", self._client.v1.transfers.create, params, key)
        )

    def transfers_in(self, group: str) -> list[Transfer]:
        """Return the transfers of a group, oldest first."""
        page = self._all(
            "transfers.list",
            lambda: self._client.v1.transfers.list({"transfer_group": group, "limit": _PAGE}),
        )
        return sorted(map(reading.transfer, page), key=lambda one: (one.created, one.transfer_id))

    def bank_payout(self, account_id: str, payout_id: str) -> BankPayout:
        """Return a payout of a connected account to its bank."""
        found = self._read(
            "payouts.retrieve",
            lambda: self._client.v1.payouts.retrieve(payout_id, None, {"stripe_account": account_id}),
        )
        return reading.bank_payout(account_id, reading.plain_object(found))

    def bank_payouts(self, account_id: str, since: datetime) -> list[BankPayout]:
        """Return the payouts that a connected account made since then, oldest first."""
        page = self._all(
            "payouts.list",
            lambda: self._client.v1.payouts.list(
                {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}, {"stripe_account": account_id}
            ),
        )
        found = [reading.bank_payout(account_id, one) for one in page]
        return sorted(found, key=lambda one: (one.created, one.payout_id))

    def bank_payout_sources(self, account_id: str, payout_id: str) -> list[str]:
        """Return the source ids of the movements inside an automatic payout of a connected account."""
        page = self._all(
            "balance_transactions.list_of_payout",
            lambda: self._client.v1.balance_transactions.list(
                {"payout": payout_id, "limit": _PAGE}, {"stripe_account": account_id}
            ),
        )
        return [str(one["source"]) for one in page if one.get("source")]

    def balances(self) -> dict[str, StripeBalance]:
        """Return the platform's balance per currency."""
        found = self._read("balance.retrieve", lambda: self._client.v1.balance.retrieve())
        return reading.balances(reading.plain_object(found))

    def balance_transactions(self, since: datetime | None) -> Iterator[BalanceTx]:
        """Yield the platform's balance transactions created since then (inclusive), newest first."""
        params: Any = {"limit": _PAGE, "expand": ["data.source"]}
        if since is not None:
            params["created"] = {"gte": int(since.timestamp())}
        page = self._all(
            "balance_transactions.list", lambda: self._client.v1.balance_transactions.list(params)
        )
        yield from map(reading.balance_tx, page)

    def verify_webhook(self, payload: bytes, signature: str | None, secret: str) -> WebhookEvent:
        """Return the event of a webhook signed within the last 300 s of wall time.

        Raises WebhookRefused for a wrong, missing or old signature, an empty secret, a body that is no event, and a
        test event on a live key or the other way round.
        """
        try:
            self._client.construct_event(payload, signature, secret, tolerance=SIGNATURE_TOLERANCE)
            body = json.loads(payload)
            event = reading.webhook_event(body)
        except (stripe.SignatureVerificationError, *_UNREADABLE) as error:
            raise WebhookRefused(
                {"signature": ["The signature, its age or the body is not right."]}
            ) from error
        if bool(body.get("livemode")) is not self._live:
            raise WebhookRefused({"livemode": ["The event is of the other mode."]})
        return event

    def _write(
        self, call: str, function: Callable[..., Any], params: dict[str, Any], key: str
    ) -> dict[str, Any]:
        return reading.plain_object(
            self._call(call, lambda: function(params, {"idempotency_key": key}), writes=True)
        )

    def _read(self, call: str, function: Callable[[], Any]) -> Any:
        return self._call(call, function, writes=False)

    def _all(self, call: str, function: Callable[[], Any]) -> list[dict[str, Any]]:
        """Return every object of a list, page after page; a failure on a later page is named like one on the first."""
        return self._call(
            call, lambda: [reading.plain_object(one) for one in function().auto_paging_iter()], writes=False
        )

    def _call(self, call: str, function: Callable[[], T], *, writes: bool) -> T:
        """Make a call outside any transaction, between its two failpoints; name its failure in our own words."""
        ensure_no_transaction(call)
        failpoints.reach(f"stripe.{call}", "before")
        try:
            return function()
        except stripe.StripeError as error:
            raise _named(error, writes=writes) from error
        finally:
            failpoints.reach(f"stripe.{call}", "after")


def _named(error: stripe.StripeError, *, writes: bool) -> AppError:
    inner = reading.plain(reading.plain(error.json_body).get("error"))
    headers = {str(name).lower(): value for name, value in (error.headers or {}).items()}
    return refusal(
        Failure(
            status=error.http_status,
            kind=inner.get("type"),
            reason=inner.get("code"),
            message=str(inner.get("message") or error.user_message or ""),
            request_id=error.request_id,
            replay_is_final=headers.get("stripe-should-retry") == "false",
            writes=writes,
        )
    )


@cache
def _shared(api_key: str, api_base: str) -> StripeGateway:
    return StripeGateway(api_key, api_base)


def configured() -> StripeGateway | None:
    """Return the gateway of this process' own settings, or None where no key is set and nobody can be asked."""
    settings = config.current()
    return gateway_for(settings) if settings.stripe_api_key else None


def gateway_for(settings: Settings) -> StripeGateway:
    """Return this process' gateway for the settings' key and, in demo and test, its sandbox address."""
    return _shared(settings.stripe_api_key, settings.stripe_api_base)
