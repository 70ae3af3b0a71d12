"""The whole product on servers of its own, open for business, and a steady trickle of clicks and orders on it."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg

from marketplace.devtools import ports, stack
from marketplace.devtools.drain import drain
from marketplace.devtools.environment import as_role, secrets_of
from marketplace.devtools.journey import HOLD_DAYS, SHOP
from marketplace.devtools.main_job import BROWSER, MainJob, line_of
from marketplace.devtools.people import sign_up
from marketplace.devtools.sample_feed import HOST, SAMPLE_FEED
from marketplace.devtools.site import Site, serving
from marketplace.devtools.stack import Stack
from marketplace.devtools.state import World


@dataclass
class Shop:
    """A shop with an adviser, a link and a budget, on a running set of services."""

    running: Stack
    job: MainJob
    link: str
    product: dict[str, Any]

    def ledger(self) -> psycopg.Connection[Any]:
        """Connect as the worker."""
        known = secrets_of(self.running.world)
        admin = self.running.addresses.admin_database_url
        url = as_role(admin, "aanrader_worker", known["password_worker"])
        return psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True, connect_timeout=10)

    def settle(self) -> dict[str, Any]:
        """Drain, and return what is still due."""
        deadline = time.monotonic() + 180
        while True:
            try:
                return drain(self.job.facts, 120)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def verify(self) -> str:
        """Check every promise, and return what is not kept."""
        said = self.running.command("-m", "marketplace.devtools", "verify")
        return "\n".join(line for line in said.splitlines() if not line.startswith("ok"))


@contextlib.contextmanager
def open_for_business() -> Iterator[Shop]:
    """Start everything, with a shop that sells and an adviser who is followed."""
    site = Site()
    extra = {"AANRADER_FETCH_HOSTS": site.fetch_hosts([HOST]), "AANRADER_HTTP_TARGETS": "1"}
    base = 24_000 + os.getpid() % 2_000 * 10
    wanted = {name: base + number for number, name in enumerate(stack.WANTED_PORTS)}
    with (
        serving(site),
        World.throwaway("faults") as world,
        stack.running(world, ports.choose(wanted), lambda _text: None, mode="test", extra=extra) as running,
    ):
        job = MainJob(running.facts(), lambda *_said, **_ids: None)
        owner = sign_up(job.facts, "shop_owner", "Sanne", "owner@faults.example")
        job.open_shop(owner, SHOP)
        product = job.upload_feed(owner, SAMPLE_FEED)[0]
        job.prove_domains(owner, site, [HOST])
        terms = {"default": {"percent_bp": 1000}, "window_days": 30, "hold_days": HOLD_DAYS}
        offer = job.publish_offer(owner, "Advice", terms)
        adviser = sign_up(job.facts, "adviser", "Bram", "adviser@faults.example")
        job.join(owner, adviser, offer)
        job.connect_payout_account(adviser)
        job.fund(owner, Decimal(50_000))
        link = job.link(adviser, product)["url"]
        job.click(link)
        try:
            yield Shop(running, job, link, product)
        finally:
            # The callers of the workshop leave their connections to the end of their process, which is ours here.
            for one in gc.get_objects():
                if isinstance(one, httpx.Client):
                    one.close()


@dataclass
class Trickle:
    """Clicks and orders, each noted with how it was answered; `dropped` are requests that were taken and not answered."""

    shop: Shop
    tokens: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """Let it flow inside the block."""
        threads = [threading.Thread(target=self._click) for _ in range(2)]
        threads += [threading.Thread(target=self._order, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(90)

    def _send(self, kind: str, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Any:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        began = time.monotonic()
        try:
            connection.connect()
        except OSError:
            self._note(f"{kind} refused")
            time.sleep(0.05)
            return None
        try:
            connection.request(method, parts.path, body, headers | {"Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._note(f"{kind} dropped")
            return None
        finally:
            connection.close()
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self._note(f"{kind} {answer.status}")
        if answer.status == 503:
            assert answer.headers["Retry-After"], answer.headers
        return answer.status, answer.headers, content

    def _note(self, what: str) -> None:
        with self._lock:
            self.statuses[what] += 1

    def _click(self) -> None:
        while not self._stop.is_set():
            found = self._send("click", "GET", self.shop.link, None, dict(BROWSER))
            if found is not None and found[0] == 302:
                token = parse_qs(urlsplit(found[1]["Location"]).query).get("aan")
                with self._lock:
                    self.tokens.append(token[0] if token else "")
            time.sleep(0.02)

    def _order(self, lane: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            ref = f"{id(self)}-{lane}-{number}"
            body = {
                "order_ref": ref,
                "ordered_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "currency": "EUR",
                "click_tokens": self.tokens[-1:],
                "lines": [line_of(self.shop.product, 1)],
            }
            headers = {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.shop.job.shop_key.token}",
            }
            url = f"{self.shop.job.facts['web']}/api/v1/orders"
            found = self._send("order", "POST", url, json.dumps(body).encode(), headers)
            if found is not None and found[0] == 201:
                with self._lock:
                    self.orders.append(ref)
            time.sleep(0.05)

    def lost(self) -> tuple[set[str], set[str], int]:
        """Return acknowledged clicks and orders that are not in the database, and how many clicks are there twice."""
        # Places 35 to 67 of a token are the id of its click.
        with self.shop.ledger() as connection:
            stored = [row[0].hex for row in connection.execute("SELECT click_id FROM click").fetchall()]
            known = {row[0] for row in connection.execute("SELECT order_ref FROM shop_order").fetchall()}
        clicks = {token[35:67] for token in self.tokens if token}
        return clicks - set(stored), set(self.orders) - known, len(stored) - len(set(stored))
