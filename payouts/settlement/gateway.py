"""What settlement asks of a payment provider, in our own words.

Services speak to this port only. Each call happens outside a database transaction: the intent row is committed
before, the outcome is recorded after. `ensure_no_transaction` turns a breach of that into an InvariantViolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from marketplace.core import db
from marketplace.core.errors import (
    Conflict,
    GatewayUncertain,
    InvalidInput,
    InvariantViolation,
    Unavailable,
)
from marketplace.core.money import Money


class Rejected(Conflict):
    """Stripe refused definitively: nothing moved, and the same request will be refused again."""

    code = "gateway_rejected"
    title = "The payment provider refused"
    detail = "Stripe refused the request with code {reason}."
    next = "Correct what Stripe names, then try again."


class Throttled(Unavailable):
    """Stripe did nothing because it is busy (429, or 409 while the key is in use): same key, later."""

    code = "gateway_throttled"
    title = "The payment provider asks for a pause"
    detail = "Stripe answered {reason}; the same request is repeated later."


class StoredFailure(GatewayUncertain):
    """Stripe answered 500 and replays that for the key's life: look before asking again, never blindly."""

    code = "gateway_stored_failure"


class GatewayDenied(Unavailable):
    """Our key or our right was refused (401, 403): every call stops until a person has looked."""

    code = "gateway_denied"
    title = "The payment provider refused our key"
    detail = "Stripe answered {reason}; nothing is sent until the key is put right."


class KeyReused(InvariantViolation):
    """One idempotency key was sent with two contents: a bug, so the line stops."""

    code = "gateway_key_reused"


class WebhookRefused(InvalidInput):
    """The signature, its age, its secret or its mode is not what we expect; nothing is stored."""

    code = "webhook_refused"
    status = 400
    title = "This is not a webhook of ours"


class CalledInsideTransaction(InvariantViolation):
    """A gateway call was about to happen while a database transaction was open."""

    code = "gateway_inside_transaction"


def ensure_no_transaction(call: str) -> None:
    """Refuse a gateway call while this thread has a database transaction open."""
    if db.in_transaction():
        raise CalledInsideTransaction(call=call)


@dataclass(frozen=True, slots=True)
class AccountState:
    """A connected account as Stripe sees it now.

    `due` and `past_due` are Stripe's own field paths; `fingerprint` identifies the bank account that pays out and is
    None while there is none.
    """

    account_id: str
    transfers_active: bool
    payouts_enabled: bool
    details_submitted: bool
    due: tuple[str, ...]
    past_due: tuple[str, ...]
    disabled_reason: str | None
    fingerprint: str | None
    bank_last4: str | None
    request_id: str | None = None
    country: str | None = None
    adviser_id: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A hosted payment page, with the money it brought once it is paid.

    `gross` and `fee` come from the charge's balance transaction and are None until there is one.
    """

    session_id: str
    status: str
    payment_status: str
    amount: Money
    reference: str | None
    url: str | None
    expires_at: datetime | None
    payment_intent: str | None = None
    charge_id: str | None = None
    balance_tx_id: str | None = None
    gross: Money | None = None
    fee: Money | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """What one attempt asks: this amount to that connected account, under the payout's group."""

    payout_id: UUID
    attempt: int
    amount: Money
    destination: str
    description: str

    @property
    def group(self) -> str:
        """Return the transfer group, the same for all attempts of a payout."""
        return transfer_group(self.payout_id)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that exists at Stripe: the money has moved."""

    transfer_id: str
    amount: Money
    reversed_amount: Money
    destination: str
    group: str | None
    destination_payment: str | None
    balance_tx_id: str | None
    created: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class BankPayout:
    """A payout from a connected account to its bank."""

    payout_id: str
    account_id: str
    status: str
    amount: Money
    created: datetime
    arrival_on: datetime | None
    failure_code: str | None


@dataclass(frozen=True, slots=True)
class StripeBalance:
    """The platform's balance in one currency; available is what may be transferred now."""

    available: Money
    pending: Money

    @property
    def total(self) -> Money:
        """Return available plus pending, the figure that the ledger has to equal."""
        return self.available + self.pending


@dataclass(frozen=True, slots=True)
class BalanceTx:
    """One movement of the platform's balance."""

    tx_id: str
    type: str
    reporting_category: str
    amount: Money
    fee: Money
    net: Money
    source_id: str | None
    created: datetime
    available_on: datetime
    description: str | None
    source: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """The few facts that a verified webhook gives; everything else is fetched again."""

    event_id: str
    type: str
    account: str | None
    object_id: str | None


class Gateway(Protocol):
    """The payment provider.

    Calls raise GatewayUnavailable (no effect), GatewayUncertain (perhaps), StoredFailure, Throttled, Rejected,
    GatewayDenied or KeyReused; CalledInsideTransaction when a database transaction is open.
    """

    def create_account(self, key: str, adviser_id: UUID, country: str, email: str) -> AccountState:
        """Create the connected account of an adviser."""

    def find_account(self, adviser_id: UUID, since: datetime) -> AccountState | None:
        """Return the account made for an adviser since then, when the answer to its creation was lost."""

    def account(self, account_id: str) -> AccountState:
        """Return the account as it is now."""

    def account_link(self, account_id: str, refresh_url: str, return_url: str) -> str:
        """Mint a single-use address where the adviser gives details to Stripe."""

    def create_checkout(
        self, key: str, funding_id: UUID, amount: Money, success_url: str, cancel_url: str
    ) -> CheckoutSession:
        """Open a hosted payment page for a funding."""

    def checkout(self, session_id: str) -> CheckoutSession:
        """Return a checkout session with its charge and balance transaction."""

    def create_transfer(self, key: str, order: TransferOrder) -> Transfer:
        """Move money to a connected account."""

    def transfers_in(self, group: str) -> list[Transfer]:
        """Return the transfers of a group, oldest first."""

    def bank_payout(self, account_id: str, payout_id: str) -> BankPayout:
        """Return a payout of a connected account."""

    def bank_payouts(self, account_id: str, since: datetime) -> list[BankPayout]:
        """Return the payouts that a connected account made since then, oldest first."""

    def bank_payout_sources(self, account_id: str, payout_id: str) -> list[str]:
        """Return the source ids of what went into a payout of a connected account."""

    def balances(self) -> dict[str, StripeBalance]:
        """Return the platform's balance per currency."""

    def balance_transactions(self, since: datetime | None) -> Iterator[BalanceTx]:
        """Yield the platform's balance transactions created since then (inclusive)."""

    def verify_webhook(self, payload: bytes, signature: str | None, secret: str) -> WebhookEvent:
        """Return the event of a signed webhook, or raise WebhookRefused."""


def transfer_group(payout_id: UUID) -> str:
    """Return the group under which Stripe files the transfers of a payout."""
    return f"payout_{payout_id}"


def transfer_key(payout_id: UUID, attempt: int) -> str:
    """Return the idempotency key of one attempt, derived from facts so that a dead process can repeat it."""
    return f"payout-{payout_id}-a{attempt}"
