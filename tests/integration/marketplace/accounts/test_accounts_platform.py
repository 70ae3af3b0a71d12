"""People of the platform: made by a command, held to one role by the database, shut out at once."""

from __future__ import annotations

import dataclasses
import secrets

import pyotp
import pytest
import sqlalchemy as sa

from marketplace.accounts import staff
from marketplace.accounts.models import UserAccount
from marketplace.core import config, db, hooks, ids, migrate

PASSWORD = "a long sentence about pears"
ARGUMENTS = ["--role", "finance", "--email", "f@example.org", "--name", "Fin", "--password", PASSWORD]


def use(database, *, app="app", admin=""):
    url = database.url(app)
    config.use(dataclasses.replace(config.current(), database_url=url, admin_database_url=admin))


def test_the_command_makes_somebody_of_finance_who_signs_in_with_the_given_factor(
    fresh_world, database, capsys
):
    secret = pyotp.random_base32()
    use(database, admin=database.url("bootstrap"))
    assert staff.command([*ARGUMENTS, "--totp-secret", secret]) == 0
    out = capsys.readouterr()
    assert PASSWORD not in out.out + out.err and secret not in out.out + out.err
    assert staff.command([*ARGUMENTS, "--totp-secret", secret]) == 1
    database.open("app")
    body = {"email": "f@example.org", "password": PASSWORD, "totp": pyotp.TOTP(secret).now()}
    token = fresh_world.post("/accounts/sign-in", body)["token"]
    me = fresh_world.call("GET", "/me", token=token)
    assert (me["role"], str(me["user_id"])) == ("finance", out.out.strip())


def test_the_command_works_as_the_worker_and_is_refused_to_the_web_role(fresh_world, database, capsys):
    use(database, app="app")
    assert staff.command(ARGUMENTS) == 1
    assert "may not" in capsys.readouterr().err
    use(database, app="worker")
    assert staff.command([*ARGUMENTS, "--totp-secret", "short"]) == 1
    weak = [*ARGUMENTS[:-1], "weak"]
    assert staff.command(weak) == 1
    assert staff.command(ARGUMENTS) == 0
    with pytest.raises(SystemExit) as stop:
        staff.command(["--role", "owner"])
    assert stop.value.code == 2
    database.open("app")


def test_no_sign_up_and_no_request_makes_somebody_of_the_platform(fresh_world, database):
    person = fresh_world.sign_up()
    for statement in (
        "UPDATE user_account SET role = 'admin'",
        "INSERT INTO user_account (id, email, email_key, name, role, password_hash, session_key)"
        " VALUES (gen_random_uuid(), 'x', 'x', 'x', 'admin', 'x', 'x')",
        "UPDATE user_account SET email = 'x'",
        "DELETE FROM user_account",
        "UPDATE api_key SET scopes = '{}'",
        "UPDATE shop_contract SET fee_bp = 0",
        "DELETE FROM membership",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction() as session:
            session.execute(sa.text(statement))
    assert person.get("/me")["role"] == "member"


def test_the_database_itself_keeps_platform_people_out_of_shops_and_advice(fresh_world):
    owner, adviser, finance = fresh_world.owner(), fresh_world.adviser(), fresh_world.staff("finance")
    finance_id = finance.get("/me")["user_id"]
    for person, role in ((owner, "finance"), (adviser, "admin")):
        with pytest.raises(sa.exc.IntegrityError):
            fresh_world.execute("UPDATE user_account SET role = :r WHERE email = :e", r=role, e=person.email)
    for user_role in ("member", "finance"):
        with pytest.raises(sa.exc.IntegrityError):
            fresh_world.execute(
                "INSERT INTO membership (id, user_id, user_role, shop_id, role)"
                " VALUES (gen_random_uuid(), :u, :ur, :s, 'owner')",
                u=finance_id, ur=user_role, s=owner.facts["shop_id"],
            )  # fmt: skip
        with pytest.raises(sa.exc.IntegrityError):
            fresh_world.execute(
                "INSERT INTO adviser (id, user_id, user_role, code, display_name, country, kind)"
                " VALUES (gen_random_uuid(), :u, :ur, 'x', 'x', 'NL', 'user')",
                u=finance_id, ur=user_role,
            )  # fmt: skip


def test_platform_people_get_no_second_role_over_http(fresh_world):
    finance, owner = fresh_world.staff("finance"), fresh_world.owner()
    shop = {"name": "x", "legal_name": "x", "registration_no": "12345678"}
    assert finance.post("/shops", shop, status=409)["code"] == "platform_person"
    body = {"display_name": "x", "kind": "user"}
    assert finance.post("/adviser-profile", body, status=409)["code"] == "platform_person"
    owner.post("/invitations", {"email": finance.email}, status=201)
    token = fresh_world.mailed_token("invitation", finance.email)
    assert finance.post("/invitations/accept", {"token": token}, status=409)["code"] == "platform_person"
    fresh_world.post(
        "/accounts/sign-up",
        {"kind": "adviser", "email": finance.email, "name": "x", "password": PASSWORD},
        202,
    )
    assert fresh_world.rows("SELECT * FROM adviser") == []


def test_an_admin_shuts_somebody_out_at_once_and_lets_them_in_again(fresh_world):
    admin, owner, finance = fresh_world.staff("admin"), fresh_world.owner(), fresh_world.staff("finance")
    user_id = owner.get("/me")["user_id"]
    owner.post(f"/users/{user_id}/suspend", status=403)
    finance.post(f"/users/{user_id}/suspend", status=403)
    assert admin.post(f"/users/{user_id}/suspend")["suspended_at"] is not None
    owner.get("/me", status=401)
    refusal = fresh_world.post("/accounts/sign-in", {"email": owner.email, "password": PASSWORD}, status=403)
    assert refusal["code"] == "account_suspended"
    fresh_world.post("/accounts/password-reset", {"email": owner.email}, status=202)
    assert fresh_world.mails("password_reset", owner.email) == []
    admin.post(f"/users/{user_id}/reinstate")
    owner.get("/me", status=401)
    fresh_world.sign_in(owner).get("/me")
    admin.post(f"/users/{admin.get('/me')['user_id']}/suspend", status=403)


def test_an_admin_bans_an_adviser_and_the_history_says_when(fresh_world):
    admin, adviser = fresh_world.staff("admin"), fresh_world.adviser()
    path = f"/advisers/{adviser.facts['adviser_id']}"
    adviser.post(f"{path}/ban", status=403)
    assert admin.post(f"{path}/ban")["state"] == "banned"
    admin.post(f"{path}/ban")
    assert admin.post(f"{path}/reinstate")["state"] == "active"
    states = [
        row["state"] for row in fresh_world.rows("SELECT state FROM adviser_state ORDER BY from_at, id")
    ]
    assert states == ["active", "banned", "active"]


def test_each_act_on_access_leaves_a_line_without_secrets(fresh_world):
    owner = fresh_world.owner()
    key = owner.post("/api-keys", {"name": "till"}, status=201)["key"]
    fresh_world.post(
        "/accounts/sign-in", {"email": owner.email, "password": "another long sentence"}, status=401
    )
    lines = fresh_world.rows("SELECT * FROM audit_event")
    assert {"account.sign_up", "account.verify_email", "account.sign_in", "account.sign_in_refused", "shop.create",
            "api_key.create"} <= {line["action"] for line in lines}  # fmt: skip
    dump = str(lines)
    for secret in (key, owner.token, owner.email, PASSWORD, "another long sentence"):
        assert secret not in dump


def test_a_row_of_somebody_new_is_a_plain_member(fresh_world):
    with db.transaction() as session:
        row = UserAccount(
            email="p@example.org", email_key="p@example.org", name="P", password_hash="x",
            session_key=ids.secret_token(),
        )  # fmt: skip
        session.add(row)
    assert fresh_world.rows("SELECT role FROM user_account")[0]["role"] == "member"
    assert secrets.compare_digest(row.email, "p@example.org")


def test_the_promises_of_this_room_hold_as_the_worker_sees_them(fresh_world, database):
    fresh_world.owner(), fresh_world.adviser(), fresh_world.staff("admin")
    database.open("worker")
    with db.session() as session:
        for name in (
            "platform_people_hold_nothing_else",
            "every_shop_has_an_owner",
            "adviser_state_equals_history",
        ):
            found = hooks.invariants[name].check(session)
            assert (found.figure, found.rows_seen > 0, found.holds) == (0, True, True), name


def test_the_tables_are_what_the_models_say(database):
    ours = ("user_account", "recovery_code", "auth_session", "email_token", "shop", "shop_contract", "shop_domain",
            "membership", "invitation", "adviser", "adviser_state", "api_key", "agreement")  # fmt: skip
    found = migrate.differences(database.url("bootstrap"))
    assert [one for one in found if any(f"'{table}'" in one for table in ours)] == []
