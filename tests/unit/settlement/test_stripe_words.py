"""Stripe's units and refusals in our words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.errors import GatewayUnavailable, GatewayUncertain, InvariantViolation
from marketplace.core.money import Money
from payouts.settlement import accounts, stripe_units
from payouts.settlement.gateway import GatewayDenied, KeyReused, Rejected, StoredFailure, Throttled
from payouts.settlement.pace import Pace
from payouts.settlement.stripe_refusals import Failure, refusal


def failure(status: int | None, reason: str | None = None, **changes: object) -> Failure:
    facts: dict[str, object] = {
        "kind": None,
        "message": "",
        "request_id": "req_1",
        "replay_is_final": False,
        "writes": True,
    }
    return Failure(status=status, reason=reason, **(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (failure(None), GatewayUncertain),
        (failure(None, writes=False), GatewayUnavailable),
        (failure(409, "idempotency_key_in_use", kind="idempotency_error"), Throttled),
        (failure(429, "lock_timeout"), Throttled),
        (failure(429, "rate_limit"), Throttled),
        (failure(400, "rate_limit"), Throttled),
        (failure(400, kind="idempotency_error"), KeyReused),
        (failure(400, "balance_insufficient"), Rejected),
        (failure(402, "card_declined"), Rejected),
        (failure(404, "resource_missing"), Rejected),
        (failure(401), GatewayDenied),
        (failure(403), GatewayDenied),
        (failure(403, "account_invalid"), Rejected),
        (failure(500), StoredFailure),
        (failure(503, replay_is_final=True), StoredFailure),
        (failure(502), GatewayUncertain),
        (failure(500, writes=False), GatewayUnavailable),
    ],
)
def test_every_failure_has_its_name(seen: Failure, named: type[Exception]) -> None:
    assert type(refusal(seen)) is named


def test_a_stored_failure_is_uncertain_and_a_reused_key_is_a_bug() -> None:
    assert issubclass(StoredFailure, GatewayUncertain)
    assert issubclass(KeyReused, InvariantViolation)


@pytest.mark.parametrize(
    ("minor", "currency", "units"),
    [(12900, "EUR", 12900), (129, "JPY", 129), (5, "ISK", 500), (7, "UGX", 700), (1230, "KWD", 1230)],
)
def test_stripe_units(minor: int, currency: str, units: int) -> None:
    assert stripe_units.to_stripe(Money(minor, currency)) == units
    assert stripe_units.from_stripe(units, currency.lower()) == Money(minor, currency)


def test_what_stripe_cannot_move_is_refused() -> None:
    with pytest.raises(stripe_units.AmountNotPayable):
        stripe_units.to_stripe(Money(1234, "KWD"))
    with pytest.raises(InvariantViolation):
        stripe_units.from_stripe(550, "ISK")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "HUF", "ISK", "UGX", "TWD"]))
def test_units_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert stripe_units.from_stripe(stripe_units.to_stripe(money), currency) == money


def test_missing_details_are_told_in_plain_words_once() -> None:
    fields = [
        "individual.dob.day",
        "individual.dob.month",
        "external_account",
        "individual.verification.document",
    ]
    assert accounts.missing_words(fields) == [
        "your date of birth",
        "your bank account",
        "a document that proves who you are",
    ]
    assert accounts.missing_words(["brand_new.field_of_stripe"]) == ["brand new, field of stripe"]


def test_pace_spreads_calls_evenly() -> None:
    time, slept = [0], list[int]()

    def sleep(nanoseconds: int) -> None:
        slept.append(nanoseconds)
        time[0] += nanoseconds

    pace = Pace(20, clock=lambda: time[0], sleep=sleep)
    for _ in range(21):
        pace.wait()
    assert time[0] == 1_000_000_000
    assert len(slept) == 20
