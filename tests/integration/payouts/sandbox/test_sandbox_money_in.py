"""Onboarding and money in: account links, checkout, refunds, and the balance transactions they leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Sandbox

Fund = Callable[..., stripe.checkout.Session]


def refusal(call: Callable[[], object]) -> tuple[int | None, str | None, str | None]:
    """Status, code and param of a refused call."""
    with pytest.raises(stripe.InvalidRequestError) as found:
        call()
    return found.value.http_status, found.value.code, found.value.param


def pay(client: stripe.StripeClient, to: str, cents: int, **more: str) -> stripe.Transfer:
    return client.v1.transfers.create(
        {"amount": cents, "currency": "eur", "destination": to, **more}  # type: ignore[typeddict-item]
    )


def test_an_account_is_payable_only_after_onboarding(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    account = client.v1.accounts.create({"country": "NL", "capabilities": {"transfers": {"requested": True}}})
    assert account.capabilities is not None
    assert account.requirements is not None
    assert (account.capabilities.transfers, account.payouts_enabled) == ("inactive", False)
    assert "external_account" in (account.requirements.currently_due or [])
    link = client.v1.account_links.create(
        {
            "account": account.id,
            "refresh_url": "https://a.example/again",
            "return_url": "https://a.example/back",
            "type": "account_onboarding",
        }
    )
    assert sandbox.click(link.url) == (303, "https://a.example/back")
    now = client.v1.accounts.retrieve(account.id)
    assert now.capabilities is not None
    assert now.requirements is not None
    assert (now.capabilities.transfers, now.payouts_enabled, now.details_submitted) == ("active", True, True)
    assert now.requirements.currently_due == []
    assert now.external_accounts is not None
    assert len(now.external_accounts.data) == 1


def test_an_onboarding_link_works_once_and_for_minutes(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    account = client.v1.accounts.create({"country": "NL", "capabilities": {"transfers": {"requested": True}}})

    def link() -> str:
        return client.v1.account_links.create(
            {
                "account": account.id,
                "refresh_url": "https://a.example/again",
                "return_url": "https://a.example/back",
                "type": "account_onboarding",
            }
        ).url

    late = link()
    sandbox.ask("clock", {"advance": "10m"})
    assert sandbox.click(late) == (303, "https://a.example/again")
    assert client.v1.accounts.retrieve(account.id).details_submitted is False
    used = link()
    assert sandbox.click(used)[1] == "https://a.example/back"
    assert sandbox.click(used)[1] == "https://a.example/again"


def test_a_checkout_is_paid_once_however_often_the_button_is_pressed(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 12_345,
                        "product_data": {"name": "Budget"},
                    },
                    "quantity": 2,
                }
            ],
            "success_url": "https://a.example/ok?s={CHECKOUT_SESSION_ID}",
            "metadata": {"funding_id": "7"},
            "payment_intent_data": {"transfer_group": "fund_7", "metadata": {"funding_id": "7"}},
        }
    )
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 24_690)
    assert session.url is not None
    status, _, page = sandbox.raw("GET", session.url.removeprefix(sandbox.base))
    assert status == 200
    assert page.count(b"<button") == 1
    answers = {sandbox.click(session.url) for _ in range(3)}
    assert answers == {(303, f"https://a.example/ok?s={session.id}")}
    paid = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    )
    assert (paid.status, paid.payment_status) == ("complete", "paid")
    assert paid.metadata is not None
    assert paid.metadata.to_dict() == {"funding_id": "7"}
    intent = paid.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    movement = charge.balance_transaction
    assert isinstance(movement, stripe.BalanceTransaction)
    # 1.5 % of 246.90 is 370.35 cents; 25 cents are added to 370.
    assert (movement.amount, movement.fee, movement.net) == (24_690, 395, 24_295)
    assert charge.transfer_group == "fund_7"
    assert len(client.v1.charges.list().data) == 1
    assert client.v1.balance.retrieve().available[0].amount == movement.net


def test_a_checkout_expires_after_a_day_and_takes_no_money_then(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    def opened() -> stripe.checkout.Session:
        return client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "success_url": "https://a.example/ok",
                "line_items": [
                    {
                        "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "x"}},
                        "quantity": 1,
                    }
                ],
            }
        )

    first, second = opened(), opened()
    assert client.v1.checkout.sessions.expire(first.id).status == "expired"
    sandbox.ask("clock", {"advance": "25h"})
    assert client.v1.checkout.sessions.retrieve(second.id).status == "expired"
    assert {sandbox.click(str(first.url))[0], sandbox.click(str(second.url))[0]} == {410}
    assert client.v1.charges.list().data == []
    assert [s.id for s in client.v1.checkout.sessions.list({"status": "expired"})] == [second.id, first.id]


def test_balance_transactions_have_the_types_that_reconciliation_reads(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    session = fund(50_000)
    transfer = pay(client, adviser, 3_000)
    back = client.v1.transfers.reversals.create(transfer.id, {"amount": 1_000})
    charge = client.v1.charges.list({"payment_intent": str(session.payment_intent)}).data[0]
    client.v1.refunds.create({"charge": charge.id, "amount": 500})
    sandbox.act("balance.topup", amount=900)
    sandbox.act("balance.fee", amount=200)
    sandbox.act("charge.dispute", charge=charge.id)
    all_ = client.v1.balance_transactions.list({"limit": 100}).data
    assert [t.type for t in reversed(all_)] == [
        "charge",
        "transfer",
        "transfer_refund",
        "refund",
        "topup",
        "stripe_fee",
        "adjustment",
    ]
    assert [t.net for t in reversed(all_)] == [49_225, -3_000, 1_000, -500, 900, -200, -51_500]
    assert client.v1.balance_transactions.list({"source": back.id}).data[0].type == "transfer_refund"
    assert client.v1.balance_transactions.list({"type": "transfer"}).data[0].source == transfer.id
    assert client.v1.balance_transactions.list({"currency": "usd"}).data == []
    theirs = client.v1.balance_transactions.list({}, {"stripe_account": adviser}).data
    assert [(t.type, t.net) for t in theirs] == [("payment_refund", -1_000), ("payment", 3_000)]
    one = client.v1.balance_transactions.retrieve(all_[0].id, {"expand": ["source"]})
    assert isinstance(one.source, stripe.Dispute)


def test_money_is_pending_until_its_day_when_the_settings_say_so(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    sandbox.ask("settings", {"available_after_days": 7, "fee_basis_points": 0, "fee_fixed": 0})
    fund(10_000)
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 10_000)
    assert refusal(lambda: pay(client, adviser, 1))[1] == "balance_insufficient"
    assert client.v1.balance_transactions.list().data[0].status == "pending"
    sandbox.ask("clock", {"advance": "8d"})
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (10_000, 0)
    assert client.v1.balance_transactions.list().data[0].status == "available"
    assert "balance.available" in {e.type for e in client.v1.events.list()}


def test_a_refund_pays_back_at_most_what_is_left(client: stripe.StripeClient, fund: Fund) -> None:
    fund(20_000)
    intent = str(fund(10_000).payment_intent)
    assert client.v1.refunds.create({"payment_intent": intent, "amount": 4_000}).amount == 4_000
    assert (
        refusal(lambda: client.v1.refunds.create({"payment_intent": intent, "amount": 6_001}))[2] == "amount"
    )
    client.v1.refunds.create({"payment_intent": intent})
    assert (
        refusal(lambda: client.v1.refunds.create({"payment_intent": intent}))[1] == "charge_already_refunded"
    )
    assert {e.type for e in client.v1.events.list()} >= {"charge.refunded", "refund.created"}


def test_settings_of_an_account_and_its_dashboard(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str
) -> None:
    changed = client.v1.accounts.update(
        adviser, {"email": "kim@example.org", "settings": {"payouts": {"schedule": {"interval": "manual"}}}}
    )
    assert changed.settings is not None
    assert changed.settings.payouts is not None
    assert changed.settings.payouts.schedule.interval == "manual"
    link = client.v1.accounts.login_links.create(adviser)
    assert sandbox.raw("GET", link.url.removeprefix(sandbox.base))[0] == 200
    assert [a.id for a in client.v1.accounts.list()] == [adviser]
