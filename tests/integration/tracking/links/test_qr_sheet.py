"""Cards of links as PDF: of one's own links that are on, in the order asked for."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from marketplace.core import auth, clock, db
from marketplace.core.actor import Actor
from tests.applications import application
from tests.conftest import Database
from tests.integration.tracking.world import World
from tracking.links import codes, registration, service, sheet, switching


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def client(world: World) -> Iterator[FlaskClient]:
    """A client of the world's adviser."""
    before = list(auth._loader)
    adviser = dataclasses.replace(world.adviser, via="token")
    auth.set_actor_loader(lambda request: adviser if "Authorization" in request.headers else None)
    yield application(registration.blueprints()).test_client(use_cookies=False)
    auth._loader[:] = before


def cards(actor: Actor, *link_ids: uuid.UUID) -> list[sheet.Card]:
    with db.session() as session:
        return sheet.of_links(session, actor, link_ids)


def test_cards_are_of_links_of_ones_own_that_are_on_in_the_order_asked_for(world: World) -> None:
    first, second = world.link("/p/1"), world.link("/p/2")
    with db.transaction() as session:
        code = codes.create(
            session, world.owner, {"adviser_id": world.adviser_id, "offer_id": world.offer_id}, clock.now()
        ).code
    made = cards(world.adviser, second.id, first.id, second.id, uuid.uuid4())
    assert [one.address for one in made] == [service.url(second), service.url(first)]
    assert {one.title for one in made} == {"A thing"}
    assert {one.code for one in made} == {f"{code[:3]} {code[3:]}"}
    assert made[0].shop == world.host
    every = cards(world.adviser)
    assert [one.address for one in every] == [service.url(one) for one in (second, first, world.offer_link)]
    assert every[-1].title == "All"
    with db.transaction() as session:
        switching.disable(session, world.adviser, first.id, clock.now())
    assert cards(world.adviser, first.id) == []
    stranger = Actor(
        user_id=uuid.uuid4(), roles=frozenset({"adviser"}), adviser_id=uuid.uuid4(), via="session"
    )
    assert cards(stranger, second.id) == []


def test_the_sheet_is_a_pdf_whatever_is_asked_for(world: World, client: FlaskClient) -> None:
    link = world.link("/p/1")
    mine = {"Authorization": "Bearer of-this-test"}
    for query in ("", f"?ids={link.id}", f"?ids={link.id},nonsense&ids={uuid.uuid4()}", "?ids=" + "," * 5000):
        answer = client.get(f"/adviser/links/qr-sheet{query}", headers=mine)
        assert (answer.status_code, answer.mimetype, answer.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert answer.headers["Content-Disposition"] == 'inline; filename="aanrader-qr-sheet.pdf"'
    assert client.get("/adviser/links/qr-sheet").status_code == 401
