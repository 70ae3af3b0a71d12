"""The description of the API is true: whatever it allows or forbids is sent, and every answer is as described.

Schemathesis makes the requests from the description, seeded, so that every run sends the same. They go to the
application in this process, as strangers and as people with and without the right.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from marketplace.core import jobs
from tests.integration.bad_input.conftest import siege
from tests.integration.bad_input.conftest import siege_of_its_own as standing_siege
from tests.integration.bad_input.siege import Person, Siege

# Requests at random close accounts, end keys and pause shops.
__all__ = ["siege", "standing_siege"]

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ACTORS = ("anonymous", "owner", "shop_key", "adviser", "finance", "admin")


@pytest.fixture
def described(siege: Siege) -> Any:
    """The API as its description says."""
    return schemathesis.openapi.from_wsgi("/api/openapi.json", siege.app)


def awake(siege: Siege, name: str) -> Person:
    """Return somebody whose sign-in still counts; one that an earlier request ended is made anew."""
    person = siege.people[name]
    if name != "anonymous" and siege.ask("GET", "/me", person).status_code == 401:
        if name in ("finance", "admin"):
            siege.people[name] = siege.staff(name)
        else:
            who = {"owner": siege.mine.world.owner, "adviser": siege.mine.anne.actor}
            siege.mine.execute("UPDATE user_account SET suspended_at = NULL")
            if name == "shop_key":
                siege.people[name] = Person(name, siege.key(siege.mine.world.owner, "shop"))
            else:
                siege.people[name] = Person(name, siege.mine.sign_in(who[name]))
    return siege.people[name]


def attack(siege: Siege, described: Any, examples: int) -> tuple[Counter[int], list[str]]:
    """Send twice so many requests to each call, half of them right; return how often each status came, and lies."""
    statuses: Counter[int] = Counter()
    lies: list[str] = []
    for result in described.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            draw = random.Random(f"{operation.label} {mode}")

            @hypothesis.settings(
                max_examples=examples,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                person = awake(siege, draw.choice(ACTORS))  # noqa: B023 - used before the next round begins.
                for name in case.path_parameters or {}:
                    if name in siege.things and draw.random() < 0.8:  # noqa: B023
                        case.path_parameters[name] = siege.things[name]
                jobs.connection().flushall()
                response = case.call(headers=person.headers)
                statuses[response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

            try:
                send()
            except FailureGroup as found:
                lies.extend(f"{operation.label}: {one}" for one in found.exceptions)
    return statuses, lies


def test_every_call_answers_as_the_description_says(siege: Siege, described: Any) -> None:
    statuses, lies = attack(siege, described, 1)
    assert not lies, "\n".join(lies)
    assert sum(statuses.values()) > 200


@pytest.mark.slow
def test_every_call_answers_as_the_description_says_at_length(siege: Siege, described: Any) -> None:
    statuses, lies = attack(siege, described, 25)
    assert not lies, "\n".join(lies)
    assert statuses.keys() >= {200, 201, 202, 401, 403, 404, 409, 422}, statuses
