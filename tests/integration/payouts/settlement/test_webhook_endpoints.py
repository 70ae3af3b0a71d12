"""Webhooks are hints: only signed bytes are stored, once, and what they mean is fetched."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import time

import pytest
import sqlalchemy as sa

from marketplace.core import clock, config
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


def test_a_signed_event_is_stored_once_byte_for_byte_and_an_unknown_object_is_parked(world: World) -> None:
    body = event()
    for _ in range(3):
        assert world.post_webhook("/connect", body, sign(SECRETS["connect"], body)) == 200
    [row] = stored(world)
    assert row.payload == body
    assert (row.source, row.event_id, row.handled_at) == ("connect", "evt_1", None)
    assert world.handle() == 1
    [row] = stored(world)
    assert row.outcome == "parked"
    assert world.handle() == 0


def test_the_same_id_at_the_other_endpoint_is_another_event(world: World) -> None:
    body = event()
    for source in ("account", "connect"):
        assert world.post_webhook(f"/{source}", body, sign(SECRETS[source], body)) == 200
    assert len(stored(world)) == 2


@pytest.mark.parametrize(
    "breach",
    ["no signature", "rubbish", "other secret", "other endpoint", "stale", "future", "altered", "live"],
)
def test_forged_webhooks_are_400_and_leave_no_row(world: World, breach: str) -> None:
    body, now = event(), int(time.time())
    secret = SECRETS["connect"]
    header: str | None = sign(secret, body)
    if breach == "no signature":
        header = None
    elif breach == "rubbish":
        header = "t=abc,v1=\x01"
    elif breach == "other secret":
        header = sign("whsec_of_somebody_else", body)
    elif breach == "other endpoint":
        header = sign(SECRETS["account"], body)
    elif breach == "stale":
        header = sign(secret, body, now - 301)
    elif breach == "altered":
        body = body.replace(b"po_1", b"po_2")
    elif breach == "live":
        body = event(livemode=True)
        header = sign(secret, body)
    elif breach == "future":
        # Stripe's verifier bounds only the past, and so do we: a stamp ahead still needs the secret.
        header = sign("whsec_of_somebody_else", body, now + 10_000)
    assert world.post_webhook("/connect", body, header) == 400
    assert stored(world) == []


RUBBISH = (b"", b"[]", b"{}", b"\xff\xfe", b'{"object": "event"}', b"null", b"[" * 5000)


def test_signed_rubbish_is_400(world: World) -> None:
    for body in RUBBISH:
        assert world.post_webhook("/account", body, sign(SECRETS["account"], body)) == 400, body[:40]
    assert stored(world) == []


def test_an_empty_secret_accepts_nothing(world: World) -> None:
    config.use(dataclasses.replace(config.current(), stripe_webhook_secret_connect=""))
    body = event()
    assert world.post_webhook("/connect", body, sign("", body)) == 400
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
