"""The second factor: each code once, recovery codes burned, forced for people of the platform."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pyotp
import pytest
import time_machine

from marketplace.accounts import limits, totp, users
from marketplace.core import clock, db
from marketplace.core.errors import RateLimited

PASSWORD = "a long sentence about pears"


def enrolled(world):
    person = world.sign_up()
    codes = pyotp.TOTP(person.post("/totp/enrol")["secret"])
    person.facts["codes"] = codes
    person.facts["recovery"] = person.post("/totp/confirm", {"code": codes.now()})["recovery_codes"]
    return person


def later(seconds):
    return time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))


def sign_in(world, person, status=200, **proof):
    return world.post(
        "/accounts/sign-in", {"email": person.email, "password": PASSWORD, **proof}, status=status
    )


def test_a_code_counts_once_also_when_twenty_send_it_at_once(world, monkeypatch):
    person = enrolled(world)
    monkeypatch.setitem(limits.RULES, "totp.tries", "100/5 minutes")
    limits._items.cache_clear()
    with later(60):
        code = person.facts["codes"].now()
        body = {"email": person.email, "password": PASSWORD, "totp": code}
        with ThreadPoolExecutor(20) as pool:
            answers = list(
                pool.map(
                    lambda _: world.client().post("/api/v1/accounts/sign-in", json=body).status_code,
                    range(20),
                )
            )
    limits._items.cache_clear()
    assert answers.count(200) == 1
    assert set(answers) <= {200, 403, 429}


def test_the_code_that_confirmed_the_enrolment_does_not_sign_in(world):
    person = world.sign_up()
    codes = pyotp.TOTP(person.post("/totp/enrol")["secret"])
    code = codes.now()
    person.post("/totp/confirm", {"code": code})
    assert sign_in(world, person, 403, totp=code)["code"] == "totp_invalid"


def test_a_code_of_the_step_before_or_after_counts_and_one_further_off_does_not(world):
    for drift, status in ((-2, 403), (-1, 200), (0, 200), (1, 200), (2, 403)):
        person = enrolled(world)
        with later(300):
            code = person.facts["codes"].at(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30 * drift))
            sign_in(world, person, status, totp=code)


def test_a_step_before_one_that_was_used_does_not_count(world):
    person = enrolled(world)
    with later(300):
        now = dt.datetime.now(dt.UTC)
        sign_in(world, person, totp=person.facts["codes"].at(now))
        sign_in(world, person, 403, totp=person.facts["codes"].at(now - dt.timedelta(seconds=30)))


def test_guessing_is_stopped_after_five_tries(world):
    person = enrolled(world)
    for _ in range(5):
        sign_in(world, person, 403, totp="000000")
    with later(60):
        sign_in(world, person, 429, totp=person.facts["codes"].now())


def test_the_service_counts_failures_over_a_day_and_not_successes(world):
    person = enrolled(world)
    user_id = UUID(person.get("/me")["user_id"])
    start = dt.datetime.now(dt.UTC)

    def guess(code, wall):
        with db.transaction() as session:
            totp.verify(session, user_id, code, wall)

    for number in range(1, 30):
        with time_machine.travel(start + dt.timedelta(seconds=30 * number)):
            guess(person.facts["codes"].now(), clock.wall())
    failures = 0
    for number in range(60):
        with time_machine.travel(start + dt.timedelta(hours=1, minutes=6 * number)):
            with pytest.raises((totp.TotpInvalid, RateLimited)) as refusal:
                guess("000000", clock.wall())
            failures += refusal.type is totp.TotpInvalid
    assert failures <= 50


def test_a_recovery_code_is_burned_and_only_its_digest_was_kept(world):
    person = enrolled(world)
    assert len(set(person.facts["recovery"])) == 8
    code = person.facts["recovery"][0]
    sign_in(world, person, recovery_code=code.upper())
    assert sign_in(world, person, 403, recovery_code=code)["code"] == "totp_invalid"
    assert code not in str(world.rows("SELECT * FROM recovery_code"))
    sign_in(world, person, recovery_code=person.facts["recovery"][1])


def test_a_recovery_code_of_another_person_does_not_count(world):
    one, two = enrolled(world), enrolled(world)
    sign_in(world, one, 403, recovery_code=two.facts["recovery"][0])
    sign_in(world, two, recovery_code=two.facts["recovery"][0])


def test_of_ten_who_use_one_recovery_code_at_once_one_comes_in(world, monkeypatch):
    person = enrolled(world)
    monkeypatch.setitem(limits.RULES, "totp.tries", "100/5 minutes")
    limits._items.cache_clear()
    body = {"email": person.email, "password": PASSWORD, "recovery_code": person.facts["recovery"][0]}
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: world.client().post("/api/v1/accounts/sign-in", json=body).status_code, range(10)
            )
        )
    limits._items.cache_clear()
    assert answers.count(200) == 1


def test_the_seed_lies_sealed_and_for_its_own_row_only(world):
    one, two = enrolled(world), enrolled(world)
    assert one.facts["codes"].secret not in str(world.rows("SELECT * FROM user_account"))
    world.execute(
        "UPDATE user_account SET totp_secret = (SELECT totp_secret FROM user_account WHERE email = :theirs)"
        " WHERE email = :mine",
        theirs=two.email,
        mine=one.email,
    )
    with later(60):
        sign_in(world, one, 500, totp=two.facts["codes"].now())


def test_an_enrolled_person_proves_both_to_be_fresh_again(world):
    person = enrolled(world)
    with later(3600):
        assert person.post("/totp/disable", status=403)["code"] == "reauthentication_needed"
        person.post("/accounts/reauthenticate", {"password": PASSWORD}, status=401)
        person.post("/accounts/reauthenticate", {"password": PASSWORD, "totp": person.facts["codes"].now()})
        person.post("/totp/disable")
        sign_in(world, person)
        left = "recovery_code WHERE burned_at IS NULL AND user_id = (SELECT id FROM user_account WHERE email = :e)"
        assert world.rows(f"SELECT * FROM {left}", e=person.email) == []


def test_a_second_enrolment_does_not_replace_the_first_unasked(world):
    person = enrolled(world)
    assert person.post("/totp/enrol", status=409)["code"] == "totp_enrolled"


def test_people_of_the_platform_can_do_nothing_before_they_enrolled(world):
    admin = world.staff("admin", enrolled=False)
    assert admin.get("/me")["totp_enrolment_needed"] is True
    for method, path in (("GET", "/shops"), ("POST", "/shops"), ("GET", "/api-keys"), ("POST", "/api-keys"),
                         ("GET", "/agreements"), ("GET", "/sessions"), ("POST", "/invitations/accept")):  # fmt: skip
        refusal = world.call(method, path, {} if method == "POST" else None, token=admin.token, status=403)
        assert refusal["code"] == "totp_enrolment_needed"
    codes = pyotp.TOTP(admin.post("/totp/enrol")["secret"])
    admin.post("/totp/confirm", {"code": codes.now()})
    admin.get("/shops")
    assert admin.post("/totp/disable", status=403)["code"] == "totp_mandatory"


def test_verify_takes_the_person_or_the_id_and_spends_nothing_when_the_transaction_fails(world):
    person = enrolled(world)
    user_id = UUID(person.get("/me")["user_id"])
    with later(60):
        code = person.facts["codes"].now()

        def fail_after_it():
            with db.transaction() as session:
                totp.verify(session, user_id, code, clock.wall())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_after_it()
        with db.transaction() as session:
            totp.verify(session, users.get(session, user_id), code, clock.wall())
        with pytest.raises(totp.TotpInvalid), db.transaction() as session:
            totp.verify(session, user_id, code, clock.wall())
