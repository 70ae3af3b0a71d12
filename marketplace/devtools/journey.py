"""`./dev journey`: the main job over HTTP on throw-away servers of its own, ending at a difference of 0.00."""

from __future__ import annotations

import argparse
import json
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marketplace.devtools import payday, ports, stack
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import CURRENCY, MainJob, line_of, must, unit_price
from marketplace.devtools.people import hire, sign_up
from marketplace.devtools.sample_feed import HOST as SAMPLE_HOST
from marketplace.devtools.sample_feed import SAMPLE_FEED
from marketplace.devtools.site import Site, hosts_in, serving
from marketplace.devtools.state import World

HOLD_DAYS = 14
RATE_BP = 1000
MOST_HOSTS = 20
# Enough that ten percent of it passes the smallest payout.
ORDER_WORTH = Decimal(600)
SHOP = {
    "name": "Journey shop",
    "legal_name": "Journey Shop B.V.",
    "registration_no": "12345678",
    "country": "NL",
    "currency": CURRENCY,
}


class Teller:
    """Prints a line per hop: number, name, what happened, ids."""

    def __init__(self, as_json: bool) -> None:
        self.as_json, self.count, self.began = as_json, 0, time.monotonic()

    def __call__(self, hop: str, text: str, **ids: Any) -> None:
        """Tell one hop."""
        self.count += 1
        if self.as_json:
            print(
                json.dumps({"hop": self.count, "name": hop, "text": text, **ids}, ensure_ascii=False),
                flush=True,
            )
            return
        named = " ".join(f"{name}={value}" for name, value in ids.items())
        print(f"{self.count:02d} {hop:<15}{text}  {named}".rstrip(), flush=True)


def run(args: argparse.Namespace) -> int:
    """Play the main job (args: feed, json); 0 only when reconciliation ends at 0.00."""
    feed = _read(args.feed) if args.feed else SAMPLE_FEED
    tell = Teller(args.json)
    site = Site()
    hosts = hosts_in(feed) if args.feed else [SAMPLE_HOST]
    extra = {"AANRADER_FETCH_HOSTS": site.fetch_hosts(hosts), "AANRADER_HTTP_TARGETS": "1"}
    with serving(site), World.throwaway("journey") as world:
        chosen = ports.choose(_far_from_the_demo())
        with stack.running(
            world, chosen, lambda text: tell("servers", text), mode="test", extra=extra
        ) as running:
            try:
                difference = play(MainJob(running.facts(), tell), running, site, feed)
            except DevtoolsError:
                _show_logs(world)
                raise
    print(f"reconciliation {CURRENCY} {difference:.2f}")
    return 0 if difference == 0 else 1


def _far_from_the_demo() -> dict[str, int]:
    """Return ports to begin looking at, so that several journeys and a demo don't meet."""
    base = 20_000 + os.getpid() % 2_000 * 10
    return {name: base + number for number, name in enumerate(stack.WANTED_PORTS)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DevtoolsError(f"the feed can't be read: {error}") from error


def _show_logs(world: World) -> None:
    """Print the last lines of each log, because the servers and their logs go away with the journey."""
    for log in sorted(world.logs.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        print(f"--- {log.name}", *lines, sep="\n", flush=True)


def play(job: MainJob, running: stack.Stack, site: Site, feed: bytes) -> Decimal:
    """Play every hop and return the difference that reconciliation ends with."""
    facts = job.facts
    owner = sign_up(facts, "shop_owner", "Sanne de Vries", "owner@journey.example")
    job.open_shop(owner, SHOP)
    products = usable(job.upload_feed(owner, feed))
    product = pick(job, products)
    hosts = dict.fromkeys([host_of(product), *(host_of(one) for one in products)])
    job.prove_domains(owner, site, list(hosts)[:MOST_HOSTS])
    offer = job.publish_offer(
        owner,
        "Advice on everything",
        {"default": {"percent_bp": RATE_BP}, "window_days": 30, "hold_days": HOLD_DAYS},
    )
    adviser = sign_up(facts, "adviser", "Bram Bakker", "adviser@journey.example")
    job.join(owner, adviser, offer)
    job.connect_payout_account(adviser)
    link = job.link(adviser, product)
    quantity = pieces(product)
    worth = unit_price(product) * quantity
    job.fund(owner, min(max(worth / 2, Decimal(250)), Decimal(999_999)).quantize(Decimal("0.01")))

    token = job.click(link["url"], product)
    sale = line_of(product, quantity)
    order = job.order("J-1001", [sale], tokens=[token], customer="customer-1")
    winner = order["attribution"]["winner"]
    must(
        winner and winner["adviser_id"] == adviser.adviser_id,
        "the adviser was not credited",
        order["attribution"],
    )
    job.order("J-1002", [line_of(product, 1)])
    back = unit_price(product)
    job.refund("J-1001", sale, 1, back)
    must_earn(job.explain("J-1001"), worth - back)

    job.advance(HOLD_DAYS + 1)
    payday.earnings(job, adviser)
    maker = hire(running.command, facts, "finance", "Fatima Finance", "finance1@journey.example")
    approver = hire(running.command, facts, "finance", "Frits Finance", "finance2@journey.example")
    finished = payday.pay_out(job, maker, approver)
    job.advance(7)
    payday.see_in_bank(job, maker, finished["id"])
    payday.read_statement(job, adviser)
    job.refund("J-1001", sale, 1, back)
    payday.earnings(job, adviser)
    return payday.reconcile(job, maker)


def usable(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the products that can be linked and ordered: a priced page on a host with a name."""
    found = []
    for product in products:
        address = urlsplit(product["link"])
        named = address.port is None and any(char.isalpha() for char in address.hostname or "")
        if named and unit_price(product) > 0:
            found.append(product)
    must(bool(found), "no row of the feed made a product with a price and a page on a named host")
    return found


def pick(job: MainJob, products: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the cheapest product, saying so when its price is in another currency."""
    product = min(products, key=unit_price)
    price = product["price"]
    if price["currency"] != CURRENCY:
        job.tell(
            "currency",
            f"{price['amount']} {price['currency']} is ordered as {CURRENCY} {unit_price(product)}",
        )
    return product


def pieces(product: dict[str, Any]) -> int:
    """Return how many pieces are ordered: at least three, and worth enough to be paid out afterwards."""
    return max(3, int(ORDER_WORTH / unit_price(product)) + 1)


def must_earn(order: dict[str, Any], remaining: Decimal) -> None:
    """Check that the commission is the rate of what was not returned."""
    wanted = (remaining * RATE_BP / 10_000).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
    amounts = [Decimal(commission["amount"]["amount"]) for commission in order["commissions"]]
    must(amounts == [wanted], f"the commission should be {wanted}", amounts)


def host_of(product: dict[str, Any]) -> str:
    """Return the host of a product's page."""
    return urlsplit(product["link"]).hostname or ""
