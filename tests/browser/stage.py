"""A whole product on servers of its own with nobody in it yet, and the site of a shop that is about to join."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pyotp
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Route

from marketplace.devtools import people, ports, stack
from marketplace.devtools.main_job import MainJob, euro
from marketplace.devtools.site import PROOF_PATH
from marketplace.devtools.state import World
from marketplace.devtools.talk import Caller
from marketplace.devtools.throwaway import memory_folder
from tests.browser.guests import Guest
from tests.browser.visits import Ground
from tests.walk.town import PASSWORD

WAYS_HOSTS = {way: f"{way}.tentwinkel.example" for way in ("mouse", "keyboard", "noscript")}
TENT = "Lichte tent voor twee"
NET, VAT = Decimal("640.00"), Decimal("134.40")
_FEED = """id\ttitle\tdescription\tlink\tprice\tavailability
t-1\t{tent}\tStaat in zes minuten\thttps://{host}/tent\t774.40 EUR\tin_stock
t-2\tGrondzeil\tPast onder de tent\thttps://{host}/grondzeil\t39.00 EUR\tin_stock
"""


class ShopSite:
    """The sites of shops: their proof, their feed, a product's page with a button to buy, and their own server.

    What a shop's server does is done here and nowhere else: it keeps the token with which a visitor comes, and reports
    a paid order with the shop's key.
    """

    def __init__(self) -> None:
        self.proofs: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.orders: list[str] = []
        self.web = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as whichever host was asked for."""

            def do_GET(self) -> None:
                """Send what the product fetches."""
                host = (self.headers.get("Host") or "").split(":")[0]
                status, kind, text = site.answer(host, self.path)
                content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def fetch_hosts(self) -> str:
        """Return the setting by which the product finds these sites."""
        at = f"127.0.0.1:{self.server.server_address[1]}"
        return ",".join(f"{host}={at}" for host in WAYS_HOSTS.values())

    def answer(self, host: str, target: str, sent: str = "") -> tuple[int, str, str]:
        """Return status, media type and text of an address; sent: the form that was posted to it."""
        parts = urlsplit(target)
        if parts.path == PROOF_PATH:
            return (200, "text/plain", self.proofs[host]) if host in self.proofs else (404, "text/plain", "")
        if parts.path == "/feed.tsv":
            return 200, "text/tab-separated-values", _FEED.format(tent=TENT, host=host)
        if parts.path == "/till":
            ref = self.sell(host, parse_qs(sent).get("token", []))
            return 200, "text/html", _page("Bedankt", f"<p>Je bestelling is {ref}.</p>")
        token = escape("".join(parse_qs(parts.query).get("aan", [])))
        form = f'<form method="post" action="/till"><input type="hidden" name="token" value="{token}"><button>Kopen</button></form>'
        return 200, "text/html", _page(TENT, form)

    def sell(self, host: str, tokens: list[str]) -> str:
        """Be the shop's server once an order is paid: report it with the key that the owner gave it."""
        ref = f"S-{secrets.token_hex(3)}"
        now = Caller(self.web).get("/_dev/clock")["business_now"]
        line = {
            "line_ref": "1", "sku": "t-1", "title": TENT, "quantity": 1, "net": euro(NET), "tax": euro(VAT),
        }  # fmt: skip
        body = {
            "order_ref": ref, "ordered_at": now, "currency": "EUR", "click_tokens": tokens, "lines": [line],
        }  # fmt: skip
        Caller(self.web, self.keys[host]).post("orders", body)
        self.orders.append(ref)
        return ref

    def open_to(self, context: BrowserContext) -> None:
        """Let a browser find these sites, which no name server knows."""

        def serve(route: Route) -> None:
            parts = urlsplit(route.request.url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            status, kind, text = self.answer(parts.hostname or "", target, route.request.post_data or "")
            route.fulfill(status=status, content_type=f"{kind}; charset=utf-8", body=text)

        for host in WAYS_HOSTS.values():
            context.route(f"**://{host}/**", serve)


def _page(title: str, body: str) -> str:
    return f'<!doctype html><html lang="nl"><title>{title}</title><main><h1>{title}</h1>{body}</main></html>'


class Stage:
    """A running product, a browser, the shops' sites; `ground` is what hands take."""

    def __init__(self, running: stack.Stack, browser: Browser, site: ShopSite) -> None:
        self.running, self.site, self.facts = running, site, running.facts()
        site.web = self.facts["web"]
        self.job = MainJob(self.facts, lambda *_told, **_ids: None)
        self.ground = Ground(browser, self.facts["web"], {}, sa.create_engine("sqlite://"))
        self.told: dict[str, Any] = {}

    def settle(self) -> None:
        """Let everything that is due happen."""
        self.job.settle_down()

    def days_pass(self, days: int) -> None:
        """Move the business clock, and let everything that falls due happen."""
        self.job.advance(days)

    def mailed(self, email: str, within: str) -> str:
        """Return the newest link with some words in it that was mailed to somebody, waiting for it."""
        for _ in range(300):
            caught = Caller(self.facts["web"]).get(f"{self.facts['mail']}/messages?to={quote(email)}")
            for mail in reversed(caught):
                for link in mail["links"]:
                    if within in link:
                        return str(link)
            time.sleep(0.1)
        raise AssertionError(f"no mail with {within} came to {email}")

    def hire(self, role: str) -> Guest:
        """Let somebody begin to work for the platform, as whoever runs the machine does."""
        name = f"{role}-{secrets.token_hex(3)}"
        person = people.of_platform(self.facts, role, name, f"{name}@aanrader.example")
        person.password = PASSWORD
        self.running.command("-m", "marketplace.devtools", "run", *people.hiring(person))
        return Guest(role, person.email, uuid.UUID(int=0), totp_secret=person.totp_secret)

    def carry_out(self, run_id: str) -> None:
        """Let the worker send the payouts of a run."""
        assert run_id
        self.settle()


@contextmanager
def staged(browser: Browser) -> Iterator[Stage]:
    """Run the product and the shops' sites for as long as the `with` lasts."""
    site = ShopSite()
    threading.Thread(target=site.server.serve_forever, name="shops", daemon=True).start()
    base = 22_000 + os.getpid() % 1_000 * 10
    chosen = ports.choose({name: base + place for place, name in enumerate(stack.WANTED_PORTS)})
    extra = {"AANRADER_FETCH_HOSTS": site.fetch_hosts}
    try:
        with (
            World.throwaway("stories", memory_folder()) as world,
            stack.running(world, chosen, _quiet, mode="test", extra=extra) as running,
        ):
            yield Stage(running, browser, site)
    finally:
        site.server.shutdown()
        site.server.server_close()


def _quiet(text: str) -> None:
    """Say nothing."""


def code_of(secret: str) -> str:
    """Return the present code of a second factor."""
    return pyotp.TOTP(secret).at(dt.datetime.now(dt.UTC))
