"""The same request twenty times at one moment: it happens once, and nobody gets an error of ours."""

from __future__ import annotations

import collections
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from marketplace.core import clock
from tests.integration.bad_input.conftest import siege_of_its_own as standing_siege
from tests.integration.bad_input.siege import PASSWORD, Person, Siege, assert_refused, describe, line, money

# The owner becomes an adviser here, who may see the open products of others.
__all__ = ["standing_siege"]

CALLERS = 20


def at_once(siege: Siege, method: str, path: str, who: Person, bodies: list[Any]) -> list[Any]:
    """Send all bodies in threads that start together; every answer is a success or a refusal in the one shape."""
    gate = threading.Barrier(len(bodies))

    def run(body: Any) -> Any:
        gate.wait()
        return siege.ask(method, path, who, json=body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(run, bodies))
    for answer in answers:
        assert answer.status_code < 500, describe(answer)
        if answer.status_code >= 400:
            assert_refused(answer)
    return answers


def statuses(answers: list[Any]) -> dict[int, int]:
    return dict(collections.Counter(answer.status_code for answer in answers))


def applied(siege: Siege) -> str:
    """Let the other shop's adviser apply at an offer of ours; return the partnership's id."""
    offer_id, _, _ = siege.mine.world.another_offer()
    guest = Person("guest", siege.theirs.anne.bearer)
    made = siege.ask("POST", "/partnerships", guest, json={"offer_id": str(offer_id)})
    assert made.status_code == 201, describe(made)
    return str(made.get_json()["id"])


def test_one_order_and_one_refund_twenty_times(siege: Siege) -> None:
    key = siege.people["shop_key"]
    body = siege.mine.order("N-1", siege.mine.token(siege.mine.anne), lines=[line("1", quantity=30)])
    answers = at_once(siege, "POST", "/orders", key, [body] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    assert len({answer.data for answer in answers}) == 1
    back = {
        "refund_ref": "N-R",
        "refunded_at": clock.now().isoformat(),
        "reason": "came back",
        "lines": [{"line_ref": "1", "quantity": 1, "net": money("1.00")}],
    }
    answers = at_once(siege, "POST", "/orders/N-1/refunds", key, [back] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    assert len(siege.mine.rows("SELECT 1 FROM refund WHERE refund_ref = 'N-R'")) == 1
    answers = at_once(siege, "POST", "/orders/N-1/cancel", key, [{}] * CALLERS)
    assert set(statuses(answers)) <= {201, 409}
    assert [one["amount"]["amount"] for one in siege.mine.show("N-1")["commissions"]] == ["0.00"]
    assert siege.mine.broken_promises() == {}


def test_one_reference_with_twenty_contents_is_taken_once(siege: Siege) -> None:
    bodies = [siege.mine.order("N-2", lines=[line("1", f"{number}.00")]) for number in range(1, CALLERS + 1)]
    answers = at_once(siege, "POST", "/orders", siege.people["shop_key"], bodies)
    assert statuses(answers) == {201: 1, 409: CALLERS - 1}


def test_an_adviser_who_applies_twenty_times_has_one_partnership(siege: Siege) -> None:
    offer_id, _, _ = siege.mine.world.another_offer()
    guest = Person("guest", siege.theirs.anne.bearer)
    answers = at_once(siege, "POST", "/partnerships", guest, [{"offer_id": str(offer_id)}] * CALLERS)
    assert statuses(answers).get(201, 0) >= 1
    rows = siege.mine.rows(
        "SELECT 1 FROM partnership WHERE offer_id = :o AND adviser_id = :a",
        o=offer_id,
        a=siege.theirs.anne.id,
    )
    assert len(rows) == 1


def test_accepting_twenty_times_makes_one_link(siege: Siege) -> None:
    partnership = applied(siege)
    owner, guest = siege.people["owner"], Person("guest", siege.theirs.anne.bearer)
    answers = at_once(siege, "POST", f"/partnerships/{partnership}/approve", owner, [{}] * CALLERS)
    assert 200 in statuses(answers)
    answers = at_once(siege, "POST", f"/partnerships/{partnership}/accept", guest, [{}] * CALLERS)
    assert statuses(answers) == {200: CALLERS}
    assert len({answer.get_json()["link"]["url"] for answer in answers}) == 1
    links = siege.mine.rows("SELECT 1 FROM tracked_link WHERE partnership_id = :p", p=uuid.UUID(partnership))
    events = siege.mine.rows(
        "SELECT 1 FROM partnership_event WHERE partnership_id = :p AND state = 'accepted'",
        p=uuid.UUID(partnership),
    )
    assert (len(links), len(events)) == (1, 1)


def test_accepting_and_leaving_at_one_moment_end_in_one_state(siege: Siege) -> None:
    partnership = applied(siege)
    siege.ask("POST", f"/partnerships/{partnership}/approve", siege.people["owner"])
    guest, gate = Person("guest", siege.theirs.anne.bearer), threading.Barrier(CALLERS)

    def run(number: int) -> Any:
        gate.wait()
        return siege.ask("POST", f"/partnerships/{partnership}/{'leave' if number % 2 else 'accept'}", guest)

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(run, range(CALLERS)))
    assert all(answer.status_code in (200, 409) for answer in answers), [describe(one) for one in answers]
    [row] = siege.mine.rows("SELECT state FROM partnership WHERE id = :p", p=uuid.UUID(partnership))
    assert row["state"] in ("accepted", "left")


def test_one_code_twenty_times_is_one_code(siege: Siege) -> None:
    body = {"code": "TWENTY", "adviser_id": siege.things["adviser_id"], "offer_id": siege.things["offer_id"]}
    answers = at_once(siege, "POST", "/codes", siege.people["owner"], [body] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    path = f"/codes/{answers[0].get_json()['id']}/revoke"
    answers = at_once(siege, "POST", path, siege.people["owner"], [{}] * CALLERS)
    assert statuses(answers) == {200: CALLERS}
    assert len({answer.get_json()["revoked_at"] for answer in answers}) == 1


def test_terms_published_twenty_times_are_numbered_without_gap_or_repeat(siege: Siege) -> None:
    offer_id, _, _ = siege.mine.world.another_offer()
    bodies = [{"default": {"percent_bp": 100 + number}} for number in range(CALLERS)]
    answers = at_once(siege, "POST", f"/offers/{offer_id}/terms", siege.people["owner"], bodies)
    taken = [answer.get_json()["version"] for answer in answers if answer.status_code == 201]
    versions = [
        row["version"]
        for row in siege.mine.rows(
            "SELECT version FROM commission_terms WHERE offer_id = :o ORDER BY 1", o=offer_id
        )
    ]
    assert versions == list(range(1, len(taken) + 2))
    assert sorted(taken) == versions[1:]


def test_one_product_linked_twenty_times(siege: Siege) -> None:
    address = siege.mine.world.product("/twenty")
    body = {"url": address, "offer_id": siege.things["offer_id"]}
    answers = at_once(siege, "POST", "/links", siege.people["adviser"], [body] * CALLERS)
    assert set(statuses(answers)) <= {200, 201}
    found = {answer.get_json()["id"] for answer in answers}
    rows = siege.mine.rows("SELECT id FROM tracked_link WHERE target_url = :u", u=address)
    assert {str(row["id"]) for row in rows} == found


def test_one_address_signed_up_twenty_times_is_one_account(siege: Siege) -> None:
    body = {"kind": "shop_owner", "email": "twenty@example.test", "name": "Twenty", "password": PASSWORD}
    answers = at_once(siege, "POST", "/accounts/sign-up", siege.people["anonymous"], [body] * CALLERS)
    # One mailbox gets ten mails a day, so some are told to wait.
    assert set(statuses(answers)) <= {202, 429}
    assert 202 in statuses(answers)
    assert len(siege.mine.rows("SELECT 1 FROM user_account WHERE email_key = 'twenty@example.test'")) == 1


def test_a_public_code_is_given_once_whoever_asks_for_it(siege: Siege) -> None:
    shop = {"name": "T", "legal_name": "T BV", "registration_no": "12345678", "code": "twentyshop"}
    answers = at_once(siege, "POST", "/shops", siege.people["adviser"], [shop] * CALLERS)
    assert len({answer.get_json()["code"] for answer in answers if answer.status_code == 201}) == CALLERS
    profile = {"display_name": "T", "kind": "expert", "code": "twentyadviser"}
    answers = at_once(siege, "POST", "/adviser-profile", siege.people["owner"], [profile] * CALLERS)
    assert statuses(answers)[201] == 1


def test_a_run_previewed_and_approved_twenty_times_with_a_wrong_total_stays_a_draft(siege: Siege) -> None:
    maker, checker = siege.people["finance"], siege.people["checker"]
    path = f"/runs/{siege.things['run_id']}"
    answers = at_once(siege, "POST", f"{path}/preview", maker, [{}] * CALLERS)
    assert statuses(answers) == {200: CALLERS}
    assert len({json.dumps(answer.get_json(), sort_keys=True) for answer in answers}) == 1
    body = {"content_hash": "0" * 64, "total": money("1.00"), "totp": siege.code(checker)}
    answers = at_once(siege, "POST", f"{path}/approve", checker, [body] * CALLERS)
    assert set(statuses(answers)) <= {403, 409, 429}
    assert siege.ask("GET", path, maker).get_json()["state"] in ("draft", "previewed")
    answers = at_once(siege, "POST", f"{path}/execute", maker, [{}] * CALLERS)
    assert statuses(answers) == {409: CALLERS}


def test_one_import_asked_for_twenty_times_waits_once(siege: Siege) -> None:
    answers = at_once(siege, "POST", "/reconciliation/import", siege.people["finance"], [{}] * CALLERS)
    assert statuses(answers) == {202: CALLERS}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
