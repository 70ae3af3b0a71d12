"""Webhooks are hints: only signed bytes are stored, once, and what they mean is fetched."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
import sqlalchemy as sa

from marketplace.core import clock
from payouts.settlement import registration
from payouts.settlement.models import StripeEvent
from tests.integration.payouts.sandbox.sandbox_process import SECRETS
from tests.integration.payouts.settling import World, slowly


def sign(secret: str, body: bytes, stamp: int | None = None) -> str:
    """Return the header that Stripe would send."""
    stamp = int(time.time()) if stamp is None else stamp
    return (
        f"t={stamp},v1={hmac.new(secret.encode(), f'{stamp}.'.encode() + body, hashlib.sha256).hexdigest()}"
    )


def event(**changes: object) -> bytes:
    """Return an event as Stripe writes it."""
    body: dict[str, object] = {
        "id": "evt_1",
        "object": "event",
        "type": "payout.paid",
        "livemode": False,
        "account": "acct_unknown",
        "data": {"object": {"id": "po_1", "object": "payout"}},
    }
    return json.dumps(body | changes).encode()


def stored(world: World) -> list[StripeEvent]:
    """Return every stored event."""
    return world.read(lambda session: list(session.scalars(sa.select(StripeEvent).order_by(StripeEvent.id))))


def test_the_same_id_at_the_other_endpoint_is_another_event(world: World) -> None:
    body = event()
    for source in ("account", "connect"):
        assert world.post_webhook(f"/{source}", body, sign(SECRETS[source], body)) == 200
    assert len(stored(world)) == 2


RUBBISH = (b"", b"[]", b"{}", b"\xff\xfe", b'{"object": "event"}', b"null", b"[" * 5000)


def test_signed_rubbish_is_400(world: World) -> None:
    for body in RUBBISH:
        assert world.post_webhook("/account", body, sign(SECRETS["account"], body)) == 400, body[:40]
    assert stored(world) == []


def test_a_body_beyond_the_limit_is_413(world: World) -> None:
    body = event(padding="x" * 1_000_001)
    assert world.post_webhook("/connect", body, sign(SECRETS["connect"], body)) == 413
    assert stored(world) == []


@pytest.mark.parametrize("fault", ["duplicate", "bad_signature", *slowly("none", "reorder")])
def test_a_changed_account_is_fetched_again_whatever_the_delivery(world: World, fault: str) -> None:
    adviser = world.adviser()
    account = world.account_of(adviser.id)
    world.deliver()
    world.handle()
    if fault != "none":
        world.sandbox.ask("faults", {"match": {"type": "account.*"}, "fault": fault, "times": 3})
    world.sandbox.act("account.swap_bank", account=account.stripe_account_id)
    world.sandbox.act("account.disable", account=account.stripe_account_id)
    statuses = world.deliver()
    assert set(statuses) == ({400} if fault == "bad_signature" else {200})
    world.handle()
    if fault == "bad_signature":
        # Nothing that counts came, so the sweep finds it.
        assert world.account_of(adviser.id).state == "ready"
        world.advance(hours=25)
        world.play("worker")
        assert registration.look_at_accounts() == 1
        assert registration.look_at_accounts() == 0
    row = world.account_of(adviser.id)
    assert row.state == "disabled"
    assert row.destination_fingerprint != account.destination_fingerprint
    assert row.cooling_until is not None
    assert row.cooling_until > clock.now()
