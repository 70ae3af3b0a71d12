"""Whole services of a running product are killed while shoppers click, a shop reports and finance pays."""

import contextlib
import datetime as dt
import itertools
import json
import os
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg

from marketplace.devtools import drain, ports, stack
from marketplace.devtools.environment import secrets_of
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import BROWSER, MainJob, euro, line_of
from marketplace.devtools.people import Person, hire, sign_up
from marketplace.devtools.sample_feed import HOST, SAMPLE_FEED
from marketplace.devtools.site import Site, serving
from marketplace.devtools.state import World
from marketplace.devtools.talk import Caller
from tracking.touches import tokens

VICTIMS = ("web", "edge", "worker", "shipper", "sandbox", "postgres")
SHOP = {
    "name": "Shop of the kills",
    "legal_name": "Kills B.V.",
    "registration_no": "12345678",
    "country": "NL",
    "currency": "EUR",
}
DRAIN_SECONDS = 420.0
# Orders that are reported before the first of them is approved.
PROVISIONAL = 6


class Load:
    """Clients that ask until they are answered, and remember what they were promised."""

    def __init__(
        self, job: MainJob, owner: Person, advisers: list[Person], links: list[str], seed: int
    ) -> None:
        self.job, self.owner, self.advisers, self.links = job, owner, advisers, links
        self.draw = random.Random(seed)
        self.over = threading.Event()
        self.clicks: set[str] = set()
        self.orders: set[str] = set()
        self.refused: list[str] = []
        self.counts: Counter[str] = Counter()
        self._tokens: queue.LifoQueue[str] = queue.LifoQueue()
        self._keys: tuple[tuple[int, bytes], ...] = ()
        self._base = job.business_now() - dt.timedelta(seconds=time.time())

    @contextlib.contextmanager
    def running(self, keys: tuple[tuple[int, bytes], ...], *finance: Person) -> Iterator[None]:
        """Load the product for as long as the `with` lasts; every request under way is answered before it ends."""
        self._keys = keys
        works: list[Callable[[], None]] = [self._click, self._click, self._order, lambda: self._pay(*finance)]
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(120)

    def _now(self) -> str:
        return (self._base + dt.timedelta(seconds=time.time())).isoformat()

    def _click(self) -> None:
        with httpx.Client(timeout=10) as browser:
            for link in itertools.cycle(self.links):
                if self.over.is_set():
                    return
                try:
                    answer = browser.get(link, headers=BROWSER)
                except httpx.TransportError:
                    self.counts["clicks unanswered"] += 1
                    time.sleep(0.1)
                    continue
                token = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("aan", [""])[0]
                read = tokens.read(self._keys, token) if answer.status_code == 302 and token else None
                if read is not None:
                    self.clicks.add(str(read.click_id))
                    self._tokens.put(token)
                time.sleep(0.03)

    def _until_answered(self, who: Caller, path: str, body: Any) -> Any:
        """Send the same request until it is answered; None when it is refused for good, or the bench is over."""
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                answer = who.request("POST", path, body)
            except DevtoolsError:
                self.counts["requests unanswered"] += 1
            else:
                if answer.status_code < 300:
                    return answer.json()
                if answer.status_code < 500 and answer.status_code != 429:
                    self.counts[f"{path.split('/')[0]} {answer.status_code}"] += 1
                    return None
                self.counts["requests put off"] += 1
            time.sleep(0.2)
        self.refused.append(path)
        return None

    def _order(self) -> None:
        pending: list[str] = []
        for number in itertools.count(1):
            if self.over.is_set():
                return
            ref, worth = f"K-{number}", Decimal(self.draw.choice((300, 450, 600)))
            token = []
            with contextlib.suppress(queue.Empty):
                token = [self._tokens.get(timeout=1)]
            line = {"line_ref": "1", "sku": "any", "title": "A thing", "quantity": 3, "net": euro(worth)}
            line["tax"] = euro("0.00")
            body = {"order_ref": ref, "ordered_at": self._now(), "currency": "EUR", "click_tokens": token}
            order = self._until_answered(self.job.shop_key, "orders", {**body, "lines": [line]})
            if order is None:
                continue
            self.orders.add(ref)
            # An order stays provisional until the edge has reported past it, so approval comes some orders later.
            pending += [str(one["id"]) for one in order["commissions"]]
            while len(pending) > PROVISIONAL:
                self._until_answered(self.owner.caller, f"commissions/{pending.pop(0)}/approve", {})
            if self.draw.random() < 0.3:
                back = {"line_ref": "1", "quantity": 1, "net": euro(worth / 3)}
                refund = {
                    "refund_ref": f"{ref}-back",
                    "refunded_at": self._now(),
                    "lines": [back],
                    "reason": "other",
                }
                if self._until_answered(self.job.shop_key, f"orders/{ref}/refunds", refund) is not None:
                    self.counts["refunds"] += 1
            time.sleep(0.1)

    def _pay(self, maker: Person, approver: Person) -> None:
        while not self.over.wait(3):
            try:
                self._payday(maker, approver)
            except (DevtoolsError, KeyError, IndexError):
                # A server was away, or the run had changed: finance looks again.
                self.counts["paydays interrupted"] += 1

    def _payday(self, maker: Person, approver: Person) -> None:
        runs = [one for one in maker.caller.get("runs")["items"] if one["state"] in ("draft", "approved")]
        run = runs[0] if runs else maker.caller.post("runs", {"currency": "EUR"})
        if run["state"] == "draft":
            seen = maker.caller.post(f"runs/{run['id']}/preview")
            if not seen["included"]:
                return
            approval = {"content_hash": seen["content_hash"], "total": seen["total"], "totp": approver.code()}
            approver.caller.post(f"runs/{run['id']}/approve", approval)
        maker.caller.post(f"runs/{run['id']}/execute")
        self.counts["runs"] += 1


def kill_services(count: int, seed: int, tell: Callable[..., None]) -> list[str]:
    """Kill so many services one after the other under load; return in words what is wrong after all came to rest."""
    site = Site()
    extra = {"AANRADER_FETCH_HOSTS": site.fetch_hosts([HOST]), "AANRADER_HTTP_TARGETS": "1"}
    base = 24_000 + os.getpid() % 2_000 * 10
    wanted = {name: base + number for number, name in enumerate(stack.WANTED_PORTS)}
    with serving(site), World.throwaway("kills") as world:
        silent = stack.running(world, ports.choose(wanted), lambda _text: None, mode="test", extra=extra)
        with silent as running:
            return _kill(running, site, count, seed, tell)


def _kill(running: stack.Stack, site: Site, count: int, seed: int, tell: Callable[..., None]) -> list[str]:
    draw = random.Random(seed)
    job = MainJob(running.facts(), lambda *_, **__: None)
    owner, advisers, links = _open(job, site)
    finance = [
        hire(running.command, job.facts, "finance", name, f"{name.lower()}@kills.example")
        for name in ("Fatima", "Frits")
    ]
    load = Load(job, owner, advisers, links, seed)
    keys = ((1, bytes.fromhex(secrets_of(running.world)["token_key"])),)
    killed: Counter[str] = Counter()
    began = time.monotonic()
    wrong = []
    with load.running(keys, *finance):
        for number in range(1, count + 1):
            time.sleep(draw.uniform(0.2, 1.5))
            name = draw.choice(VICTIMS)
            running.supervisor.stop(name, kill=True)
            time.sleep(draw.uniform(0.0, 0.5))
            running.supervisor.start(name)
            killed[name] += 1
            if number % 10 == 0 or number == count:
                rate = round(number / (time.monotonic() - began), 2)
                tell(
                    "services",
                    kills=number,
                    per_second=rate,
                    clicks=len(load.clicks),
                    orders=len(load.orders),
                )
    seconds = round(time.monotonic() - began, 1)
    if load.refused:
        wrong.append(f"never answered: {load.refused[:5]}")
    wrong += [f"due still: {name} {figure}" for name, figure in drain.drain(job.facts, DRAIN_SECONDS).items()]
    wrong += _bank_week(job)
    wrong += _verify(running)
    wrong += _missing(running, load)
    tell(
        "services_total",
        kills=sum(killed.values()),
        of=dict(killed),
        seconds=seconds,
        wrong=len(wrong),
        **load.counts,
    )
    return wrong


def _open(job: MainJob, site: Site) -> tuple[Person, list[Person], list[str]]:
    owner = sign_up(job.facts, "shop_owner", "Olga", "olga@kills.example")
    job.open_shop(owner, SHOP)
    product = min(job.upload_feed(owner, SAMPLE_FEED), key=lambda one: Decimal(one["price"]["amount"]))
    job.prove_domains(owner, site, [HOST])
    terms = {"default": {"percent_bp": 1000}, "window_days": 30, "hold_days": 14}
    offer = job.publish_offer(owner, "Everything", terms)
    advisers, links = [], []
    for name in ("Anne", "Bert", "Cees"):
        adviser = sign_up(job.facts, "adviser", name, f"{name.lower()}@kills.example")
        job.join(owner, adviser, offer)
        job.connect_payout_account(adviser)
        links.append(job.link(adviser, product)["url"])
        job.click(links[-1], product)
        advisers.append(adviser)
    job.fund(owner, Decimal(200_000))
    job.order("FIRST", [line_of(product, 1)])
    return owner, advisers, links


def _bank_week(job: MainJob) -> list[str]:
    """Let a week pass, in which the money reaches the banks and the books are compared."""
    try:
        job.advance(7)
    except DevtoolsError as error:
        return [str(error)]
    return []


def _verify(running: stack.Stack) -> list[str]:
    try:
        running.command("-m", "marketplace.devtools", "verify", "--json")
    except DevtoolsError as error:
        return [line for line in str(error).splitlines() if '"FAIL"' in line] or [str(error)]
    return []


def _missing(running: stack.Stack, load: Load) -> list[str]:
    address = running.environment("command")["DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(address, autocommit=True) as connection:
        clicks: dict[str, int] = dict(
            connection.execute("SELECT click_id::text, count(*) FROM click GROUP BY 1").fetchall()
        )
        orders: dict[str, int] = dict(
            connection.execute("SELECT order_ref, count(*) FROM shop_order GROUP BY 1").fetchall()
        )
        paid = connection.execute(
            "SELECT stripe_transfer_id, id::text FROM payout WHERE state IN ('paid', 'in_bank', 'bank_failed')"
        ).fetchall()
    wrong = []
    for what, told, there in (("clicks", load.clicks, clicks), ("orders", load.orders, orders)):
        if told - set(there) or any(times != 1 for times in there.values()):
            wrong.append(
                f"{what}: {len(told - set(there))} lost, {sum(n - 1 for n in there.values())} there twice"
            )
    made = _transfers(running)
    if sorted(made) != sorted((str(one), str(two)) for one, two in paid):
        wrong.append(
            f"{len(made)} transfers at Stripe, {len(paid)} payouts paid: {json.dumps(sorted(made))[:600]}"
        )
    load.counts["transfers"] = len(made)
    return wrong


def _transfers(running: stack.Stack) -> list[tuple[str, str]]:
    stripe = Caller(running.addresses.of("sandbox"), secrets_of(running.world)["stripe_api_key"])
    found: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    while True:
        page = stripe.get("/v1/transfers", limit=100, **last)
        found += [(one["id"], one["metadata"]["payout_id"]) for one in page["data"]]
        if not page["has_more"]:
            return found
        last = {"starting_after": page["data"][-1]["id"]}
