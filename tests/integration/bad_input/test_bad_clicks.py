"""The edge with addresses and headers that no shopper sends: a redirect to the shop or a page, never an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client

from marketplace.core import config
from tests.integration.bad_input.siege import Siege
from tracking.edge import app as edge_app

TAILS = (
    "", "?p=", "?p=\x00", "?p=%00", "?p=%ff", "?p=" + "x" * 9000, "?p=https://evil.example", "?url=https://evil.example",
    "?p=../..", "?p=%0d%0aLocation:%20https://evil.example", "?aan=forged", "?" + "&".join(["p=1"] * 2000), "/", "//evil.example",
    "/../..", "%00", "\xff", "?p='; DROP TABLE click --", "?p=\u00e9", "#p", ";p", "?%ED%A0%80=1", "?p[]=1",
)  # fmt: skip
HEADERS: tuple[dict[str, Any], ...] = (
    {}, {"User-Agent": ""}, {"User-Agent": "\xff" * 9000}, {"User-Agent": "x\x01y"}, {"Cookie": "aan=\xff; =;"},
    {"Referer": "javascript:alert(1)"}, {"Referer": "http://[::1"}, {"Referer": "https://" + "x" * 9000},
    {"X-Forwarded-For": "999.999.999.999, \xe9"}, {"X-Forwarded-For": ","}, {"Host": ""}, {"Host": "evil.example"},
    {"Sec-Fetch-Dest": "\xe9"}, {"Purpose": "prefetch"}, {"Accept-Language": "\xff;q=NaN"},
)  # fmt: skip


@pytest.fixture
def edge(siege: Siege) -> Iterator[Client]:
    """The redirects of the product, on the database of the siege."""
    settings = dataclasses.replace(
        config.current(), edge_slot="siege", database_url=siege.database.url("edge")
    )
    made = edge_app.create_edge(settings)
    try:
        yield Client(made, use_cookies=False)
    finally:
        made.extensions["edge"].close()


def test_a_click_leads_to_the_shop_whatever_hangs_on_it(siege: Siege, edge: Client) -> None:
    path = siege.mine.anne.link.path
    for tail in TAILS:
        for headers in HEADERS[:3] if tail else HEADERS:
            answer = edge.get(path + tail, headers=headers)
            assert answer.status_code in (302, 400, 404), (tail, headers, answer.status_code)
            if answer.status_code == 302:
                # An address that is no link of ours leads to our own page that searches.
                host = urlsplit(answer.headers["Location"]).hostname
                assert host == siege.mine.world.host or (
                    host == "localhost" and tail.startswith(("/", "%", "\xff", ";"))
                )
                assert "\n" not in answer.headers["Location"]


@pytest.mark.parametrize(
    "code", ["", "x", "\x00", "%00", "\xff\xfe", "x" * 9000, "../x", "' OR 1=1 --", "//evil.example"]
)
def test_a_code_that_nobody_has_is_a_page_and_no_redirect_elsewhere(
    siege: Siege, edge: Client, code: str
) -> None:
    for path in ("/t/", "/o/", f"/o/{siege.things['adviser_id']}/", "/_edge/"):
        answer = edge.get("/", environ_overrides={"PATH_INFO": path + code})
        assert answer.status_code < 500
        assert urlsplit(answer.headers.get("Location", "")).hostname in (
            None,
            "localhost",
            siege.mine.world.host,
        )


def test_other_methods_and_bodies_are_no_click(siege: Siege, edge: Client) -> None:
    path = siege.mine.anne.link.path
    for method in ("POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PROPFIND"):
        answer = edge.open(path, method=method, data=b"x" * 100_000)
        assert answer.status_code in (200, 204, 404, 405), (method, answer.status_code)
