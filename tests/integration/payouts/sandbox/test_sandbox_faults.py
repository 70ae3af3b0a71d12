"""Each fault does what it says, once as often as it was told, and money stays right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Sandbox

Fund = Callable[..., stripe.checkout.Session]


def pay(client: stripe.StripeClient, to: str, key: str = "k", cents: int = 100) -> stripe.Transfer:
    return client.v1.transfers.create(
        {"amount": cents, "currency": "eur", "destination": to, "transfer_group": "g"},
        {"idempotency_key": key},
    )


def made(client: stripe.StripeClient) -> int:
    return len(client.v1.transfers.list({"transfer_group": "g"}).data)


@pytest.mark.parametrize(("fault", "left_behind"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_call_has_done_nothing_or_everything_and_the_same_key_makes_it_one(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund, fault: str, left_behind: int
) -> None:
    fund()
    sandbox.fault(fault)
    with pytest.raises(stripe.APIConnectionError):
        pay(client, adviser)
    assert made(client) == left_behind
    again = pay(client, adviser)
    assert made(client) == 1
    assert client.v1.transfers.list().data[0].id == again.id


def test_the_library_gets_through_drops_by_itself_with_one_transfer(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("drop_after", times=2)
    assert pay(sandbox.client(retries=3), adviser).amount == 100
    assert made(client) == 1


def test_a_delay_longer_than_the_callers_patience_still_commits(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("delay", seconds=1)
    with pytest.raises(stripe.APIConnectionError):
        pay(sandbox.client(timeout=0.3), adviser)
    slow = sandbox.client(retries=5)
    assert pay(slow, adviser).amount == 100
    assert made(client) == 1


def test_409_says_that_the_key_is_in_use(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("409")
    with pytest.raises(stripe.APIError) as found:
        pay(client, adviser)
    assert (found.value.http_status, made(client)) == (409, 0)
    assert pay(client, adviser).amount == 100


@pytest.mark.parametrize(
    ("fault", "code", "retry"), [("429_lock", "lock_timeout", "true"), ("429_rate", "rate_limit", None)]
)
def test_429_comes_in_two_kinds_and_only_the_lock_may_be_retried_at_once(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    adviser: str,
    fund: Fund,
    fault: str,
    code: str,
    retry: str | None,
) -> None:
    fund()
    sandbox.fault(fault)
    with pytest.raises(stripe.RateLimitError) as found:
        pay(client, adviser)
    assert found.value.error is not None
    assert found.value.error.code == code
    assert (found.value.headers or {}).get("Stripe-Should-Retry") == retry
    assert made(client) == 0
    assert pay(client, adviser).amount == 100


@pytest.mark.parametrize("effect", [False, True])
def test_a_stored_500_is_replayed_for_the_keys_life_with_and_without_its_effect(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund, effect: bool
) -> None:
    fund()
    sandbox.fault("500_stored", effect=effect)
    for _ in range(3):
        with pytest.raises(stripe.APIError) as found:
            pay(client, adviser)
        assert found.value.http_status == 500
    assert made(client) == int(effect)
    sandbox.ask("clock", {"advance": "25h"})
    assert pay(client, adviser).amount == 100
    assert made(client) == 1 + int(effect)


def test_a_transient_500_is_not_remembered(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("500_transient")
    with pytest.raises(stripe.APIError):
        pay(client, adviser)
    assert made(client) == 0
    assert pay(client, adviser).amount == 100


def test_an_html_502_from_in_front_is_no_json_and_does_nothing(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("html_502", times=2)
    status, headers, body = sandbox.raw("POST", "/v1/transfers", b"amount=1")
    assert (status, headers["Content-Type"].partition(";")[0], b"nginx" in body) == (502, "text/html", True)
    with pytest.raises(stripe.APIError):
        pay(client, adviser)
    assert made(client) == 0


def test_a_fault_hits_the_nth_matching_call_only_as_often_as_told_and_can_be_cleared(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    sandbox.fault("500_transient", nth=2, times=2)
    outcome = []
    for n in range(5):
        try:
            pay(client, adviser, f"k{n}")
            outcome.append("ok")
        except stripe.APIError:
            outcome.append("500")
    assert outcome == ["ok", "500", "500", "ok", "ok"]
    sandbox.fault("500_transient", path="/v1/balance", method="GET", times=9)
    with pytest.raises(stripe.APIError):
        client.v1.balance.retrieve()
    assert client.v1.transfers.list().data
    assert len(sandbox.ask("state")["faults"]) == 1
    assert sandbox.ask("faults", method="DELETE")["cleared"] == 2
    assert client.v1.balance.retrieve().object == "balance"


def test_a_seed_draws_the_same_schedule_again(sandbox: Sandbox) -> None:
    first = sandbox.ask("faults", {"seed": 7, "count": 12})["data"]
    sandbox.ask("faults", method="DELETE")
    assert sandbox.ask("faults", {"seed": 7, "count": 12})["data"] == first
    assert len({each["fault"] for each in first}) > 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"fault": "explode"}),
        ("faults", {"fault": "delay", "seconds": "long"}),
        ("faults", {"fault": "duplicate", "copies": 0}),
        ("settings", {"webhook_account": "file:///etc/passwd"}),
        ("settings", {"webhook_account": "http://x:port/"}),
        ("faults", {"fault": "409", "times": 0}),
        ("faults", {"fault": "409", "match": []}),
        ("actions", {"action": "nothing"}),
        ("actions", {"action": "payout.fail"}),
        ("actions", {"action": "balance.topup", "amount": 1.5}),
        ("settings", {"colour": 1}),
        ("settings", {"fee_fixed": -1}),
        ("clock", {"advance": "soon"}),
        ("clock", {"to": "yesterday"}),
        ("clock", {}),
        ("clock", {"advance": "999999999w"}),
    ],
)
def test_wrong_control_calls_are_refused(sandbox: Sandbox, path: str, body: dict[str, object]) -> None:
    assert sandbox.refused(path, body) in (400, 404)


def test_a_body_beyond_a_megabyte_is_refused(sandbox: Sandbox) -> None:
    status, _, _ = sandbox.raw("POST", "/v1/transfers", b"a=" + b"x" * 1_000_001)
    assert status == 413


def test_the_clock_goes_forward_only_once_there_is_history(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str
) -> None:
    sandbox.ask("reset", {})
    past = sandbox.ask("clock", {"offset_seconds": -90 * 86_400})
    assert past["offset_seconds"] == -90 * 86_400
    made_then = client.v1.accounts.create({"country": "NL"})
    assert made_then.created is not None
    assert abs(made_then.created - past["now"]) < 5
    assert sandbox.refused("clock", {"offset_seconds": -91 * 86_400}) == 409
    assert sandbox.refused("clock", {"to": "2001-01-01T00:00:00Z"}) == 409
    now = sandbox.ask("clock", {"advance": "3d"})
    assert now["offset_seconds"] == -87 * 86_400
    assert sandbox.ask("clock")["offset_seconds"] == -87 * 86_400
