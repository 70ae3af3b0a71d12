"""The choice never to be recognised reaches the links' own domain, and no link of a stranger takes it back."""

from __future__ import annotations

import dataclasses

import flask
import pytest
import time_machine

from marketplace.core import recognition
from marketplace.core.config import Settings
from tracking.edge import choice
from tracking.edge.consent import COOKIE, MODES, Visitors

HERE = Settings(
    mode="test", base_url="https://aanrader.example", edge_url="https://go.example", secret_key="s" * 40
)  # fmt: skip
AGENT = "Mozilla/5.0 Firefox"


@pytest.fixture
def links():
    app = flask.Flask("links")
    choice.add_to(app, HERE)
    return app.test_client()


def go(links, address, agent=AGENT):
    answer = links.get(
        address.removeprefix(HERE.edge_url), base_url=HERE.edge_url, headers={"User-Agent": agent}
    )
    assert answer.status_code == 303
    return answer.headers["Location"].rpartition("links=")[2]


def recognised(links):
    """Return whether a click of this browser would be recognised, by the cookies that it has at the links' domain."""
    cookie = links.get_cookie(recognition.COOKIE, domain="go.example")
    sent = {"HTTP_COOKIE": f"{cookie.key}={cookie.value}"} if cookie else {}
    return Visitors(b"k" * 32, is_https=True).recognise(sent, MODES["exempt"], "0" * 32)[0] is not None


def test_whoever_is_never_to_be_recognised_is_not_at_the_links_own_domain_either(links):
    links.set_cookie(COOKIE, "a" * 32, domain="go.example")
    assert recognised(links)
    assert go(links, recognition.address(HERE, recognise=False, agent=AGENT)) == "no"
    assert not recognised(links)
    assert links.get_cookie(COOKIE, domain="go.example") is None
    kept = links.get_cookie(recognition.COOKIE, domain="go.example")
    assert kept.secure and kept.http_only and kept.same_site == "Lax" and kept.max_age == recognition.YEAR
    assert go(links, recognition.address(HERE, recognise=True, agent=AGENT)) == "yes"
    assert recognised(links)


def test_only_the_browser_that_asked_a_moment_ago_is_recognised_again(links):
    assert go(links, "/choice?recognise=no") == "no"
    with time_machine.travel("2026-11-23T12:00:00Z", tick=False) as moment:
        asked = recognition.address(HERE, recognise=True, agent=AGENT)
        strange = recognition.address(
            dataclasses.replace(HERE, secret_key="x" * 40), recognise=True, agent=AGENT
        )
        for address in ("/choice?recognise=yes", "/choice?recognise=maybe", "/choice", strange):
            assert go(links, address) == "stale" and not recognised(links)
        assert go(links, asked, agent="Other/1.0") == "stale" and not recognised(links)
        moment.shift(recognition.FRESH_SECONDS + 2)
        assert go(links, asked) == "stale" and not recognised(links)


def test_whoever_types_the_links_domain_comes_to_our_front_page(links):
    answer = links.get("/", base_url=HERE.edge_url)
    assert answer.status_code == 302 and answer.headers["Location"] == "https://aanrader.example/"


def test_one_host_for_both_needs_no_way_round():
    assert recognition.has_own_host(HERE)
    assert not recognition.has_own_host(dataclasses.replace(HERE, edge_url="https://aanrader.example:8443"))
