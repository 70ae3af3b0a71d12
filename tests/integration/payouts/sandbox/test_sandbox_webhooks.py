"""Webhooks: signed, verified by Stripe's own verifier, repeated until taken, and misbehaving on request."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import SECRETS, Description, Receiver, Sandbox, until

Fund = Callable[..., stripe.checkout.Session]


@pytest.fixture(autouse=True)
def subscribed(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.ask("settings", receiver.urls())


def topup(sandbox: Sandbox, amount: int = 1) -> None:
    sandbox.act("balance.topup", amount=amount)


def pending(sandbox: Sandbox) -> int:
    found: int = sandbox.ask("state")["webhooks_pending"]
    return found


def settled(sandbox: Sandbox) -> None:
    until(lambda: pending(sandbox) == 0)


def test_platform_and_connected_events_go_to_their_own_endpoint_with_their_own_secret(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    receiver: Receiver,
    adviser: str,
    fund: Fund,
    description: Description,
) -> None:
    fund()
    client.v1.transfers.create({"amount": 100, "currency": "eur", "destination": adviser})
    # Objects are stamped far ahead, but signatures carry wall time: the verifier accepts them.
    sandbox.ask("clock", {"advance": "40d"})
    settled(sandbox)
    seen: dict[str, set[str]] = {"/account": set(), "/connect": set()}
    for path, header, body in receiver.got:
        event = client.construct_event(body, header, SECRETS[path[1:]], tolerance=60)
        description.check(event.to_dict(), event.type)
        seen[path].add(event.type)
        assert (getattr(event, "account", None) == adviser) == (path == "/connect")
        with pytest.raises(stripe.SignatureVerificationError):
            client.construct_event(body, header, SECRETS["connect" if path == "/account" else "account"])
        # The verifier accepts a stamp from the future, so the stamp itself is looked at too.
        assert abs(int(header[2:].partition(",")[0]) - time.time()) < 60
    assert seen["/account"] >= {
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "transfer.created",
    }
    assert seen["/connect"] >= {"account.updated", "payment.created", "payout.created", "payout.paid"}
    assert all(event.pending_webhooks == 0 for event in client.v1.events.list({"limit": 100}))


def test_a_refusing_receiver_is_asked_again_until_it_takes_it(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answers = [500, 404, 302]
    topup(sandbox)
    until(lambda: len(receiver.got) == 4)
    settled(sandbox)
    assert len({body for _, _, body in receiver.got}) == 1
    assert sandbox.ask("webhooks")["data"][0]["attempts"] == 4


def test_a_dead_receiver_catches_up_when_it_is_back(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.close()
    for n in range(5):
        topup(sandbox, n + 1)
    assert pending(sandbox) == 5
    again = Receiver()
    try:
        sandbox.ask("settings", again.urls())
        assert sandbox.ask("webhooks/flush", {})["accepted"] == 5
        assert [event["data"]["object"]["amount"] for event in again.events()] == [1, 2, 3, 4, 5]
        assert pending(sandbox) == 0
    finally:
        again.close()
        # The fixture closes a receiver that is closed already, which harms nothing.


def test_duplicate_sends_the_same_event_twice(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.ask("faults", {"match": {"type": "topup.*"}, "fault": "duplicate"})
    topup(sandbox)
    topup(sandbox)
    until(lambda: len(receiver.got) == 3)
    settled(sandbox)
    ids = [event["id"] for event in receiver.events()]
    assert len(ids) == 3
    assert len(set(ids)) == 2


def test_reorder_delivers_an_event_after_its_successor(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.ask("faults", {"match": {"type": "topup.*"}, "fault": "reorder"})
    topup(sandbox, 1)
    topup(sandbox, 2)
    settled(sandbox)
    assert [event["data"]["object"]["amount"] for event in receiver.events()] == [2, 1]


def test_reorder_without_a_successor_is_only_late(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.ask("faults", {"match": {"type": "topup.*"}, "fault": "reorder"})
    topup(sandbox)
    assert sandbox.ask("webhooks/flush", {})["accepted"] == 1
    assert len(receiver.got) == 1


def test_a_lost_event_never_comes_is_not_pending_is_in_the_list_and_can_be_resent(
    sandbox: Sandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    sandbox.ask("faults", {"match": {"type": "topup.succeeded"}, "fault": "lose"})
    topup(sandbox)
    sandbox.ask("webhooks/flush", {})
    state = sandbox.ask("state")
    assert (state["webhooks_pending"], state["webhooks"]["lost"]) == (0, 1)
    time.sleep(0.3)
    assert receiver.got == []
    event = client.v1.events.list({"types": ["topup.succeeded"]}).data[0]
    sandbox.act("webhook.resend", event=event.id)
    until(lambda: receiver.got)
    assert receiver.events()[0]["id"] == event.id


def test_a_delayed_event_waits_for_virtual_time(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.ask("faults", {"match": {"type": "topup.succeeded"}, "fault": "delay", "seconds": 3 * 86_400})
    topup(sandbox)
    assert sandbox.ask("webhooks/flush", {})["accepted"] == 0
    state = sandbox.ask("state")
    assert (state["webhooks_pending"], state["webhooks"]["held"]) == (0, 1)
    sandbox.ask("clock", {"advance": "3d"})
    until(lambda: len(receiver.got) == 1)


def test_a_bad_signature_fails_the_verifier_once_and_the_retry_is_good(
    sandbox: Sandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    sandbox.ask("faults", {"match": {"type": "*"}, "fault": "bad_signature"})
    receiver.answers = [400]
    topup(sandbox)
    until(lambda: len(receiver.got) == 2)
    (_, forged, body), (_, good, _) = receiver.got
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body, forged, SECRETS["account"])
    assert client.construct_event(body, good, SECRETS["account"]).type == "topup.succeeded"


def test_events_are_listed_for_backfill_by_type_and_time(
    sandbox: Sandbox, client: stripe.StripeClient, adviser: str, fund: Fund
) -> None:
    fund()
    start = sandbox.ask("clock", {"advance": "1h"})["now"]
    client.v1.transfers.create(
        {"amount": 100, "currency": "eur", "destination": adviser}, {"idempotency_key": "the-key"}
    )
    late = client.v1.events.list({"created": {"gte": start}}).data
    assert [event.type for event in late] == ["transfer.created"]
    assert late[0].request is not None
    assert late[0].request.idempotency_key == "the-key"
    assert client.v1.events.retrieve(late[0].id).id == late[0].id
    types = client.v1.events.list({"types": ["charge.succeeded", "transfer.created"]}).data
    assert [event.type for event in types] == ["transfer.created", "charge.succeeded"]
