"""Every field of every call, attacked one at a time: a value that can't be right is refused by its name."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_input.sample_bodies import sample_bodies
from tests.integration.bad_input.siege import Siege, assert_refused, describe

# Values that no field of ours takes, whatever it holds.
NEVER: tuple[Any, ...] = ("a\x00b", "a\ud800", 1.5, {"$ne": ""}, [["x"]])
# Values that some fields may take; none may be an error of ours.
PERHAPS: tuple[Any, ...] = (
    None, "", " ", True, 0, -1, 2**31, 10**18, -(10**18), "\uff11\uff12", "-1.00", "1e400", "NaN", "9" * 40,
    "x" * 20_000, "\u202e", "%00", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "[]", [], {}, [None],
)  # fmt: skip
# A click token may be anything: one that can't be read never fails an order.
ANY_TEXT = "click_tokens"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a body, the containers too."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from leaves(part, (*path, name))


def planted(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return the body with another value at a path."""
    made = copy.deepcopy(body)
    place: Any = made
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return made


def at_home(siege: Siege, template: str) -> str:
    """Return a path template with ids of things that the owner, the adviser or finance has."""
    return template.format_map(siege.things)


def templates(siege: Siege) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every unsafe call that OpenAPI describes."""
    paths = siege.ask("GET", "/api/openapi.json").get_json()["paths"]
    return {
        (method.upper(), path.removeprefix("/api/v1")): operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in ("post", "patch", "put", "delete")
    }


def test_every_described_body_has_a_sample_here(siege: Siege) -> None:
    described = {
        call
        for call, operation in templates(siege).items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert described == set(sample_bodies(siege))


def attack(siege: Siege, values: tuple[Any, ...], *, each_place: int | None = None) -> dict[int, int]:
    """Plant each value at each place of each body; return how often each status came.

    each_place: how many of the values each place gets, in turn; None for all of them.
    """
    turns = itertools.cycle(values)
    statuses: dict[int, int] = {}
    before = siege.fingerprint()
    for (method, template), (name, body) in sample_bodies(siege).items():
        refused = 0
        if values is PERHAPS and template.endswith("/revoke-everywhere"):
            continue  # Its one field may be true, which would send everybody of this test away.
        for path in leaves(body):
            for value in itertools.islice(turns, each_place or len(values)):
                if path[0] == ANY_TEXT and len(path) > 1 and isinstance(value, str):
                    continue
                answer = siege.ask(
                    method, at_home(siege, template), siege.people[name], json=planted(body, path, value)
                )
                where = f"{path} = {str(value)[:40]!r}: {describe(answer)}"
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, where
                if answer.status_code < 400:
                    assert values is PERHAPS, where
                    before = siege.fingerprint()
                    continue
                refused += 1
                problem = assert_refused(answer)
                if values is NEVER:
                    # The other fields are right, so the attacked one is what is refused, by its name.
                    assert answer.status_code == 422, where
                    assert {str(field).split(".")[0] for field in problem["errors"]} <= {
                        path[0],
                        "_body",
                    }, where
        after = siege.fingerprint() if refused else before
        moved = [table for table in after if after[table] != before[table]]
        assert not moved, f"refusals of {method} {template} changed {moved}"
    return statuses


def test_a_value_that_no_field_takes_is_refused_by_name_in_every_field(siege: Siege) -> None:
    assert set(attack(siege, NEVER, each_place=1)) == {422}


@pytest.mark.slow
def test_every_value_that_no_field_takes_is_refused_by_name_in_every_field(siege: Siege) -> None:
    assert set(attack(siege, NEVER)) == {422}


def test_an_id_in_any_form_but_its_own_is_refused(unmoved: Siege) -> None:
    tried = 0
    for (method, template), (name, body) in sample_bodies(unmoved).items():
        for field, value in body.items():
            if value not in unmoved.things.values():
                continue
            wide = value.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
            for form in (
                f"{{{value}}}",
                f"urn:uuid:{value}",
                value.replace("-", ""),
                wide,
                f" {value}",
                value + "\n",
                1,
                "1",
            ):
                answer = unmoved.ask(
                    method, at_home(unmoved, template), unmoved.people[name], json=body | {field: form}
                )
                assert list(assert_refused(answer, 422)["errors"]) == [field]
                tried += 1
    assert tried > 60


@pytest.mark.slow
def test_odd_values_in_any_field_are_taken_or_refused_and_never_an_error_of_ours(siege: Siege) -> None:
    statuses = attack(siege, PERHAPS)
    assert statuses[422] > 500


def test_names_of_columns_are_never_taken_as_fields(unmoved: Siege) -> None:
    siege = unmoved
    columns = {
        row["name"]
        for row in siege.mine.rows(
            "SELECT DISTINCT column_name AS name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    } | {"is_staff", "is_admin", "actor", "roles", "__class__", "__proto__", "constructor"}
    assert len(columns) > 200
    samples = sample_bodies(siege)
    for (method, template), operation in templates(siege).items():
        if "/feeds" in template or template.startswith("/webhooks") or template == "/pictures":
            continue
        name, body = samples.get((method, template), (_who(operation, template), {}))
        extra = {column: "x" for column in columns if column not in body}
        answer = siege.ask(method, at_home(siege, template), siege.people[name], json=body | extra)
        problem = assert_refused(answer, 422)
        missing = set(extra) - set(problem["errors"])
        # Optional fields that a sample leaves out are the only names of columns that are fields too.
        assert not missing - {"minimum", "maximum", "order_ref"}, (template, sorted(missing)[:9])


_ACTS_OF_ADVISERS = ("/accept", "/leave", "/disable", "/enable", "/withdraw")


def _who(_operation: dict[str, Any], template: str) -> str:
    """Return who may call an action that has no body."""
    if template.startswith(("/runs", "/reconciliation", "/payout-freeze")):
        return "finance"
    if template == "/evidence/{evidence_id}/review":
        return "admin"
    if template.startswith("/domains"):
        return "owner"
    own = template.startswith(("/pictures", "/saved-answers", "/advice-pages"))
    return "adviser" if own or template.endswith(_ACTS_OF_ADVISERS) else "owner"
