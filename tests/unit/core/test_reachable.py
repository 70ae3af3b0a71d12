"""In the demo a browser is led to where a shop stands; outside of it, and for programs, no address is touched."""

from __future__ import annotations

import dataclasses

import pytest

from marketplace.core.config import Settings
from marketplace.core.reachable import for_browsers, reachable

HOSTS = {"pear.example": "127.0.0.1:8405"}
DEMO = Settings(mode="demo", fetch_hosts=HOSTS)
TRACKED = "https://pear.example/p/1?aan=token&x=%20"
LED = "http://127.0.0.1:8405/pear.example/p/1?aan=token&x=%20"


@pytest.mark.parametrize(
    ("address", "led"),
    [
        (TRACKED, LED),
        ("https://PEAR.example", "http://127.0.0.1:8405/pear.example/"),
        ("https://elsewhere.example/p", "https://elsewhere.example/p"),
        ("/search?q=x", "/search?q=x"),
    ],
)
def test_an_address_of_a_shop_of_the_demo_is_led_to_this_machine_and_no_other(address, led):
    assert reachable(address, DEMO) == led
    for mode in ("test", "production"):
        assert reachable(address, dataclasses.replace(DEMO, mode=mode)) == address


def ask(settings, **headers):
    answered = []

    def redirect(_environ, start):
        start("302 Found", [("Location", TRACKED), ("Set-Cookie", "a=b")])
        return [b""]

    def start(status, headers, *_more):
        answered.append((status, dict(headers)))

    assert list(for_browsers(redirect, settings)({"PATH_INFO": "/t/x", **headers}, start)) == [b""]
    [(status, sent)] = answered
    assert status == "302 Found" and sent["Set-Cookie"] == "a=b"
    return sent["Location"]


def test_only_whoever_walks_from_page_to_page_is_led():
    assert ask(DEMO, HTTP_SEC_FETCH_MODE="navigate") == LED
    assert ask(DEMO) == ask(DEMO, HTTP_SEC_FETCH_MODE="cors") == TRACKED
    production = dataclasses.replace(DEMO, mode="production")
    assert ask(production, HTTP_SEC_FETCH_MODE="navigate") == TRACKED
