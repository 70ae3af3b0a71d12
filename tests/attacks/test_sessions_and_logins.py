"""Attacks on the door: passwords, second factors and sign-ins that ought to be dead (36, 37, 38, and what belongs to it).

Times of 37 are printed by `./dev bench logins`; here work is counted, which is what makes times equal.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
import pytest
import time_machine
from pwdlib.hashers.argon2 import Argon2Hasher

from marketplace.accounts import limits
from marketplace.core import config, jobs
from tests.integration.marketplace.accounts.conftest import (
    PASSWORD,
    Person,
    World,
    module_world,
    world,
)

__all__ = ["module_world", "world"]

WRONG = "another long sentence"


def knock(world: World, path: str, body: dict[str, Any], address: str = "203.0.113.9") -> Any:
    """Send a request from an address."""
    return world.client().post(
        f"/api/v1/accounts/{path}", json=body, environ_overrides={"REMOTE_ADDR": address}
    )


def browser(world: World, person: Person) -> tuple[str, str]:
    """Sign somebody in as a browser; return cookie and CSRF token."""
    body = {"email": person.email, "password": PASSWORD, "session": True}
    answer = world.client().post("/api/v1/accounts/sign-in", json=body)
    return answer.headers["Set-Cookie"].partition(";")[0], answer.json["csrf_token"]


def with_cookie(world: World, cookie: str) -> int:
    return world.client().get("/api/v1/me", headers={"Cookie": cookie}).status_code


def member_of(owner: Person, person: Person) -> str:
    return next(m["id"] for m in owner.get("/members")["items"] if m["email"] == person.email)


def test_attack_36_a_planted_session_is_never_taken_over_and_an_old_cookie_is_dead(world: World) -> None:
    person = world.sign_up()
    planted = "aanrader=aan_session_planted-by-an-attacker"
    body = {"email": person.email, "password": PASSWORD, "session": True}
    answer = world.client().post("/api/v1/accounts/sign-in", json=body, headers={"Cookie": planted})
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert cookie != planted
    assert with_cookie(world, planted) == 401
    assert with_cookie(world, cookie) == 200
    csrf = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf_token"]}
    assert world.client().post("/api/v1/accounts/sign-out", json={}, headers=csrf).status_code == 200
    assert with_cookie(world, cookie) == 401


def end_by_changing_the_password(world: World, person: Person) -> None:
    person.post("/accounts/change-password", {"password": PASSWORD, "new_password": "quite another sentence"})


def end_by_a_reset(world: World, person: Person) -> None:
    world.post("/accounts/password-reset", {"email": person.email}, status=202)
    token = world.mailed_token("password_reset", person.email)
    world.post("/accounts/password-reset/confirm", {"token": token, "password": "quite another sentence"})


def end_by_suspension(world: World, person: Person) -> None:
    user = person.get("/me")["user_id"]
    world.staff("admin").post(f"/users/{user}/suspend")


def end_everywhere(world: World, person: Person) -> None:
    person.post("/accounts/revoke-everywhere")


@pytest.mark.parametrize(
    "end", [end_by_changing_the_password, end_by_a_reset, end_by_suspension, end_everywhere]
)
def test_attack_36_every_sign_in_is_dead_at_the_next_request_after(world: World, end: Any) -> None:
    person = world.sign_up()
    cookie, _ = browser(world, person)
    other = world.sign_in(dataclasses.replace(person)).token
    world.sign_in(person)
    end(world, person)
    assert with_cookie(world, cookie) == 401
    for token in (person.token, other):
        world.call("GET", "/me", token=token, status=401)


@pytest.mark.parametrize("change", ["demoted", "promoted", "removed"])
def test_attack_34_and_36_a_change_of_role_ends_every_sign_in_and_key_at_once(
    world: World, change: str
) -> None:
    owner = world.owner()
    person = world.join(owner, "staff" if change == "promoted" else "owner")
    cookie, _ = browser(world, person)
    key = "" if change == "promoted" else person.post("/api-keys", {"name": "k"}, status=201)["key"]
    member = member_of(owner, person)
    if change == "removed":
        owner.post(f"/members/{member}/remove")
    else:
        owner.post(f"/members/{member}/change-role", {"role": "owner" if change == "promoted" else "staff"})
    assert with_cookie(world, cookie) == 401
    person.get("/me", status=401)
    if key:
        world.call("GET", "/shops", token=key, status=401)
    # Nobody else is thrown out, and the person comes in again with what they have now.
    owner.get("/me")
    now = world.sign_in(person).get("/me")
    assert now["role"] == {"demoted": "staff", "promoted": "owner", "removed": "member"}[change]


def test_attack_36_what_asks_who_you_are_wants_a_password_of_the_last_half_hour(world: World) -> None:
    owner, now = world.owner(), dt.datetime.now(dt.UTC)
    with time_machine.travel(now + dt.timedelta(minutes=31)):
        for path, body in (
            ("/api-keys", {"name": "till"}),
            ("/invitations", {"email": "x@example.org"}),
            ("/totp/disable", {}),
        ):
            assert owner.post(path, body, status=403)["code"] == "reauthentication_needed", path
        owner.post("/accounts/reauthenticate", {"password": PASSWORD})
        owner.post("/api-keys", {"name": "till"}, status=201)


def counting(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count password work from here on; it is still done."""
    done = {"verify": 0, "hash": 0}
    verify, hash_ = Argon2Hasher.verify, Argon2Hasher.hash

    def noting_verify(*arguments: Any) -> bool:
        done["verify"] += 1
        return verify(*arguments)

    def noting_hash(*arguments: Any, **named: Any) -> str:
        done["hash"] += 1
        return hash_(*arguments, **named)

    monkeypatch.setattr(Argon2Hasher, "verify", noting_verify)
    monkeypatch.setattr(Argon2Hasher, "hash", noting_hash)
    return done


def test_attack_37_known_and_unknown_addresses_get_one_answer_after_equal_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, suspended, unproved = world.sign_up(), world.sign_up(), "unproved@example.org"
    body = {"kind": "shop_owner", "name": "Pear", "password": PASSWORD}
    world.post("/accounts/sign-up", body | {"email": unproved}, status=202)
    world.execute("UPDATE user_account SET suspended_at = now() WHERE email = :e", e=suspended.email)
    knock(
        world, "sign-in", {"email": "warm@example.org", "password": WRONG}
    )  # The dummy's hash is made once.
    done = counting(monkeypatch)
    doors = (
        ("sign-in", {"password": WRONG}, {"verify": 1, "hash": 0}),
        ("password-reset", {}, {"verify": 0, "hash": 0}),
        ("sign-up", body, {"verify": 0, "hash": 1}),
    )
    for path, more, work in doors:
        answers = []
        for email in (known.email, suspended.email, unproved, f"nobody{path}@example.org"):
            done.update(verify=0, hash=0)
            answers.append(knock(world, path, {"email": email} | more))
            assert done == work, (path, email)
        assert len({(a.status_code, a.data, a.headers["Content-Type"]) for a in answers}) == 1, path


@pytest.mark.slow
def test_attack_37_ten_thousand_pairs_from_five_hundred_addresses_are_stopped(world: World) -> None:
    """The attacker has 20 networks of 25 addresses each; what the last 8,000 of its pairs get, 1,000 show."""
    people = [world.sign_up() for _ in range(3)]
    draw = random.Random(37)
    addresses = [f"198.51.{net}.{host}" for net in range(20) for host in range(1, 26)]
    jobs.connection().flushall()
    seen: dict[int, int] = {}
    for number in range(2000):
        email = people[number % 3].email if number % 10 == 0 else f"l{number % 400}@example.org"
        answer = knock(world, "sign-in", {"email": email, "password": WRONG}, draw.choice(addresses))
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        if answer.status_code == 429:
            assert answer.content_type == "application/problem+json"
            assert 1 <= int(answer.headers["Retry-After"]) <= 301
    assert set(seen) == {401, 429}
    # What everybody together may try in five minutes ends it.
    assert seen[401] == 1000
    assert (
        knock(world, "sign-in", {"email": people[0].email, "password": PASSWORD}, "192.0.2.1").status_code
        == 429
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits of the same shape, a tenth as high: what counts is who uses up whose."""
    for name, rule in (
        ("person_address", "3/5 minutes"),
        ("address", "6/5 minutes"),
        ("net", "12/5 minutes"),
        ("person", "9/5 minutes"),
        ("everybody", "20/5 minutes"),
    ):
        monkeypatch.setitem(limits.RULES, f"sign_in.{name}", rule)
    limits._items.cache_clear()
    yield
    monkeypatch.undo()
    limits._items.cache_clear()


@pytest.mark.usefixtures("small")
def test_attack_37_each_limit_holds_by_itself(world: World) -> None:
    def tries(count: int, email: str, address: str) -> int:
        """Return how many of so many tries were counted; {} is the number of the try."""
        taken = 0
        for number in range(count):
            body = {"email": email.format(number), "password": WRONG}
            taken += knock(world, "sign-in", body, address.format(number % 250 + 1)).status_code == 401
        return taken

    person = world.sign_up()
    for count, email, address, expected in (
        (5, person.email, "203.0.113.1", 3),  # A person from one address.
        (8, "u{}@example.org", "203.0.113.1", 6),  # An address.
        (14, "u{}@example.org", "203.0.113.{}", 12),  # A network.
        (14, "u{}@example.org", "2001:db8:1:{}::7", 12),  # A network of IPv6, of which one home has many.
        (11, person.email, "203.0.{}.7", 9),  # A person from everywhere.
        (22, "u{}@example.org", "203.0.{}.7", 20),  # Everybody.
    ):
        jobs.connection().flushall()
        assert tries(count, email, address) == expected, (email, address)


@pytest.mark.usefixtures("small")
def test_attack_37_nobody_alone_can_shut_others_out(world: World) -> None:
    person = world.sign_up()
    attacker, home = "198.51.100.66", "192.0.2.1"
    for number in range(30):
        knock(world, "sign-in", {"email": person.email, "password": WRONG}, attacker)
        knock(world, "sign-in", {"email": f"n{number}@example.org", "password": WRONG}, attacker)
    assert knock(world, "sign-in", {"email": person.email, "password": PASSWORD}, attacker).status_code == 429
    assert knock(world, "sign-in", {"email": person.email, "password": PASSWORD}, home).status_code == 200


def test_attack_37_mails_are_limited_and_one_kind_does_not_use_up_the_other(world: World) -> None:
    person = world.sign_up()
    jobs.connection().flushall()
    body = {"kind": "shop_owner", "name": "Pear", "password": PASSWORD, "email": person.email}
    got = [knock(world, "sign-up", body, f"198.51.{n}.1").status_code for n in range(12)]
    assert got == [202] * 10 + [429] * 2
    got = [
        knock(world, "password-reset", {"email": person.email}, f"198.51.{n}.1").status_code for n in range(6)
    ]
    assert got == [202] * 5 + [429]
    unknown = [knock(world, "password-reset", {"email": "no@example.org"}, f"198.51.{n}.1") for n in range(6)]
    assert [answer.status_code for answer in unknown] == got, "the limit tells who has an account"
    got = [knock(world, "verify", {"token": f"t{n}" * 20}).status_code for n in range(52)]
    assert got == [410] * 50 + [429] * 2


def test_attack_37_without_a_count_there_is_no_try(world: World) -> None:
    person = world.sign_up()
    config.use(dataclasses.replace(config.current(), redis_url="redis://127.0.0.1:1/0"))
    doors: dict[str, dict[str, Any]] = {
        "sign-in": {"email": person.email, "password": PASSWORD},
        "sign-up": {"kind": "shop_owner", "name": "Pear", "password": PASSWORD, "email": "new@example.org"},
        "password-reset": {"email": person.email},
        "password-reset/confirm": {"token": "t" * 40, "password": PASSWORD},
        "verify": {"token": "t" * 40},
    }
    before = world.count("user_account"), world.count("auth_session"), world.count("mail_message")
    for path, body in doors.items():
        answer = knock(world, path, body)
        assert (answer.status_code, answer.json["code"]) == (503, "limits_unavailable"), path
        assert int(answer.headers["Retry-After"]) > 0
    assert (world.count("user_account"), world.count("auth_session"), world.count("mail_message")) == before


def enrolled(world: World) -> tuple[Person, pyotp.TOTP, list[str]]:
    person = world.sign_up()
    codes = pyotp.TOTP(person.post("/totp/enrol")["secret"])
    recovery = person.post("/totp/confirm", {"code": codes.now()})["recovery_codes"]
    return person, codes, recovery


@pytest.mark.parametrize(("hours", "most"), [(1, 20), pytest.param(24, 50, marks=pytest.mark.slow)])
def test_attack_38_a_code_counts_once_and_a_million_guesses_get_few(
    world: World, hours: int, most: int
) -> None:
    person, codes, recovery = enrolled(world)
    body = {"email": person.email, "password": PASSWORD}
    start = dt.datetime.now(dt.UTC)
    with time_machine.travel(start + dt.timedelta(minutes=2)):
        code = codes.at(dt.datetime.now(dt.UTC))
        assert knock(world, "sign-in", body | {"totp": code}).status_code == 200
        assert knock(world, "sign-in", body | {"totp": code}).status_code == 403
    assert knock(world, "sign-in", body | {"recovery_code": recovery[0]}).status_code == 200
    assert knock(world, "sign-in", body | {"recovery_code": recovery[0]}).status_code == 403
    counted = 0
    # A guesser who knows the password and every limit: five tries each five minutes, all day, from many places.
    for minute in range(0, hours * 60, 6):
        with time_machine.travel(start + dt.timedelta(minutes=10 + minute), tick=False):
            for number in range(6):
                guess = body | {"totp": f"{minute * 7 + number:06d}"}
                answer = knock(world, "sign-in", guess, f"198.{minute % 250}.{number}.1")
                assert answer.status_code in (403, 429)
                counted += answer.status_code == 403
    assert counted <= most


def test_attack_38_a_reset_of_the_password_does_not_pass_the_second_factor(world: World) -> None:
    person, codes, _ = enrolled(world)
    end_by_a_reset(world, person)
    body = {"email": person.email, "password": "quite another sentence"}
    assert knock(world, "sign-in", body).json["code"] == "totp_required"
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)):
        code = codes.at(dt.datetime.now(dt.UTC))
        assert knock(world, "sign-in", body | {"totp": code}).status_code == 200


def test_attack_33_no_field_of_a_sign_up_makes_more_than_a_plain_account(world: World) -> None:
    body = {"kind": "shop_owner", "email": "eve@example.org", "name": "Eve", "password": PASSWORD}
    before = world.count("user_account")
    for more in (
        {"role": "admin"}, {"role": "finance"}, {"kind": "admin"}, {"kind": "finance"}, {"roles": ["admin"]},
        {"is_admin": True}, {"user_role": "admin"}, {"email_verified_at": "2026-01-01T00:00:00Z"}, {"session_key": "k"},
        {"totp_secret": "k"}, {"id": "00000000-0000-0000-0000-000000000001"},
    ):  # fmt: skip
        answer = knock(world, "sign-up", body | more)
        assert answer.status_code == 422, more
    assert world.count("user_account") == before
    assert knock(world, "sign-up", body).status_code == 202
    [row] = world.rows("SELECT role FROM user_account WHERE email = 'eve@example.org'")
    assert row["role"] == "member"


def test_attack_34_and_35_whoever_left_or_was_demoted_lets_nobody_in(world: World) -> None:
    owner, guest, stranger = world.owner(), world.sign_up(), world.sign_up()
    second = world.join(owner, "owner")
    second.post("/invitations", {"email": guest.email}, status=201)
    token = world.mailed_token("invitation", guest.email)
    assert (
        stranger.post("/invitations/accept", {"token": token}, status=403)["code"] == "invitation_for_other"
    )
    owner.post(f"/members/{member_of(owner, second)}/change-role", {"role": "staff"})
    guest.post("/invitations/accept", {"token": token}, status=410)
    owner.post("/invitations", {"email": guest.email}, status=201)
    fresh = world.mailed_token("invitation", guest.email)
    guest.post("/invitations/accept", {"token": fresh})
    guest.post("/invitations/accept", {"token": fresh}, status=410)
    member = member_of(owner, guest)
    owner.post(f"/members/{member}/remove")
    world.sign_in(guest).post("/invitations/accept", {"token": fresh}, status=410)
    shop = UUID(owner.facts["shop_id"])
    [rows] = world.rows(
        "SELECT count(*) AS n FROM membership WHERE shop_id = :s AND removed_at IS NULL AND role = 'staff'",
        s=shop,
    )
    assert rows["n"] == 1


def test_what_the_documentation_says_of_limits_is_what_is_counted() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/limits.md").read_text(encoding="utf-8")
    told = {
        cells[1].strip().strip("`"): cells[2].strip()
        for cells in (line.split("|") for line in text.splitlines() if line.startswith("| `"))
    }
    assert told == {name: rule.replace("; ", ", ") for name, rule in limits.RULES.items()}
