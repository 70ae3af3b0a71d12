"""The main job, hop by hop over HTTP: from a shop's first product to money in an adviser's bank.

Each hop does what a person would do, checks what it gets, and tells one line with ids and amounts. The demo's
seeder and the journey play the same hops.
"""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from marketplace.devtools import business_time
from marketplace.devtools.drain import drain
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.people import Person
from marketplace.devtools.site import ShowsProofs
from marketplace.devtools.talk import Caller

Tell = Callable[..., None]
CURRENCY = "EUR"
# Enough to choose from, of a catalogue of any size.
MOST_PRODUCTS = 2000
_TRIES_A_WAKE = 10
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Accept-Language": "nl-NL,nl;q=0.9,en;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
}


class WentWrong(DevtoolsError):
    """Say that a hop did not come out as promised."""


def must(holds: bool, what: str, *seen: Any) -> None:
    """Raise WentWrong with what was seen unless the promise holds."""
    if not holds:
        raise WentWrong(f"{what}; seen: {' '.join(str(one) for one in seen)}"[:3000])


def euro(amount: Decimal | str) -> dict[str, str]:
    """Return an amount in the journey's currency as the API takes it."""
    return {"amount": str(Decimal(amount).quantize(Decimal("0.01"))), "currency": CURRENCY}


def decimal_of(money: Mapping[str, str]) -> Decimal:
    """Return an amount of the API exactly."""
    return Decimal(money["amount"])


class MainJob:
    """One shop, its adviser and the platform's people, on a running set of services."""

    def __init__(self, facts: Mapping[str, Any], tell: Tell) -> None:
        self.facts, self.tell = facts, tell
        self.shop_key: Caller = Caller(facts["web"])

    def business_now(self) -> dt.datetime:
        """Return business time as the web process sees it."""
        shown = Caller(self.facts["web"]).get("/_dev/clock")["business_now"]
        return dt.datetime.fromisoformat(shown)

    def settle_down(self, timeout: float = 60) -> None:
        """Wait until nothing is due at business now."""
        left = drain(self.facts, timeout)
        must(not left, f"work is still due after {timeout:.0f} s", left)

    def advance(self, days: int) -> None:
        """Move business time forward by days and let everything that falls due happen."""
        offset = business_time.offset_now(self.facts) + days * 86_400
        business_time.set_offset(self.facts, offset)
        self.settle_down()
        self.tell("clock", f"moved {days} days to {self.business_now():%Y-%m-%d}", days=days)

    def open_shop(self, owner: Person, details: Mapping[str, Any]) -> None:
        """Create the shop with its legal details, agree to the terms, make its key."""
        shop = owner.caller.post("shops", dict(details))
        owner.learn()
        agree(owner)
        self.shop_key = Caller(self.facts["web"], owner.make_key("orders"))
        self.tell("shop", f"{shop['name']} with key", shop_id=shop["id"], owner_id=owner.user_id)

    def prove_domains(self, owner: Person, site: ShowsProofs, hosts: list[str]) -> None:
        """Claim each host and prove it by the file on the shop's site."""
        for host in hosts:
            domain = owner.caller.post("domains", {"host": host, "proof": "file"})
            site.proofs[domain["host"]] = domain["proof_token"]
            shown = owner.caller.post(f"domains/{domain['id']}/verify", {})
            must(shown["state"] == "verified", f"domain {host} is not verified", shown)
            self.tell("domain", f"{host} verified", domain_id=domain["id"])

    def upload_feed(self, owner: Person, feed: bytes, kind: str = "text/xml") -> list[dict[str, Any]]:
        """Upload a product feed, follow it to its end, and return the products that can be sold."""
        job = owner.caller.post(
            "feeds", raw=feed, headers={"Content-Type": kind}, params={"shop_id": owner.shop_id}
        )
        began = time.monotonic()
        for tries in itertools.count(1):
            if job["state"] not in ("queued", "running"):
                break
            must(time.monotonic() - began < 600, "the feed is not read within ten minutes", job)
            # The worker was told of it; only when it did not hear that does it have to be woken.
            if tries % _TRIES_A_WAKE == 0:
                business_time.wake(self.facts)
            time.sleep(0.1)
            job = owner.caller.get(f"feeds/{job['id']}")
        must(job["state"] == "done", "the feed was not taken", job)
        products = owner.caller.items("products", most=MOST_PRODUCTS, shop_id=owner.shop_id, limit=100)
        counted = ", ".join(f"{job[name]} {name}" for name in ("rows_read", "added", "refused"))
        self.tell("feed", counted, feed_id=job["id"], products=len(products))
        return products

    def publish_offer(self, owner: Person, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an offer, publish its terms and open it."""
        offer: dict[str, Any] = owner.caller.post("offers", {"name": name, "shop_id": owner.shop_id})
        terms = owner.caller.post(f"offers/{offer['id']}/terms", dict(document))
        owner.caller.post(f"offers/{offer['id']}/open")
        self.tell(
            "offer",
            f"{name}, terms version {terms['version']}: {document['default']}",
            offer_id=offer["id"],
            terms_id=terms["id"],
        )
        return offer

    def join(self, owner: Person, adviser: Person, offer: Mapping[str, Any]) -> dict[str, Any]:
        """Let the adviser apply, the shop approve, and the adviser accept the terms."""
        partnership = adviser.caller.post(
            "partnerships", {"offer_id": offer["id"], "message": "I know these."}
        )
        owner.caller.post(f"partnerships/{partnership['id']}/approve")
        accepted: dict[str, Any] = adviser.caller.post(f"partnerships/{partnership['id']}/accept")
        self.tell("partnership", f"{adviser.name} accepted", partnership_id=partnership["id"])
        return accepted

    def connect_payout_account(self, adviser: Person) -> None:
        """Connect the adviser at the payment provider through its hosted page."""
        url = adviser.caller.post("payout-account", {})["url"]
        done = adviser.caller.request("POST", url)
        must(
            done.status_code in (200, 302, 303),
            "onboarding was not completed",
            done.status_code,
            done.text[:300],
        )
        self.settle_down()
        state = adviser.caller.get("payout-account")
        must(not state["missing"], "the payout account still misses something", state)
        self.tell("payout account", state["state"], adviser_id=adviser.adviser_id)

    def fund(self, owner: Person, amount: Decimal) -> dict[str, Any]:
        """Pay into the shop's media budget on the hosted page."""
        opened: dict[str, Any] = owner.caller.post(
            "funding", {"amount": euro(amount), "shop_id": owner.shop_id}
        )
        done = owner.caller.request("POST", opened["url"])
        must(
            done.status_code in (200, 302, 303),
            "the payment was not completed",
            done.status_code,
            done.text[:300],
        )
        self.settle_down()
        self.tell("funding", f"EUR {amount:.2f} paid into the media budget", funding_id=opened["id"])
        return opened

    def link(
        self, adviser: Person, product: Mapping[str, Any], placement: str | None = None
    ) -> dict[str, Any]:
        """Make a tracked link from a product's address."""
        made: dict[str, Any] = adviser.caller.post("links", {"url": product["link"], "placement": placement})
        self.tell("link", f"{made['url']} to {made['target_url']}", link_id=made["id"])
        return made

    def click(self, address: str, product: Mapping[str, Any] | None = None) -> str:
        """Click a tracked link as a shopper's browser does, and return the signed token that the shop receives."""
        # A link is live once the edge has heard of it, which takes an instant.
        deadline = time.monotonic() + 10
        while True:
            answer = Caller(self.facts["edge"]).request("GET", address, headers=BROWSER)
            target = urlsplit(answer.headers.get("Location", ""))
            tokens = parse_qs(target.query).get("aan", [])
            if tokens or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        must(
            answer.status_code == 302 and bool(tokens),
            "the click was not redirected with a token",
            answer.headers,
        )
        if product is not None:
            wanted = urlsplit(product["link"]).hostname
            must(target.hostname == wanted, f"the click leads elsewhere than {wanted}", target.hostname)
        self.tell("click", f"302 to {target.hostname}{target.path}"[:110])
        return str(tokens[0])

    def order(
        self,
        ref: str,
        lines: list[dict[str, Any]],
        *,
        tokens: list[str] | None = None,
        code: str | None = None,
        customer: str | None = None,
        key: Caller | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Report an order with the shop's key, twice, and check that the second changes nothing."""
        body = {
            "order_ref": ref,
            "ordered_at": self.business_now().isoformat(),
            "currency": CURRENCY,
            "click_tokens": tokens or [],
            "lines": lines,
            **({"code": code} if code else {}),
            **({"customer": {"ref": customer}} if customer else {}),
            **more,
        }
        caller = key or self.shop_key
        answer = caller.request("POST", "orders", body)
        must(answer.status_code == 201, f"order {ref} was not taken", answer.text)
        again = caller.request("POST", "orders", body)
        replayed = again.headers.get("Idempotent-Replayed") == "true"
        must(again.json() == answer.json() and replayed, f"order {ref} is not the same twice", again.text)
        order: dict[str, Any] = answer.json()
        winner = order["attribution"]["winner"]
        credited = f"credited to {winner['adviser_id']}" if winner else "nobody inspired it"
        total = sum((decimal_of(line["net"]) for line in lines), Decimal(0))
        self.tell(
            "order", f"{ref} EUR {total:.2f}, {credited} ({order['attribution']['state']})", order_ref=ref
        )
        return order

    def refund(self, ref: str, line: Mapping[str, Any], quantity: int, net: Decimal) -> dict[str, Any]:
        """Report that part of an order came back."""
        back = {"line_ref": line["line_ref"], "quantity": quantity, "net": euro(net)}
        body = {
            "refund_ref": f"{ref}-{secrets.token_hex(3)}",
            "refunded_at": self.business_now().isoformat(),
            "lines": [back],
            "reason": "item_returned",
        }
        answer: dict[str, Any] = self.shop_key.post(f"orders/{ref}/refunds", body)
        self.settle_down()
        self.tell("refund", f"{quantity} of {ref}, EUR {net:.2f}", refund_ref=body["refund_ref"])
        return answer

    def explain(self, ref: str) -> dict[str, Any]:
        """Read an order back with its attribution and commissions."""
        self.settle_down()
        order: dict[str, Any] = self.shop_key.get(f"orders/{ref}")
        for commission in order["commissions"]:
            self.tell(
                "commission",
                f"EUR {commission['amount']['amount']} {commission['state']} on {ref}",
                commission_id=commission["id"],
                adviser_id=commission["adviser_id"],
            )
        return order


def agree(person: Person) -> None:
    """Agree to every text in force that concerns this person."""
    for text in person.caller.get("agreements")["documents"]:
        if text["kind"] == "data_processing" and person.shop_id is None:
            continue
        if text["kind"] == "self_billing" and person.adviser_id is None:
            continue
        person.caller.post("agreements", {name: text[name] for name in ("kind", "version", "sha256")})


def unit_price(product: Mapping[str, Any]) -> Decimal:
    """Return the digits of a product's feed price as EUR, without what lies below a cent."""
    return Decimal(product["price"]["amount"]).quantize(Decimal("0.01"), rounding="ROUND_DOWN")


def line_of(product: Mapping[str, Any], quantity: int, line_ref: str = "1") -> dict[str, Any]:
    """Return an order line for so many pieces of a product at its feed price, the digits taken as EUR net."""
    net = unit_price(product) * quantity
    return {
        "line_ref": line_ref,
        "sku": product["sku"],
        "title": product["title"][:200],
        "quantity": quantity,
        "net": euro(net),
        "tax": euro((net * 21 / 100).quantize(Decimal("0.01"))),
    }
