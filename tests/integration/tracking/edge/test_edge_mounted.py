"""The product's own port serves tracked links too, before anything of the product runs."""

from __future__ import annotations

import dataclasses

from werkzeug.test import Client

import wsgi
from marketplace.core import config
from tests.conftest import Database
from tests.integration.tracking.edge.conftest import BROWSER
from tests.integration.tracking.world import World
from tracking.edge import app as edge_app


def test_a_click_on_the_products_port_reaches_the_edge(database: Database) -> None:
    world = World(database)
    settings = dataclasses.replace(config.current(), edge_slot="web")
    edge = edge_app.create_edge(dataclasses.replace(settings, database_url=database.url("edge")))
    client = Client(wsgi.switch(lambda _environ, start: (start("200 OK", []), [b"product"])[1], edge))
    try:
        answer = client.get(world.offer_link.path, headers={"User-Agent": BROWSER})
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("https://shop.example/?aan=1")
        assert client.get("/_edge/health").get_json()["slot"] == "web"
        assert client.get("/topics/t/").data == b"product"
    finally:
        edge.extensions["edge"].close()


def test_the_web_role_may_read_what_an_edge_reads(database: Database) -> None:
    # The product's process has one database login, the web's; its edge loads the links by that.
    world = World(database)
    settings = dataclasses.replace(config.current(), edge_slot="web", database_url=database.url("app"))
    edge = edge_app.create_edge(settings)
    try:
        assert world.offer_link.path in edge.extensions["edge"].directory.entries
    finally:
        edge.extensions["edge"].close()
