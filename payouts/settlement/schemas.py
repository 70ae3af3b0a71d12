"""What the routes of settlement take and give."""

from __future__ import annotations

import marshmallow as ma

from marketplace.core import schemas
from marketplace.core.money import Money

LARGEST_PAYMENT_MINOR = (
    99_999_999  # Stripe takes at most eight digits, and says so only once a row is written.
)
# One connected account belongs to an adviser, and a second one in another currency would be the same account at Stripe.
PAYOUT_CURRENCY = "EUR"


def _payable_at_once(amount: Money) -> None:
    if amount.minor > LARGEST_PAYMENT_MINOR:
        raise ma.ValidationError(f"One payment is at most {Money(LARGEST_PAYMENT_MINOR, amount.currency)}.")


class FundingRequest(schemas.Schema):
    """How much a shop wants to pay in; `shop_id` only when the actor has several shops."""

    amount = schemas.MoneyField(required=True, positive=True, validate=_payable_at_once)
    shop_id = schemas.Uuid(load_default=None, allow_none=True)


class FundingOpened(schemas.Schema):
    """A funding and the hosted page where it is paid."""

    id = schemas.Uuid(required=True)
    url = ma.fields.String(required=True)
    state = ma.fields.String(required=True)
    amount = schemas.MoneyField(required=True)


def _paid_out(currency: str) -> None:
    if currency != PAYOUT_CURRENCY:
        raise ma.ValidationError("Payouts are made in EUR.")


class PayoutAccountRequest(schemas.Schema):
    """In which currency the adviser wants to be paid: one connected account serves them, and it is paid in one."""

    currency = schemas.Currency(load_default=PAYOUT_CURRENCY, validate=[_paid_out])


class PayoutAccountLink(schemas.Schema):
    """A single-use address at Stripe, valid for minutes."""

    url = ma.fields.String(required=True)


class PayoutAccountState(schemas.Schema):
    """Whether an adviser can be paid, and if not, what is missing in plain words."""

    currency = ma.fields.String(required=True)
    state = ma.fields.String(required=True)
    missing = ma.fields.List(ma.fields.String(), required=True)
    blocked_by = ma.fields.String(required=True, allow_none=True)
    destination_last4 = ma.fields.String(required=True, allow_none=True)
    changed_at = schemas.Instant(required=True, allow_none=True)
    cooling_until = schemas.Instant(required=True, allow_none=True)
    checked_at = schemas.Instant(required=True, allow_none=True)


class WebhookAnswer(schemas.Schema):
    """That the event is stored; `new` is false when it was here already."""

    received = ma.fields.Boolean(required=True)
    new = ma.fields.Boolean(required=True)
