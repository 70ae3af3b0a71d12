"""Idempotency keys behave as Stripe's v1 keys: replay, mismatch, in progress, expiry, what is remembered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Sandbox, until

Fund = Callable[..., stripe.checkout.Session]
FORM = "amount={cents}&currency=eur&destination={to}"


def pay(client: stripe.StripeClient, to: str, cents: int, key: str) -> stripe.Transfer:
    return client.v1.transfers.create(
        {"amount": cents, "currency": "eur", "destination": to}, {"idempotency_key": key}
    )


def test_a_repeated_key_replays_the_first_answer_byte_for_byte(
    sandbox: Sandbox, adviser: str, fund: Fund
) -> None:
    fund()
    body = FORM.format(cents=100, to=adviser).encode()
    first = sandbox.raw("POST", "/v1/transfers", body, Idempotency_Key="k")
    again = sandbox.raw("POST", "/v1/transfers", body, Idempotency_Key="k")
    assert first[2] == again[2]
    assert "Idempotent-Replayed" not in first[1]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert again[1]["Original-Request"] == first[1]["Request-Id"] != again[1]["Request-Id"]
    assert sandbox.ask("state")["counts"]["transfer"] == 1


def test_other_parameters_or_another_endpoint_under_a_key_are_refused(
    client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    made = pay(client, adviser, 100, "k")
    with pytest.raises(stripe.IdempotencyError):
        pay(client, adviser, 101, "k")
    with pytest.raises(stripe.IdempotencyError):
        client.v1.transfers.reversals.create(made.id, {"amount": 1}, {"idempotency_key": "k"})
    assert [t.amount for t in client.v1.transfers.list()] == [100]


def test_a_key_lives_for_a_virtual_day_and_then_pays_again(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    first = pay(client, adviser, 100, "k")
    sandbox.ask("clock", {"advance": "23h"})
    assert pay(client, adviser, 100, "k").id == first.id
    sandbox.ask("clock", {"advance": "61m"})
    # This is the classic double payout: the key was pruned, so the same call is a new one.
    assert pay(client, adviser, 100, "k").id != first.id


def test_the_life_of_a_key_can_be_set(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.ask("settings", {"idempotency_seconds": 60})
    first = pay(client, adviser, 100, "k")
    sandbox.ask("clock", {"advance": "2m"})
    assert pay(client, adviser, 100, "k").id != first.id


def test_keys_of_two_accounts_do_not_meet(client: stripe.StripeClient, adviser: str, fund: Fund) -> None:
    fund()
    pay(client, adviser, 1_000, "k")
    params: stripe.params.PayoutCreateParams = {"amount": 100, "currency": "eur"}
    ours = client.v1.payouts.create(params, {"idempotency_key": "p"})
    theirs = client.v1.payouts.create(params, {"idempotency_key": "p", "stripe_account": adviser})
    assert ours.id != theirs.id


def test_a_refusal_by_form_is_forgotten_and_one_by_balance_is_remembered(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    for bad in ("amount=1.5&currency=eur&destination=x", "currency=eur&destination=x"):
        assert sandbox.raw("POST", "/v1/transfers", bad.encode(), Idempotency_Key="form")[0] == 400
    with pytest.raises(stripe.InvalidRequestError, match="insufficient funds"):
        pay(client, adviser, 100, "poor")
    fund()
    assert pay(client, adviser, 100, "form").amount == 100
    # The endpoint had begun to execute, so Stripe replays the refusal although there is money by now.
    with pytest.raises(stripe.InvalidRequestError, match="insufficient funds") as again:
        pay(client, adviser, 100, "poor")
    assert again.value.code == "balance_insufficient"
    assert again.value.headers is not None
    assert again.value.headers["Idempotent-Replayed"] == "true"


def test_a_second_call_while_the_first_runs_is_409_and_pays_nothing(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("delay", seconds=1.5)
    made: list[str] = []
    slow = sandbox.client()
    thread = threading.Thread(target=lambda: made.append(pay(slow, adviser, 100, "k").id))
    thread.start()
    # The fault is used up the moment that the first call has begun to wait.
    until(lambda: not sandbox.ask("faults")["data"])
    time.sleep(0.1)
    with pytest.raises(stripe.APIError) as found:
        pay(client, adviser, 100, "k")
    thread.join()
    assert found.value.http_status == 409
    assert pay(client, adviser, 100, "k").id == made[0]
    assert sandbox.ask("state")["counts"]["transfer"] == 1


def test_twenty_at_once_under_one_key_make_one_transfer(sandbox: Sandbox, adviser: str, fund: Fund) -> None:
    fund()
    body = FORM.format(cents=100, to=adviser).encode()
    statuses: list[int] = []
    barrier = threading.Barrier(20)

    def go() -> None:
        barrier.wait()
        statuses.append(sandbox.raw("POST", "/v1/transfers", body, Idempotency_Key="k")[0])

    threads = [threading.Thread(target=go) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert sandbox.ask("state")["counts"]["transfer"] == 1


def test_a_key_longer_than_255_characters_is_refused(sandbox: Sandbox) -> None:
    status, _, body = sandbox.raw("POST", "/v1/transfers", b"amount=1", Idempotency_Key="k" * 256)
    assert status == 400
    assert "too long" in json.loads(body)["error"]["message"]
