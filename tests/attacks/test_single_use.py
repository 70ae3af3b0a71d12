"""Attack 54: fifty hands on something that counts once."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
import time_machine

from marketplace.accounts import limits
from tests.integration.marketplace.accounts.conftest import PASSWORD, Person, World, module_world, world

__all__ = ["module_world", "world"]

HANDS = 50


@pytest.fixture(autouse=True)
def _nobody_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in limits.RULES:
        monkeypatch.setitem(limits.RULES, name, "100000/5 minutes")
    limits._items.cache_clear()
    yield
    monkeypatch.undo()
    limits._items.cache_clear()


def at_once(world: World, method: str, path: str, body: Any, *people: Person) -> Counter[int]:
    """Send one request from fifty hands at one moment; return how often each status came."""
    gate = threading.Barrier(HANDS)

    def send(number: int) -> int:
        headers = people[number % len(people)].headers if people else {}
        client = world.client()
        gate.wait()
        return client.open(f"/api/v1{path}", method=method, json=body, headers=headers).status_code

    with ThreadPoolExecutor(HANDS) as pool:
        return Counter(pool.map(send, range(HANDS)))


def test_attack_54_one_link_that_proves_a_mailbox_is_used_once(world: World) -> None:
    body = {"kind": "shop_owner", "email": "fifty@example.org", "name": "Pear", "password": PASSWORD}
    world.post("/accounts/sign-up", body, status=202)
    token = world.mailed_token("verify_email", "fifty@example.org")
    assert at_once(world, "POST", "/accounts/verify", {"token": token}) == {200: 1, 410: HANDS - 1}


def test_attack_54_one_link_for_a_new_password_is_used_once(world: World) -> None:
    person = world.sign_up()
    world.post("/accounts/password-reset", {"email": person.email}, status=202)
    body = {"token": world.mailed_token("password_reset", person.email), "password": "quite another sentence"}
    assert at_once(world, "POST", "/accounts/password-reset/confirm", body) == {200: 1, 410: HANDS - 1}


def test_attack_54_one_invitation_lets_one_in(world: World) -> None:
    owner, guest = world.owner(), world.sign_up()
    owner.post("/invitations", {"email": guest.email}, status=201)
    body = {"token": world.mailed_token("invitation", guest.email)}
    found = at_once(world, "POST", "/invitations/accept", body, guest)
    assert found[200] == 1
    assert found.keys() <= {200, 409, 410}


def test_attack_54_one_code_and_one_recovery_code_sign_in_once(world: World) -> None:
    person = world.sign_up()
    codes = pyotp.TOTP(person.post("/totp/enrol")["secret"])
    recovery = person.post("/totp/confirm", {"code": codes.now()})["recovery_codes"]
    body = {"email": person.email, "password": PASSWORD}
    found = at_once(world, "POST", "/accounts/sign-in", body | {"recovery_code": recovery[0]})
    assert found == {200: 1, 403: HANDS - 1}
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2), tick=False):
        code = codes.at(dt.datetime.now(dt.UTC))
        assert at_once(world, "POST", "/accounts/sign-in", body | {"totp": code}) == {200: 1, 403: HANDS - 1}


def test_attack_54_one_present_password_changes_the_password_once(world: World) -> None:
    person = world.sign_up()
    body = {"password": PASSWORD, "new_password": "quite another sentence"}
    found = at_once(world, "POST", "/accounts/change-password", body, person)
    assert found[200] == 1
    assert found.keys() <= {200, 401, 409}


def test_attack_54_one_person_becomes_one_adviser_and_agrees_once(world: World) -> None:
    person = world.sign_up()
    profile = {"display_name": "Pear", "kind": "expert", "country": "NL"}
    found = at_once(world, "POST", "/adviser-profile", profile, person)
    assert found == {201: 1, 409: HANDS - 1}
    text = person.get("/agreements")["texts"][0] if "texts" in person.get("/agreements") else None
    if text is not None:
        body = {"kind": text["kind"], "version": text["version"], "sha256": text["sha256"]}
        at_once(world, "POST", "/agreements", body, person)
        rows = world.rows("SELECT count(*) AS n FROM agreement a JOIN user_account u ON u.id = a.user_id"
                          " WHERE u.email = :e", e=person.email)  # fmt: skip
        assert rows[0]["n"] == 1
