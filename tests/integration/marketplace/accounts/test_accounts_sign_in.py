"""Signing up and in: what strangers learn, what links and tokens are good for, and when they are dead."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from concurrent.futures import ThreadPoolExecutor

import pyotp
import time_machine
from pwdlib.hashers.argon2 import Argon2Hasher

from marketplace.accounts import limits
from marketplace.core import config

PASSWORD = "a long sentence about pears"


def sign_up_body(email, **more):
    return {"kind": "shop_owner", "email": email, "name": "Pear", "password": PASSWORD, **more}


def test_a_known_address_gets_the_same_answer_and_a_mail_that_says_so(world):
    known = world.sign_up()
    first = world.client().post("/api/v1/accounts/sign-up", json=sign_up_body("new@example.org"))
    again = world.client().post("/api/v1/accounts/sign-up", json=sign_up_body(known.email.upper()))
    assert (first.status_code, first.json) == (again.status_code, again.json) == (202, again.json)
    assert len(world.mails("already_registered", known.email)) == 1
    assert world.sign_in(known).get("/me")["email"] == known.email


def test_another_spelling_of_an_address_is_the_same_person(world):
    world.sign_up(email="anna@example.org")
    before = world.count("user_account")
    for spelling in (
        "Anna@Example.org",
        "ANNA@example.ORG",
        "ａｎｎａ@example.org",
        "anna@ｅｘａｍｐｌｅ.org",
    ):
        world.post("/accounts/sign-up", sign_up_body(spelling), status=202)
    assert world.count("user_account") == before


def test_an_address_that_can_deceive_or_not_receive_is_refused(world):
    before = world.count("user_account")
    for address in (
        "аnna@example.org",
        "a b@example.org",
        "a@localhost",
        "a@-.org",
        "a\r\nb@x.org",
        "a..b@x.org",
    ):
        world.post("/accounts/sign-up", sign_up_body(address), status=422)
    assert world.count("user_account") == before


WRONG_SIGN_UPS = (
    (
        {"role": "admin"}, {"role": "finance"}, {"shop_id": str(secrets.token_hex(4))}, {"is_admin": True},
        {"email_verified_at": "2026-01-01T00:00:00Z"}, {"kind": "finance"}, {"kind": "admin"}, {"session_key": "x"},
        {"password": "short"}, {"password": "aaaaaaaaaaaaaaaaaaaa"}, {"password": "\x00" * 20}, {"password": 15},
        {"name": "Win at https://evil.example"}, {"name": "a\r\nBcc: b"}, {"name": "x" * 81}, {"code": "pear"},
        {"adviser_kind": "crowd"},
    )
)  # fmt: skip


def test_sign_up_takes_no_field_that_it_does_not_know_and_no_wrong_value(world):
    before = world.count("user_account")
    for more in WRONG_SIGN_UPS:
        world.post("/accounts/sign-up", sign_up_body("eve@example.org") | more, status=422)
    assert world.count("user_account") == before


def test_a_verification_link_works_once_and_for_a_day(world):
    world.post("/accounts/sign-up", sign_up_body("a5@example.org"), status=202)
    token = world.mailed_token("verify_email", "a5@example.org")
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=24, seconds=1)):
        world.post("/accounts/verify", {"token": token}, status=410)
    assert world.post("/accounts/verify", {"token": token})["state"] == "verified"
    assert world.post("/accounts/verify", {"token": token}, status=410)["code"] == "link_used_up"
    world.post("/accounts/verify", {"token": "made-up"}, status=410)


def test_only_digests_of_tokens_are_stored(world):
    person = world.sign_up()
    dump = str(world.rows("SELECT * FROM auth_session")) + str(world.rows("SELECT * FROM email_token"))
    assert person.token not in dump
    assert world.mailed_token("verify_email", person.email) not in dump


def test_of_twenty_who_use_one_verification_link_at_once_one_wins(world):
    world.post("/accounts/sign-up", sign_up_body("a7@example.org"), status=202)
    token = world.mailed_token("verify_email", "a7@example.org")
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda _: world.client().post("/api/v1/accounts/verify", json={"token": token}), range(20)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 19


def test_twenty_sign_ups_with_one_address_at_once_make_one_account(world, monkeypatch):
    people, advisers = world.count("user_account"), world.count("adviser")
    monkeypatch.setitem(limits.RULES, "mailbox", "100/day")
    limits._items.cache_clear()
    with ThreadPoolExecutor(20) as pool:
        bodies = [sign_up_body(f"twenty{n % 2}@example.org", kind="adviser") for n in range(20)]
        answers = list(
            pool.map(lambda body: world.client().post("/api/v1/accounts/sign-up", json=body), bodies)
        )
    limits._items.cache_clear()
    assert {answer.status_code for answer in answers} == {202}
    assert world.count("user_account") == people + 2
    assert world.count("adviser") == advisers + 2


def test_a_reserved_address_takes_the_password_of_whoever_reads_the_mailbox(world):
    world.post(
        "/accounts/sign-up", sign_up_body("v@example.org", password="the attacker's sentence"), status=202
    )
    world.post("/accounts/sign-up", sign_up_body("v@example.org"), status=202)
    world.post("/accounts/verify", {"token": world.mailed_token("verify_email", "v@example.org")})
    world.post(
        "/accounts/sign-in", {"email": "v@example.org", "password": "the attacker's sentence"}, status=401
    )
    world.post("/accounts/sign-in", {"email": "v@example.org", "password": PASSWORD})
    other = world.mails("verify_email", "v@example.org")[0]["facts"]["token"]
    world.post("/accounts/verify", {"token": other}, status=410)


def test_sign_in_needs_a_proved_mailbox(world):
    before = world.count("auth_session")
    world.post("/accounts/sign-up", sign_up_body("a10@example.org"), status=202)
    refusal = world.post("/accounts/sign-in", {"email": "a10@example.org", "password": PASSWORD}, status=403)
    assert refusal["code"] == "email_not_verified"
    assert world.count("auth_session") == before


def test_a_wrong_password_and_an_unknown_address_get_one_answer_after_one_verification_each(
    world, monkeypatch
):
    person, verified = world.sign_up(), []
    honest = Argon2Hasher.verify

    def noting(hasher, password, password_hash):
        verified.append(password_hash.split("$")[:4])
        return honest(hasher, password, password_hash)

    monkeypatch.setattr(Argon2Hasher, "verify", noting)
    wrong = {"password": "another long sentence"}
    known = world.client().post("/api/v1/accounts/sign-in", json={"email": person.email, **wrong})
    assert len(verified) == 1
    unknown = world.client().post("/api/v1/accounts/sign-in", json={"email": "nobody@example.org", **wrong})
    # Not only as many, but the same work: algorithm, memory, rounds and lanes are equal.
    assert len(verified) == 2 and verified[0] == verified[1]
    assert known.status_code == unknown.status_code == 401
    assert known.json == unknown.json


def test_tries_are_limited_per_person_and_address_and_a_success_forgives(world):
    person = world.sign_up()
    wrong = {"email": person.email, "password": "another long sentence"}
    for _ in range(9):
        world.post("/accounts/sign-in", wrong, status=401)
    world.sign_in(person)
    for _ in range(10):
        world.post("/accounts/sign-in", wrong, status=401)
    answer = world.client().post(
        "/api/v1/accounts/sign-in", json={"email": person.email, "password": PASSWORD}
    )
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 301


def test_sign_in_is_closed_while_tries_cannot_be_counted(world):
    person = world.sign_up()
    config.use(dataclasses.replace(config.current(), redis_url="redis://127.0.0.1:1/0"))
    refusal = world.post("/accounts/sign-in", {"email": person.email, "password": PASSWORD}, status=503)
    assert refusal["code"] == "limits_unavailable"
    assert person.get("/me")["email"] == person.email


def test_a_token_dies_at_sign_out_and_after_its_time(world):
    person = world.sign_up()
    first = person.token
    assert world.sign_in(person).token != first
    person.post("/accounts/sign-out")
    person.get("/me", status=401)
    world.call("GET", "/me", token=first)
    now = dt.datetime.now(dt.UTC)
    with time_machine.travel(now + dt.timedelta(days=7, minutes=1)):
        world.call("GET", "/me", token=first, status=401)


def test_a_used_token_lives_on_but_not_beyond_thirty_days(world):
    person, now = world.sign_up(), dt.datetime.now(dt.UTC)
    for days in (6, 12, 18, 24, 29):
        with time_machine.travel(now + dt.timedelta(days=days)):
            person.get("/me")
    with time_machine.travel(now + dt.timedelta(days=30, seconds=5)):
        person.get("/me", status=401)


def test_sessions_follow_the_wall_and_not_the_clock_of_business(world):
    person = world.sign_up()
    world.execute("UPDATE business_clock SET offset_seconds = 86400 * 365")
    person.get("/me")


def test_a_browser_session_needs_its_own_csrf_token_for_unsafe_requests(world):
    person = world.sign_up()
    browser, other = world.app.test_client(), world.app.test_client()
    body = {"email": person.email, "password": PASSWORD, "session": True}
    signed, theirs = (b.post("/api/v1/accounts/sign-in", json=body) for b in (browser, other))
    assert signed.json["token"] is None
    cookie = signed.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert browser.get("/api/v1/me").json["csrf_token"] == signed.json["csrf_token"]
    for headers in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "é"},
        {"X-CSRF-Token": theirs.json["csrf_token"]},
    ):
        assert browser.post("/api/v1/accounts/sign-out", json={}, headers=headers).status_code == 403
    token = {"X-CSRF-Token": signed.json["csrf_token"]}
    plain = browser.post(
        "/api/v1/accounts/sign-out", data="{}", headers=token | {"Content-Type": "text/plain"}
    )
    assert plain.status_code == 415
    assert browser.post("/api/v1/accounts/sign-out", json={}, headers=token).status_code == 200
    stolen = cookie.partition(";")[0].partition("=")[2]
    world.call("GET", "/me", token=stolen, status=401)
    again = world.app.test_client()
    again.set_cookie("aanrader", stolen)
    assert again.get("/api/v1/me").status_code == 401


def test_a_cookie_is_no_bearer_and_a_bearer_no_cookie(world):
    person = world.sign_up()
    browser = world.app.test_client()
    body = {"email": person.email, "password": PASSWORD, "session": True}
    signed = browser.post("/api/v1/accounts/sign-in", json=body)
    value = signed.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    world.call("GET", "/me", token=value, status=401)
    swapped = world.app.test_client()
    swapped.set_cookie("aanrader", person.token)
    assert swapped.get("/api/v1/me").status_code == 401


NO_TOKENS = (
    (    "", "Bearer", "Bearer ", "Basic eDp4", "Bearer aan_session_x", "Bearer é", "Bearer " + "a" * 5000,
               "Bearer aan_live_x", "Bearer aan_test_" + "y" * 43)
)  # fmt: skip


def test_what_is_no_token_is_nobody(world):
    for header in NO_TOKENS:
        answer = world.client().get("/api/v1/me", headers={"Authorization": header})
        assert answer.status_code == 401


def test_revoke_everywhere_ends_every_session_and_on_request_the_keys(world):
    owner = world.owner()
    other = world.sign_in(type(owner)(world, owner.email))
    key = owner.post("/api-keys", {"name": "till"}, status=201)["key"]
    assert owner.post("/accounts/revoke-everywhere")["api_keys_alive"] == 1
    owner.get("/me", status=401)
    other.get("/me", status=401)
    world.call("GET", "/me", token=key)
    world.sign_in(owner).post("/accounts/revoke-everywhere", {"api_keys": True})
    world.call("GET", "/me", token=key, status=401)


def test_a_new_password_by_mail_ends_sessions_and_does_not_pass_the_second_factor(world):
    person = world.sign_up()
    secret = person.post("/totp/enrol")["secret"]
    codes = pyotp.TOTP(secret)
    person.post("/totp/confirm", {"code": codes.now()})
    unknown = world.client().post("/api/v1/accounts/password-reset", json={"email": "nobody@example.org"})
    known = world.client().post("/api/v1/accounts/password-reset", json={"email": person.email})
    assert (unknown.status_code, unknown.json) == (known.status_code, known.json)
    token, new = world.mailed_token("password_reset", person.email), "quite another sentence"
    world.post("/accounts/verify", {"token": token}, status=410)
    world.post("/accounts/password-reset/confirm", {"token": token, "password": new})
    world.post("/accounts/password-reset/confirm", {"token": token, "password": new}, status=410)
    person.get("/me", status=401)
    world.post("/accounts/sign-in", {"email": person.email, "password": PASSWORD}, status=401)
    refusal = world.post("/accounts/sign-in", {"email": person.email, "password": new}, status=401)
    assert refusal["code"] == "totp_required"
    assert [mail["facts"]["event"] for mail in world.mails("security_notice", person.email)][
        -1
    ] == "password_changed"


def test_changing_the_password_needs_the_present_one_and_ends_every_session(world):
    person = world.sign_up()
    body = {"password": "not the present one", "new_password": "quite another sentence"}
    person.post("/accounts/change-password", body, status=401)
    person.post(
        "/accounts/change-password", body | {"password": PASSWORD, "new_password": "short"}, status=422
    )
    person.post("/accounts/change-password", body | {"password": PASSWORD})
    person.get("/me", status=401)
    world.post("/accounts/sign-in", {"email": person.email, "password": "quite another sentence"})


def test_one_may_end_a_single_sign_in_of_ones_own_and_nobody_elses(world):
    one, two = world.sign_up(), world.sign_up()
    mine = one.get("/sessions")["items"]
    two.post(f"/sessions/{mine[0]['id']}/revoke", status=404)
    one.get("/me")
    one.post(f"/sessions/{mine[0]['id']}/revoke")
    one.get("/me", status=401)


def test_an_act_that_asks_who_you_are_wants_a_password_of_the_last_half_hour(world):
    owner, now = world.owner(), dt.datetime.now(dt.UTC)
    with time_machine.travel(now + dt.timedelta(minutes=31)):
        refusal = owner.post("/api-keys", {"name": "till"}, status=403)
        assert refusal["code"] == "reauthentication_needed"
        owner.post("/accounts/reauthenticate", {"password": "wrong wrong wrong"}, status=401)
        owner.post("/api-keys", {"name": "till"}, status=403)
        owner.post("/accounts/reauthenticate", {"password": PASSWORD})
        owner.post("/api-keys", {"name": "till"}, status=201)
