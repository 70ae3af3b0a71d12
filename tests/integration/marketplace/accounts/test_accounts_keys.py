"""API keys: shown once, held to their scopes and tenant, never more than their owner."""

from __future__ import annotations

import datetime as dt

import time_machine


def make(person, **body):
    return person.post("/api-keys", {"name": "till", **body}, status=201)


def test_a_key_is_shown_once_and_kept_as_a_digest(world):
    owner = world.owner()
    made = make(owner)
    assert made["key"].startswith("aan_live_") and made["key"].startswith(made["prefix"])
    listed = owner.get("/api-keys")["items"]
    assert [row["id"] for row in listed] == [made["id"]] and "key" not in listed[0]
    assert made["key"] not in str(world.rows("SELECT * FROM api_key"))


def test_a_key_acts_for_its_one_shop_in_its_mode(world):
    owner = world.owner()
    second = owner.post(
        "/shops", {"name": "Two", "legal_name": "Two", "registration_no": "87654321"}, status=201
    )
    owner.post("/api-keys", {"name": "till"}, status=404)
    made = make(owner, shop_id=second["id"], mode="test")
    me = world.call("GET", "/me", token=made["key"])
    assert (me["via"], me["mode"], me["shop_ids"]) == ("key", "test", [second["id"]])
    assert made["key"].startswith("aan_test_")
    assert [row["id"] for row in world.call("GET", "/shops", token=made["key"])["items"]] == [second["id"]]
    world.call("GET", f"/shops/{owner.facts['shop_id']}", token=made["key"], status=404)


def test_a_key_of_an_adviser_is_no_key_of_a_shop(world):
    adviser = world.adviser()
    key = make(adviser)["key"]
    assert world.call("GET", "/me", token=key)["adviser_id"] == adviser.facts["adviser_id"]
    world.call("GET", "/shops", token=key, status=403)
    adviser.post("/api-keys", {"name": "x", "bound_to": "shop"}, status=404)


def test_who_is_both_says_what_the_key_is_for(world):
    person = world.owner()
    person.post("/adviser-profile", {"display_name": "Pear", "kind": "expert"}, status=201)
    person.post("/api-keys", {"name": "x"}, status=422)
    assert make(person, bound_to="adviser")["shop_id"] is None
    assert make(person, bound_to="shop")["adviser_id"] is None
    body = {"name": "x", "bound_to": "adviser", "shop_id": person.facts["shop_id"]}
    person.post("/api-keys", body, status=422)


def test_scopes_hold_a_key_back_and_unknown_ones_are_refused(world):
    owner = world.owner()
    key = make(owner, scopes=["domains:read"])["key"]
    world.call("GET", "/domains", token=key)
    world.call("GET", "/shops", token=key, status=403)
    wide = make(owner, scopes=["shops:*"])["key"]
    world.call("GET", "/shops", token=wide)
    for scopes in (["nothing:read"], ["*"], ["shops"], "shops:read", [1], ["shops:read"] * 51):
        owner.post("/api-keys", {"name": "x", "scopes": scopes}, status=422)


def test_a_key_makes_no_keys_and_changes_no_people(world):
    owner = world.owner()
    key = make(owner)["key"]
    for path, body in (
        ("/api-keys", {"name": "x"}),
        ("/invitations", {"email": "x@example.org"}),
        ("/totp/enrol", {}),
        ("/accounts/sign-out", {}),
        ("/accounts/reauthenticate", {"password": "a long sentence about pears"}),
        ("/shops", {"name": "x", "legal_name": "x", "registration_no": "12345678"}),
    ):
        world.call("POST", path, body, token=key, status=403)


def test_a_key_is_dead_once_revoked_or_its_person_suspended(world):
    owner = world.owner()
    made, other = make(owner), make(owner)
    assert owner.post(f"/api-keys/{made['id']}/revoke")["revoked_at"] is not None
    owner.post(f"/api-keys/{made['id']}/revoke")
    world.call("GET", "/me", token=made["key"], status=401)
    world.call("GET", "/me", token=other["key"])
    world.execute("UPDATE user_account SET suspended_at = now() WHERE email = :e", e=owner.email)
    world.call("GET", "/me", token=other["key"], status=401)
    owner.get("/me", status=401)


def test_keys_are_seen_and_ended_by_owners_of_the_shop_and_nobody_else(world):
    owner, stranger = world.owner(), world.owner(name="Elders")
    second = world.join(owner, "owner")
    made = make(second)
    assert [row["id"] for row in owner.get("/api-keys")["items"]] == [made["id"]]
    assert stranger.get("/api-keys")["items"] == []
    stranger.post(f"/api-keys/{made['id']}/revoke", status=404)
    owner.post(f"/api-keys/{made['id']}/revoke")
    world.call("GET", "/me", token=made["key"], status=401)


def test_a_key_made_is_told_by_mail_and_its_use_is_seen(world):
    owner = world.owner()
    made = make(owner)
    assert world.mails("security_notice", owner.email)[-1]["facts"]["event"] == "api_key_made"
    assert owner.get("/api-keys")["items"][0]["last_used_at"] is None
    world.call("GET", "/me", token=made["key"])
    assert owner.get("/api-keys")["items"][0]["last_used_at"] is not None


def test_finance_has_keys_of_no_tenant(world):
    finance = world.staff("finance")
    made = make(finance)
    assert (made["shop_id"], made["adviser_id"]) == (None, None)
    assert world.call("GET", "/me", token=made["key"])["role"] == "finance"
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=300)):
        world.call("GET", "/shops", token=made["key"])
