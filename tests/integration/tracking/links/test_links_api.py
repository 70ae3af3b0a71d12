"""Links and codes over the API: made from a pasted address, scoped to their people, refused with a next step."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from marketplace.accounts import advisers
from marketplace.core import auth, clock, db
from marketplace.core.actor import SYSTEM, Actor
from marketplace.offers import partnerships, publishing
from marketplace.offers import service as offers
from tests.applications import application
from tests.conftest import Database
from tests.integration.tracking.world import TERMS, World
from tracking.links import codes, registration
from tracking.touches import registration as touches_registration
from tracking.touches.models import OwnDevice

Call = Callable[..., Any]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def call(world: World) -> Iterator[Call]:
    """Return a function that sends a request as an actor and returns (status, JSON)."""
    app = application(registration.blueprints())
    client: FlaskClient = app.test_client()
    before = list(auth._loader)

    def send(actor: Actor | None, method: str, path: str, body: object = None) -> tuple[int, Any]:
        # A bearer credential: no cookie, so no form token is asked for.
        found = None if actor is None else dataclasses.replace(actor, via="token")
        auth.set_actor_loader(lambda _request: found)
        headers = {"Authorization": "Bearer of-this-test"}
        answer = client.open(f"/api/v1{path}", method=method, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer.status_code, answer.get_json()

    yield send
    auth._loader[:] = before


def test_a_pasted_product_address_becomes_a_link(world: World, call: Call) -> None:
    address = world.product("/p/shoe?color=red")
    pasted = address.replace("shop.example", "SHOP.example") + "&utm_source=mail#reviews"
    status, link = call(world.adviser, "POST", "/links", {"url": pasted, "placement": "page-1"})
    assert status == 201
    assert link["url"] == f"http://localhost/t/{link['code']}" and len(link["code"]) == 8
    assert link["target_url"] == f"{address}&utm_source=mail#reviews"
    assert link["adviser_id"] == str(world.adviser_id) and link["offer_id"] == str(world.offer_id)
    assert link["standing"] == "live" and link["kind"] == "link" and link["placement"] == "page-1"
    assert link["clicks"] == {"raw": 0, "unique": 0, "billable": 0, "unqualified": {}}
    assert (
        call(world.adviser, "POST", "/links", {"url": pasted, "placement": "page-1"})[1]["id"] == link["id"]
    )
    assert call(world.adviser, "POST", "/links", {"url": pasted})[1]["id"] != link["id"]


NEAR_MISSES = (
    ("https://unknown.example/p", 422, "link_host_unknown"),
    ("https://www.shop.example/p/1", 422, "link_host_unknown"),
    ("https://shop.example/search?q=shoe", 404, "product_unknown"),
    ("https://shop.example@evil.example/p/1", 422, "invalid_input"),
    ("//shop.example/p/1", 422, "invalid_input"),
    ("http://shop.example/p/1", 422, "invalid_input"),
    ("javascript:alert(1)", 422, "invalid_input"),
    ("https://shop.example/p/1\r\nX: y", 422, "invalid_input"),
    ("", 422, "invalid_input"),
    ("x" * 3000, 422, "invalid_input"),
    (None, 422, "invalid_input"),
    (7, 422, "invalid_input"),
)


def test_a_near_miss_says_what_to_do(world: World, call: Call) -> None:
    for url, status, code in NEAR_MISSES:
        found, problem = call(world.adviser, "POST", "/links", {"url": url})
        assert (url, found, problem["code"]) == (url, status, code)
        assert problem["next"] and problem["unchanged"] == "Nothing was changed."
        if code == "product_unknown":
            assert f"http://localhost{world.offer_link.path}" in problem["next"]
        else:
            assert list(problem["errors"]) == ["url"]
    assert len(call(world.adviser, "GET", "/links")[1]["items"]) == 1


def test_unknown_fields_and_bad_placements_are_refused(world: World, call: Call) -> None:
    address = world.product("/p/1")
    for extra in ({"target_url": "https://evil.example"}, {"placement": "a b"}, {"placement": "x" * 33}):
        assert call(world.adviser, "POST", "/links", {"url": address} | extra)[0] == 422


def test_without_an_accepted_open_offer_there_is_no_link(world: World, call: Call) -> None:
    address, stranger = world.product("/p/1"), World(world.database, host="other.example").adviser
    status, problem = call(stranger, "POST", "/links", {"url": address})
    assert (status, problem["code"]) == (422, "no_partnership")
    assert str(world.offer_id) in problem["errors"]["url"][0]
    with db.transaction() as session:
        offers.move(session, world.owner, world.offer_id, "paused", now=clock.now())
    assert call(world.adviser, "POST", "/links", {"url": address})[1]["code"] == "no_partnership"
    with db.transaction() as session:
        offers.move(session, world.owner, world.offer_id, "open", now=clock.now())
        advisers.change_state(session, world.adviser_id, "banned", SYSTEM, clock.now())
    assert call(world.adviser, "POST", "/links", {"url": address})[1]["code"] == "adviser_not_active"


def test_with_several_offers_the_adviser_chooses(world: World, call: Call) -> None:
    address, (second, _, _) = world.product("/p/1"), world.another_offer()
    status, problem = call(world.adviser, "POST", "/links", {"url": address})
    assert (status, problem["code"]) == (422, "several_offers")
    status, link = call(world.adviser, "POST", "/links", {"url": address, "offer_id": str(second)})
    assert (status, link["offer_id"]) == (201, str(second))


def test_who_sees_and_changes_a_link(world: World, call: Call) -> None:
    link = world.link()
    other = World(world.database, host="other.example")
    finance = Actor(user_id=world.owner.user_id, roles=frozenset({"finance"}), via="session")
    for actor, status in (
        (world.adviser, 200),
        (world.owner, 200),
        (finance, 200),
        (other.adviser, 404),
        (other.owner, 404),
        (None, 401),
    ):
        assert call(actor, "GET", f"/links/{link.id}")[0] == status
    assert call(other.adviser, "POST", f"/links/{link.id}/disable")[0] == 404
    assert call(world.owner, "POST", f"/links/{link.id}/disable")[0] == 403
    assert call(world.owner, "POST", "/links", {"url": link.target_url})[0] == 403
    ids = [one["id"] for one in call(world.adviser, "GET", "/links")[1]["items"]]
    assert ids == [str(link.id), str(world.offer_link.id)]
    assert call(other.adviser, "GET", "/links")[1]["items"][0]["id"] == str(other.offer_link.id)
    status, disabled = call(world.adviser, "POST", f"/links/{link.id}/disable")
    assert (status, disabled["standing"]) == (200, "disabled") and disabled["disabled_at"]
    assert (
        call(world.adviser, "POST", f"/links/{link.id}/disable")[1]["disabled_at"] == disabled["disabled_at"]
    )
    assert (
        call(world.adviser, "POST", f"/links/{world.offer_link.id}/disable")[1]["code"] == "offer_link_stays"
    )


def test_a_link_is_switched_on_again_by_whom_it_belongs_to_but_not_when_an_admin_switched_it_off(
    world: World, call: Call
) -> None:
    path = f"/links/{world.link('/p/again').id}"
    call(world.adviser, "POST", f"{path}/disable")
    stranger = World(world.database, host="other.example").adviser
    assert call(stranger, "POST", f"{path}/enable")[0] == 404
    for _ in range(2):
        status, on = call(world.adviser, "POST", f"{path}/enable")
        assert (status, on["standing"], on["disabled_at"]) == (200, "live", None)
    admin = Actor(user_id=world.owner.user_id, roles=frozenset({"admin"}), via="session")
    call(admin, "POST", f"{path}/disable")
    assert call(world.adviser, "POST", f"{path}/enable")[1]["code"] == "link_stays_off"
    assert call(admin, "POST", f"{path}/enable")[1]["standing"] == "live"


def test_links_come_in_pages(world: World, call: Call) -> None:
    made = [str(world.link(f"/p/{n}").id) for n in range(4)]
    seen, cursor = [], ""
    while True:
        _, answer = call(world.adviser, "GET", f"/links?limit=2{cursor}")
        seen += [one["id"] for one in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert seen == [*reversed(made), str(world.offer_link.id)]
    for bad in ("x", "WyJ4Il0", "%00"):
        assert call(world.adviser, "GET", f"/links?cursor={bad}")[0] == 422
    assert call(world.adviser, "GET", "/links?color=red")[0] == 422


def test_accepting_makes_the_offer_link_once(world: World, call: Call) -> None:
    with db.transaction() as session:
        offer = offers.create(session, world.owner, world.shop_id, name="New", now=clock.now())
        publishing.publish(session, world.owner, offer.id, TERMS, now=clock.now())
        offers.move(session, world.owner, offer.id, "open", now=clock.now())
        joined = partnerships.apply(session, world.adviser, offer.id, now=clock.now())
    status, problem = call(world.adviser, "POST", f"/partnerships/{joined.id}/accept")
    assert (status, problem["code"]) == (409, "illegal_transition")
    with db.transaction() as session:
        partnerships.approve(session, world.owner, joined.id, now=clock.now())
    first = call(world.adviser, "POST", f"/partnerships/{joined.id}/accept")
    again = call(world.adviser, "POST", f"/partnerships/{joined.id}/accept")
    assert first == again and first[0] == 200
    assert first[1]["state"] == "accepted"
    assert first[1]["link"]["url"].startswith("http://localhost/o/adviser")
    assert call(world.owner, "POST", f"/partnerships/{joined.id}/accept")[0] == 403
    stranger = World(world.database, host="other.example").adviser
    assert call(stranger, "POST", f"/partnerships/{joined.id}/accept")[0] == 404


def test_joining_at_once_gives_a_link_that_works_and_twice_gives_the_same(world: World, call: Call) -> None:
    with db.transaction() as session:
        offer = offers.create(
            session, world.owner, world.shop_id, name="New", joining="at_once", now=clock.now()
        )
        publishing.publish(session, world.owner, offer.id, TERMS, now=clock.now())
    body = {"offer_id": str(offer.id)}
    assert call(world.adviser, "POST", "/partnerships/join", body)[0] == 404, "a draft"
    with db.transaction() as session:
        offers.move(session, world.owner, offer.id, "open", now=clock.now())
    first, again = (call(world.adviser, "POST", "/partnerships/join", body) for _ in range(2))
    assert first == again and (first[0], first[1]["state"]) == (201, "accepted")
    made = call(world.adviser, "POST", "/links", {"url": world.product("/p/new"), **body})
    assert made[0] == 201
    listed = call(world.adviser, "GET", "/links")[1]["items"]
    assert first[1]["link"]["id"] in {one["id"] for one in listed if one["disabled_at"] is None}
    asked = {"offer_id": str(world.offer_id)}
    assert call(World(world.database, host="x.example").adviser, "POST", "/partnerships/join", asked)[1][
        "code"
    ] == ("approval_needed")


def test_a_code_stands_for_an_adviser_from_creation_to_revocation(world: World, call: Call) -> None:
    body = {"code": " anna10 ", "adviser_id": str(world.adviser_id), "offer_id": str(world.offer_id)}
    before = clock.now() - dt.timedelta(seconds=1)
    status, code = call(world.owner, "POST", "/codes", body)
    assert (status, code["code"]) == (201, "ANNA10")
    assert call(world.owner, "POST", "/codes", body)[1]["id"] == code["id"]
    with db.session() as session:
        held = codes.valid_at(session, world.shop_id, "Anna10", clock.now())
        assert held is not None and held.adviser_id == world.adviser_id
        assert codes.valid_at(session, world.shop_id, "anna10", before) is None
        assert codes.valid_at(session, world.shop_id, "other", clock.now()) is None
    during = clock.now()
    assert call(world.owner, "POST", f"/codes/{code['id']}/revoke")[1]["revoked_at"]
    assert call(world.owner, "POST", f"/codes/{code['id']}/revoke")[0] == 200
    with db.session() as session:
        assert codes.valid_at(session, world.shop_id, "ANNA10", clock.now()) is None
        assert codes.valid_at(session, world.shop_id, "ANNA10", during) is not None
    assert call(world.owner, "POST", "/codes", body)[1]["id"] != code["id"]
    assert len(call(world.adviser, "GET", "/codes")[1]["items"]) == 2


def test_codes_are_refused_precisely(world: World, call: Call) -> None:
    other = World(world.database, host="other.example")
    body = {"code": "ANNA10", "adviser_id": str(world.adviser_id), "offer_id": str(world.offer_id)}
    second, _, _ = world.another_offer()
    assert call(world.owner, "POST", "/codes", body)[0] == 201
    assert call(world.owner, "POST", "/codes", body | {"offer_id": str(second)})[1]["code"] == "code_taken"
    for code in ("ab", "x" * 33, "a b", "é10", "-ab", "ANNA\u200b10"):
        assert call(world.owner, "POST", "/codes", body | {"code": code})[0] == 422
    assert call(world.owner, "POST", "/codes", body | {"adviser_id": str(other.adviser_id)})[0] == 404
    assert call(other.owner, "POST", "/codes", body)[0] == 404
    assert call(world.owner, "POST", "/codes", body | {"shop_id": str(other.shop_id)})[0] == 404
    assert call(world.adviser, "POST", "/codes", body)[0] == 403
    with db.transaction() as session:
        partnerships.leave(session, world.adviser, world.partnership_id, now=clock.now())
    answer = call(world.owner, "POST", "/codes", body | {"code": "LATE"})
    assert (answer[0], answer[1]["code"]) == (409, "partnership_not_accepted")
    assert call(other.owner, "GET", "/codes")[1]["items"] == []


def test_a_signed_in_adviser_at_work_is_noted_and_a_program_is_not(world: World) -> None:
    app = application([*registration.blueprints(), *touches_registration.blueprints()])
    before = list(auth._loader)
    noted = []
    try:
        for via in ("key", "token", "session"):
            found = dataclasses.replace(world.adviser, via=via, key_adviser_id=world.adviser_id)
            auth.set_actor_loader(lambda _request, found=found: found)
            headers = {
                "Authorization": "Bearer of-this-test",
                "User-Agent": "Browser",
                "X-Forwarded-For": "192.0.2.1",
            }
            assert app.test_client().get("/api/v1/links", headers=headers).status_code == 200
            world.database.open("worker")
            with db.session() as session:
                noted.append(session.scalar(sa.select(sa.func.count()).select_from(OwnDevice)))
            world.database.open("app")
    finally:
        auth._loader[:] = before
    assert noted == [0, 1, 1]


def test_every_route_is_in_the_description(world: World) -> None:
    app: flask.Flask = application(registration.blueprints())
    paths = app.test_client().get("/api/openapi.json").get_json()["paths"]
    assert {"/api/v1/links", "/api/v1/codes", "/api/v1/partnerships/{partnership_id}/accept"} <= set(paths)
