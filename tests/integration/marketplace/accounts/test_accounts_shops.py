"""Shops, advisers and agreements: legal details, tenants, what never changes, what history says."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from marketplace.accounts import advisers, service, shops
from marketplace.accounts.models import ShopContract
from marketplace.core import clock, db
from marketplace.core.actor import SYSTEM
from marketplace.core.errors import NotFound

NEW = {"name": "Perenhuis", "legal_name": "Perenhuis B.V.", "registration_no": "12345678"}


def test_a_shop_begins_in_draft_with_contract_one_at_ten_percent(world):
    owner = world.owner()
    shop = owner.get(f"/shops/{owner.facts['shop_id']}")
    assert (shop["state"], shop["currency"], shop["consent_mode"]) == ("draft", "EUR", "none")
    with db.session() as session:
        assert shops.fee_bp_at(session, UUID(shop["id"]), clock.now()) == 1000
        assert shops.fee_bp_at(session, UUID(shop["id"]), clock.now() - dt.timedelta(days=400)) == 1000
        with pytest.raises(NotFound):
            shops.fee_bp_at(session, uuid4(), clock.now())


def test_the_fee_is_that_of_the_contract_in_force_at_the_instant(world):
    owner, now = world.owner(), clock.now()
    shop_id = UUID(owner.facts["shop_id"])
    with db.transaction() as session:
        later = now + dt.timedelta(days=10)
        session.add(ShopContract(shop_id=shop_id, version=2, fee_bp=800, effective_from=later))
    with db.session() as session:
        assert shops.fee_bp_at(session, shop_id, later - dt.timedelta(microseconds=1)) == 1000
        assert shops.fee_bp_at(session, shop_id, later) == 800


def test_legal_details_are_checked(world):
    person, before = world.sign_up(), world.count("shop")
    for wrong in (
        {"registration_no": "1234567"}, {"registration_no": "１２３４５６７８"}, {"registration_no": "1234567a"},
        {"vat_no": "NL123456789B01"}, {"vat_no": "BE0776091951"}, {"country": "nl"}, {"country": "NLD"},
        {"currency": "eur"}, {"name": ""}, {"name": None}, {"consent_mode": "all"}, {"state": "live"},
        {"fee_bp": 0}, {"id": str(uuid4())}, {"owner_id": str(uuid4())},
    ):  # fmt: skip
        person.post("/shops", NEW | wrong, status=422)
    assert world.count("shop") == before
    person.post(
        "/shops", NEW | {"country": "BE", "registration_no": "0776.091.951", "vat_no": "BE0776091951"}, 201
    )


def test_twenty_shops_of_one_name_at_once_get_twenty_codes(world):
    person = world.sign_up()
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: world.client().post("/api/v1/shops", json=NEW, headers=person.headers), range(20)
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["code"] for answer in answers}) == 20


def test_what_money_rests_on_can_not_be_patched(world):
    owner = world.owner()
    path = f"/shops/{owner.facts['shop_id']}"
    before = owner.get(path)
    for body in (
        {"currency": "USD"}, {"country": "BE"}, {"state": "live"}, {"code": "x"}, {"id": str(uuid4())},
        {"created_at": "2020-01-01T00:00:00Z"}, {"role": "admin"}, {"shop_id": str(uuid4())}, {"fee_bp": 0},
        {"registration_no": "1"}, {"vat_no": "NL000000000B01"}, {"name": "ok", "balance": 1},
    ):  # fmt: skip
        owner.patch(path, body, status=422)
    assert owner.get(path) == before
    assert owner.patch(path, {"name": "Appelhuis", "vat_no": None})["vat_no"] is None


def test_another_tenants_shop_is_no_shop(world):
    owner, stranger, adviser = world.owner(), world.owner(name="Elders"), world.adviser()
    path = f"/shops/{owner.facts['shop_id']}"
    answers = [
        world.client().get(f"/api/v1{path}", headers=stranger.headers),
        world.client().get(f"/api/v1/shops/{uuid4()}", headers=stranger.headers),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    stranger.patch(path, {"name": "Mine"}, status=404)
    adviser.get(path, status=403)
    world.call("GET", path, status=401)
    assert [row["id"] for row in stranger.get("/shops")["items"]] == [stranger.facts["shop_id"]]


def test_an_adviser_has_a_public_part_and_a_profile_that_only_they_change(world):
    adviser = world.adviser(display_name="Jan van Doorn", adviser_kind="expert", country="BE", code="Jan!")
    other = world.adviser(display_name="Jan van Doorn", code="jan")
    public = world.call("GET", f"/advisers/{adviser.facts['adviser_id']}")
    assert (public["code"], public["kind"], public["state"]) == ("jan", "expert", "active")
    assert "vat_no" not in public and adviser.email not in str(public)
    assert other.get("/adviser-profile")["code"] == "jan-2"
    profile = adviser.patch("/adviser-profile", {"vat_status": "registered", "vat_no": "BE 0776.091.951"})
    assert profile["vat_no"] == "BE0776091951"
    for body in (
        {"code": "x"}, {"state": "banned"}, {"user_id": str(uuid4())}, {"vat_no": "NL1"}, {"kind": "crowd"},
        {"country": "NL"}, {"vat_no": None}, {"adviser_id": other.facts["adviser_id"]},
    ):  # fmt: skip
        adviser.patch("/adviser-profile", body, status=422)
    world.owner().patch("/adviser-profile", {"display_name": "x"}, status=403)
    world.call("GET", f"/advisers/{uuid4()}", status=404)


def test_one_person_is_member_and_adviser_and_the_shop_knows_its_own(world):
    owner = world.owner()
    made = owner.post("/adviser-profile", {"display_name": "Pear", "kind": "expert"}, status=201)
    owner.post("/adviser-profile", {"display_name": "Pear", "kind": "expert"}, status=409)
    assert owner.get("/me")["roles"] == ["adviser", "owner"]
    with db.session() as session:
        assert shops.own_advisers(session, UUID(owner.facts["shop_id"])) == {UUID(made["id"])}
        user = service.user_of_adviser(session, UUID(made["id"]))
        assert user.email == owner.email


def test_the_state_of_an_adviser_is_known_for_each_instant(world):
    adviser_id = UUID(world.adviser().facts["adviser_id"])
    start = clock.now()
    with db.transaction() as session:
        advisers.change_state(session, adviser_id, "banned", SYSTEM, start + dt.timedelta(days=1))
    with db.transaction() as session:
        advisers.change_state(session, adviser_id, "active", SYSTEM, start + dt.timedelta(days=2))
    with db.session() as session:
        for days, state in ((-5, "active"), (0, "active"), (1, "banned"), (1.9, "banned"), (2, "active")):
            at = start + dt.timedelta(days=days)
            assert advisers.state_at(session, [adviser_id, uuid4()], at) == {adviser_id: state}
        assert advisers.state_at(session, [], start) == {}


def test_agreements_name_the_very_text_and_agreeing_twice_is_once(world):
    owner, adviser = world.owner(), world.adviser()
    texts = {row["kind"]: row for row in owner.get("/agreements")["documents"]}
    assert set(texts) == {"terms", "data_processing", "self_billing"}
    body = {name: texts["data_processing"][name] for name in ("kind", "version", "sha256")}
    first = owner.post("/agreements", body, status=201)
    assert owner.post("/agreements", body, status=201) == first
    assert first["shop_id"] == owner.facts["shop_id"]
    assert (
        owner.post("/agreements", body | {"sha256": "0" * 64}, status=409)["code"] == "agreement_text_differs"
    )
    owner.post("/agreements", body | {"version": 2}, status=409)
    adviser.post("/agreements", body, status=404)
    self_billing = {name: texts["self_billing"][name] for name in ("kind", "version", "sha256")}
    owner.post("/agreements", self_billing, status=404)
    assert adviser.post("/agreements", self_billing, status=201)["adviser_id"] == adviser.facts["adviser_id"]
    assert len(adviser.get("/agreements")["items"]) == 1


def test_history_can_not_be_changed_by_anybody(world):
    owner, adviser = world.owner(), world.adviser()
    text = owner.get("/agreements")["documents"][0]
    owner.post("/agreements", {name: text[name] for name in ("kind", "version", "sha256")}, status=201)
    assert adviser.facts["adviser_id"]
    for table, column in (("shop_contract", "fee_bp"), ("adviser_state", "state"), ("agreement", "version")):
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(sa.exc.ProgrammingError, match="rows are history"):
                world.execute(statement)
