"""Which address of the API is answered by which function."""

from __future__ import annotations

from collections.abc import Callable

from payouts.sandbox import (
    accounts,
    balance,
    checkout,
    disputes,
    events,
    links,
    payments,
    payouts,
    refunds,
    reversals,
    topups,
    transfers,
)
from payouts.sandbox.errors import Body

Handler = Callable[..., Body]

GET: dict[str, Handler] = {
    "/v1/account": accounts.own,
    "/v1/accounts": accounts.list_,
    "/v1/accounts/<account_id>": accounts.retrieve,
    "/v1/balance": balance.retrieve,
    "/v1/balance_transactions": balance.transactions,
    "/v1/balance_transactions/<txn_id>": balance.transaction,
    "/v1/charges": payments.charges,
    "/v1/charges/<charge_id>": payments.charge,
    "/v1/checkout/sessions": checkout.list_,
    "/v1/checkout/sessions/<session_id>": checkout.retrieve,
    "/v1/checkout/sessions/<session_id>/line_items": checkout.line_items,
    "/v1/disputes": disputes.list_,
    "/v1/disputes/<dispute_id>": disputes.retrieve,
    "/v1/events": events.list_,
    "/v1/events/<event_id>": events.retrieve,
    "/v1/payment_intents": payments.intents,
    "/v1/payment_intents/<intent_id>": payments.intent,
    "/v1/payouts": payouts.list_,
    "/v1/payouts/<payout_id>": payouts.retrieve,
    "/v1/refunds": refunds.list_,
    "/v1/refunds/<refund_id>": refunds.retrieve,
    "/v1/topups": topups.list_,
    "/v1/topups/<topup_id>": topups.retrieve,
    "/v1/transfers": transfers.list_,
    "/v1/transfers/<transfer_id>": transfers.retrieve,
    "/v1/transfers/<transfer_id>/reversals": reversals.list_,
    "/v1/transfers/<transfer_id>/reversals/<reversal_id>": reversals.retrieve,
}
POST: dict[str, Handler] = {
    "/v1/account_links": links.create,
    "/v1/accounts": accounts.create,
    "/v1/accounts/<account_id>": accounts.update,
    "/v1/accounts/<account_id>/login_links": links.login,
    "/v1/checkout/sessions": checkout.create,
    "/v1/checkout/sessions/<session_id>/expire": checkout.expire,
    "/v1/payouts": payouts.create,
    "/v1/payouts/<payout_id>": payouts.update,
    "/v1/payouts/<payout_id>/cancel": payouts.cancel,
    "/v1/refunds": refunds.create,
    "/v1/transfers": transfers.create,
    "/v1/transfers/<transfer_id>": transfers.update,
    "/v1/transfers/<transfer_id>/reversals": reversals.create,
}
