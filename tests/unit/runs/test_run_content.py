"""Who is in a run and why not, and the hash that the second person repeats."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest

from marketplace.core.money import Money
from payouts.runs import content
from payouts.runs.content import Candidate

RUN = uuid.UUID(int=7)


def candidate(number: int = 1, **changes: Any) -> Candidate:
    facts: dict[str, Any] = {
        "adviser_id": uuid.UUID(int=number),
        "amount": Money(2500, "EUR"),
        "lines": 2,
        "digest": "d",
        "owed": Money.zero("EUR"),
        "state": "active",
        "blocked": None,
        "destination": f"acct_{number}",
        "fingerprint": "f",
    }
    return Candidate(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"amount": Money(2499, "EUR")}, "below_minimum"),
        ({"amount": Money(2499, "EUR"), "state": "closing"}, None),
        ({"amount": Money(0, "EUR")}, "nothing"),
        ({"amount": Money(-5, "EUR")}, "nothing"),
        ({"state": "banned"}, "banned"),
        ({"owed": Money(1, "EUR")}, "receivable"),
        ({"blocked": "cooling_off"}, "cooling_off"),
        ({"blocked": "no_payout_account", "amount": Money(100, "EUR")}, "no_payout_account"),
    ],
)
def test_one_reason_each(changes: dict[str, Any], reason: str | None) -> None:
    assert content.exclusion(candidate(**changes)) == reason


def test_minimum_is_25_whole_units_of_the_currency() -> None:
    assert content.minimum("EUR") == Money(2500, "EUR")
    assert content.minimum("JPY") == Money(25, "JPY")


def test_order_of_facts_does_not_change_the_hash() -> None:
    some = [candidate(1), candidate(2), candidate(3, blocked="account_not_ready")]
    one, other = content.decide(RUN, "EUR", some), content.decide(RUN, "EUR", reversed(some))
    assert one.content_hash == other.content_hash
    assert one.total == Money(5000, "EUR")
    assert [reason for _, reason in one.excluded] == ["account_not_ready"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(2501, "EUR")},
        {"digest": "e"},
        {"destination": "acct_9"},
        {"fingerprint": "g"},
        {"adviser_id": uuid.UUID(int=99)},
    ],
)
def test_everything_that_is_paid_is_in_the_hash(changes: dict[str, Any]) -> None:
    before = content.decide(RUN, "EUR", [candidate()])
    after = content.decide(RUN, "EUR", [dataclasses.replace(candidate(), **changes)])
    assert before.content_hash != after.content_hash
    assert before.content_hash != content.decide(uuid.UUID(int=8), "EUR", [candidate()]).content_hash


def test_who_is_left_out_does_not_make_a_run_stale() -> None:
    before = content.decide(RUN, "EUR", [candidate(1)])
    after = content.decide(RUN, "EUR", [candidate(1), candidate(2, amount=Money(1, "EUR"))])
    assert before.content_hash == after.content_hash


def test_what_changed_is_said_in_sentences() -> None:
    before = content.decide(RUN, "EUR", [candidate(1), candidate(2)]).as_json()
    after = content.decide(
        RUN, "EUR", [candidate(1, amount=Money(3000, "EUR")), candidate(2, state="banned"), candidate(3)]
    ).as_json()
    said = content.differences(before, after)
    assert said == [
        f"adviser {uuid.UUID(int=2)} is left out now: banned",
        f"adviser {uuid.UUID(int=3)} is paid now: 25.00",
        f"adviser {uuid.UUID(int=1)}: 25.00 became 30.00",
    ]
