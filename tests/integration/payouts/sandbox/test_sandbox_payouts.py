"""The bank leg: automatic payouts by the clock, manual ones, failures before and after paid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Sandbox

Fund = Callable[..., stripe.checkout.Session]
DAY = 86_400


def pay(client: stripe.StripeClient, to: str, cents: int) -> stripe.Transfer:
    return client.v1.transfers.create({"amount": cents, "currency": "eur", "destination": to})


def payouts(client: stripe.StripeClient, of: str) -> list[stripe.Payout]:
    return client.v1.payouts.list({"limit": 100}, {"stripe_account": of}).data


def events(client: stripe.StripeClient, of: str, like: str) -> list[stripe.Event]:
    found = client.v1.events.list({"type": like, "limit": 100}, {"stripe_account": of}).data
    return list(reversed(found))


def held(client: stripe.StripeClient, of: str) -> int:
    return client.v1.balance.retrieve({}, {"stripe_account": of}).available[0].amount


def test_the_clock_pays_out_every_day_what_is_available(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    pay(client, adviser, 1_000)
    pay(client, adviser, 500)
    sandbox.ask("clock", {"advance": "1d"})
    (first,) = payouts(client, adviser)
    assert (first.amount, first.automatic) == (1_500, True)
    assert first.status in ("pending", "in_transit")
    assert first.created % DAY == 0
    assert first.arrival_date == first.created + DAY
    assert held(client, adviser) == 0
    sandbox.ask("clock", {"advance": "2d"})
    (first,) = payouts(client, adviser)
    assert (first.status, first.reconciliation_status) == ("paid", "completed")
    names = [event.type for event in events(client, adviser, "payout.*")]
    assert names == ["payout.created", "payout.updated", "payout.paid", "payout.reconciliation_completed"]
    paid = events(client, adviser, "payout.paid")[0]
    assert (paid.account, paid.created) == (adviser, first.arrival_date)
    assert paid.data.object["id"] == first.id
    inside = client.v1.balance_transactions.list({"payout": first.id}, {"stripe_account": adviser}).data
    assert [t.net for t in inside] == [-1_500, 500, 1_000]
    pay(client, adviser, 70)
    sandbox.ask("clock", {"advance": "30d"})
    assert [(p.amount, p.status) for p in payouts(client, adviser)] == [(70, "paid"), (1_500, "paid")]


def test_no_automatic_payout_for_the_platform_nor_for_a_manual_account(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(10_000)
    client.v1.accounts.update(adviser, {"settings": {"payouts": {"schedule": {"interval": "manual"}}}})
    pay(client, adviser, 1_000)
    sandbox.ask("clock", {"advance": "40d"})
    assert payouts(client, adviser) == []
    assert client.v1.payouts.list().data == []


def test_a_weekly_schedule_pays_on_its_day(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    client.v1.accounts.update(
        adviser, {"settings": {"payouts": {"schedule": {"interval": "weekly", "weekly_anchor": "friday"}}}}
    )
    pay(client, adviser, 1_000)
    sandbox.ask("clock", {"advance": "8d"})
    (one,) = payouts(client, adviser)
    assert (one.created // DAY + 3) % 7 == 4  # The epoch was a Thursday; Monday is 0.


def test_a_manual_payout_goes_the_same_way_and_can_be_canceled_while_pending(
    sandbox: Sandbox, client: stripe.StripeClient, fund: Fund
) -> None:
    fund(10_000)
    before = client.v1.balance.retrieve().available[0].amount
    first = client.v1.payouts.create({"amount": 3_000, "currency": "eur", "statement_descriptor": "AANRADER"})
    second = client.v1.payouts.create({"amount": 1_000, "currency": "eur", "metadata": {"n": "2"}})
    assert client.v1.payouts.cancel(second.id).status == "canceled"
    assert client.v1.balance.retrieve().available[0].amount == before - 3_000
    with pytest.raises(stripe.InvalidRequestError, match="automatic payouts"):
        client.v1.balance_transactions.list({"payout": first.id})
    sandbox.ask("clock", {"advance": "2h"})
    assert client.v1.payouts.retrieve(first.id).status == "in_transit"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.cancel(first.id)
    sandbox.ask("clock", {"advance": "1d"})
    done = client.v1.payouts.retrieve(first.id, {"expand": ["balance_transaction", "destination"]})
    assert (done.status, done.reconciliation_status) == ("paid", "not_applicable")
    assert client.v1.payouts.list({"status": "canceled"}).data[0].id == second.id
    for change, code in (
        ({"amount": 99_999}, "balance_insufficient"),
        ({"statement_descriptor": "x" * 23}, None),
        ({"method": "instant"}, None),
    ):
        with pytest.raises(stripe.InvalidRequestError) as found:
            client.v1.payouts.create({"amount": 1, "currency": "eur", **change})  # type: ignore[typeddict-item]
        assert code is None or found.value.code == code


def test_a_failed_payout_brings_the_money_back_and_stops_until_there_is_a_new_bank_account(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    pay(client, adviser, 1_000)
    sandbox.act("payout.fail", account=adviser, code="no_account")
    sandbox.ask("clock", {"advance": "10d"})
    (failed,) = payouts(client, adviser)
    assert (failed.status, failed.failure_code) == ("failed", "no_account")
    assert failed.failure_message
    back = client.v1.balance_transactions.retrieve(
        str(failed.failure_balance_transaction), {}, {"stripe_account": adviser}
    )
    assert (back.type, back.net, back.source) == ("payout_failure", 1_000, failed.id)
    assert held(client, adviser) == 1_000
    assert client.v1.accounts.retrieve(adviser).payouts_enabled is False
    assert [e.type for e in events(client, adviser, "payout.*")][-1] == "payout.failed"
    sandbox.act("account.enable", account=adviser)
    sandbox.ask("clock", {"advance": "3d"})
    assert [(p.amount, p.status) for p in payouts(client, adviser)] == [(1_000, "paid"), (1_000, "failed")]
    assert held(client, adviser) == 0


def test_a_paid_payout_may_fail_days_later(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    pay(client, adviser, 1_000)
    sandbox.act("payout.paid_then_failed", account=adviser, code="account_closed", after="3d")
    sandbox.ask("clock", {"advance": "3d"})
    assert payouts(client, adviser)[0].status == "paid"
    sandbox.ask("clock", {"advance": "3d"})
    (now,) = payouts(client, adviser)
    assert (now.status, now.failure_code) == ("failed", "account_closed")
    names = [event.type for event in events(client, adviser, "payout.*")]
    assert names[-3:] == ["payout.paid", "payout.reconciliation_completed", "payout.failed"]
    assert held(client, adviser) == 1_000


def test_a_payout_can_be_failed_by_its_id_at_any_moment(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    pay(client, adviser, 1_000)
    sandbox.ask("clock", {"advance": "1d"})
    one = payouts(client, adviser)[0]
    assert sandbox.act("payout.paid_then_failed", payout=one.id, after="1h")["status"] == "paid"
    sandbox.ask("clock", {"advance": "2h"})
    assert payouts(client, adviser)[0].status == "failed"
    assert sandbox.refused("actions", {"action": "payout.fail", "payout": one.id}) == 400


def test_a_drained_platform_covers_only_what_is_left_and_a_topup_resumes(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(100_000)
    sandbox.act("balance.drain", leave=700)
    sent, refusals = 0, set()
    for _ in range(10):
        try:
            sent += pay(client, adviser, 100).amount
        except stripe.InvalidRequestError as problem:
            refusals.add(problem.code)
    assert (sent, refusals) == (700, {"balance_insufficient"})
    sandbox.act("balance.topup", amount=300)
    for _ in range(3):
        pay(client, adviser, 100)
    assert client.v1.balance.retrieve().available[0].amount == 0


def test_a_swapped_bank_account_is_seen_in_the_account_and_told(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str
) -> None:
    def bank() -> str:
        found = client.v1.accounts.retrieve(adviser).external_accounts
        assert found is not None
        return found.data[0].id

    before = bank()
    sandbox.act("account.swap_bank", account=adviser)
    assert bank() != before
    assert events(client, adviser, "account.external_account.created")[-1].data.object["id"] == bank()
