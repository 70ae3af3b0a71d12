"""How each event of the plan is carried out over HTTP, as whoever does it: a shop, an adviser, a shopper, finance."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any
from urllib.parse import parse_qs, urlsplit

from marketplace.core import clock
from marketplace.core.formats import ZONE
from marketplace.devtools import payday
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.main_job import BROWSER, euro, must
from marketplace.devtools.people import Person
from marketplace.devtools.talk import Caller
from marketplace.devtools.world import events
from marketplace.devtools.world.cast import Cast
from marketplace.devtools.world.feeds import feed
from marketplace.devtools.world.plan import Plan
from marketplace.devtools.world.shops import product, shop
from marketplace.devtools.world.stage import KINDS

# A sign-in counts as fresh for half an hour.
_FRESH_SECONDS = 20 * 60
_LINK_SECONDS = 10.0
# From a late click to its order; an order may be told a little before it counts.
_SECONDS_LATER = dt.timedelta(seconds=5)


class Acts:
    """Carries events out; `offset` is what business time is ahead of the wall."""

    def __init__(self, cast: Cast, plan: Plan, settle: Callable[[], None]) -> None:
        self.cast, self.settle = cast, settle
        self.offset = dt.timedelta(0)
        self._browsers = {one.key: one for one in plan.shoppers}
        self._edge = Caller(cast.facts["edge"])
        self._sandbox = Caller(cast.facts["sandbox"], "sk_test_world")
        self._began, self._fresh = time.monotonic(), dict[str, float]()
        self._disputes: dict[str, str] = {}
        self._claims: dict[str | None, str] = {}
        self._evidence: dict[str, str] = {}
        self._late: dict[int, dt.datetime] = {}

    def instant(self) -> dt.datetime:
        """Return business time."""
        return clock.wall() + self.offset

    @singledispatchmethod
    def do(self, one: events.Event) -> None:
        """Carry out one event. Raises Refused or WentWrong when it does not come out as planned."""
        raise DevtoolsError(f"nobody knows how to do {one}")

    @do.register
    def _join(self, one: events.Join) -> None:
        shop_, offer = self.cast.offer(one.offer)
        adviser = self.cast.advisers[one.adviser].key
        made = adviser.post("partnerships", {"offer_id": offer["id"], "message": "Ik ken deze spullen."})
        shop_.key.post(f"partnerships/{made['id']}/approve")
        accepted = adviser.post(f"partnerships/{made['id']}/accept")
        self.cast.partnerships[one.adviser, one.offer] = made["id"]
        self.cast.links[events.Link(one.adviser, one.offer)] = accepted["link"]["url"]

    @do.register
    def _state(self, one: events.State) -> None:
        body: dict[str, Any] = {"kind": one.kind, "statement": one.statement, "link": one.link}
        if one.shop is not None:
            body |= {"shop_id": self.cast.shops[one.shop].owner.shop_id, "order_ref": one.ref}
        self._evidence[one.adviser] = self.cast.advisers[one.adviser].key.post("evidence", body)["id"]

    @do.register
    def _weigh(self, one: events.Weigh) -> None:
        path = f"evidence/{self._evidence[one.adviser]}"
        body = {} if one.reason is None else {"reason": one.reason}
        if one.shop is not None:
            self._owner(one.shop).caller.post(f"{path}/{one.verb}", body)
            return
        admin = self.renewed(self.cast.staff["ada"]).caller
        admin.post(f"{path}/review")
        admin.post(f"{path}/{one.verb}", body)

    @do.register
    def _leave(self, one: events.Leave) -> None:
        partnership = self.cast.partnerships[one.adviser, one.offer]
        self.cast.advisers[one.adviser].key.post(f"partnerships/{partnership}/leave")

    @do.register
    def _give_code(self, one: events.GiveCode) -> None:
        shop_, offer = self.cast.offer(one.offer)
        body = {"adviser_id": self.cast.advisers[one.adviser].person.adviser_id, "offer_id": offer["id"]}
        # A name with @ stands for six characters that are drawn, to be said aloud.
        named = {} if one.code.startswith("@") else {"code": one.code}
        self.cast.codes[one.code] = shop_.owner.caller.post("codes", body | named)

    @do.register
    def _end_code(self, one: events.EndCode) -> None:
        self._owner(one.shop).caller.post(f"codes/{self.cast.codes[one.code]['id']}/revoke")

    @do.register
    def _new_terms(self, one: events.NewTerms) -> None:
        shop_, offer = self.cast.offer(one.offer)
        terms = shop_.facts.offers[int(one.offer.partition(":")[2])].later_terms
        shop_.owner.caller.post(f"offers/{offer['id']}/terms", dict(terms or {}))

    @do.register
    def _move_offer(self, one: events.MoveOffer) -> None:
        shop_, offer = self.cast.offer(one.offer)
        shop_.owner.caller.post(f"offers/{offer['id']}/{one.verb}")

    @do.register
    def _fund(self, one: events.Fund) -> None:
        self.cast.shops[one.shop].job.fund(self._owner(one.shop), one.amount)

    @do.register
    def _refresh(self, one: events.RefreshFeed) -> None:
        shop_ = self.cast.shops[one.shop]
        shop_.job.upload_feed(shop_.owner, feed(one.shop, one.day), KINDS[shop(one.shop).feed_format])

    @do.register
    def _click(self, one: events.Click) -> None:
        address = self._address(one.link)
        if one.is_late:
            self._late[one.mark] = self.instant()
        headers = BROWSER | {"User-Agent": self._browsers[one.shopper].browser}
        deadline = time.monotonic() + _LINK_SECONDS
        while True:
            answer = self._edge.request("GET", address, headers=headers)
            target = urlsplit(answer.headers.get("Location", ""))
            # A link is live once the edge has heard of it; until then it leads to our own search.
            if not target.path.startswith("/search") or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        must(answer.status_code == 302, "the click was not redirected", answer.status_code, address)
        for token in parse_qs(target.query).get("aan", []):
            self.cast.tokens[one.mark] = token

    def _address(self, link: events.Link) -> str:
        if link not in self.cast.links:
            plain = events.Link(link.adviser, link.offer)
            found = product(link.sku) if link.sku else None
            if found is None:
                return f"{self.cast.links[plain]}?p={link.placement}"
            offer = self.cast.offer(link.offer)[1]
            body = {"url": found.link, "placement": link.placement, "offer_id": offer["id"]}
            self.cast.links[link] = self.cast.advisers[link.adviser].key.post("links", body)["url"]
        return self.cast.links[link]

    @do.register
    def _order(self, one: events.Order) -> None:
        shop_ = self.cast.shops[one.shop]
        body: dict[str, Any] = {
            "order_ref": one.ref,
            "ordered_at": self._ordered_at(one).isoformat(),
            "currency": shop_.facts.currency,
            "click_tokens": [self.cast.tokens[mark] for mark in one.clicks if mark in self.cast.tokens],
            "lines": [_line(line) for line in one.lines],
            "channel": one.channel,
        }
        if one.code is not None:
            drawn = self.cast.codes.get(one.code)
            body["code"] = drawn["spoken"] if one.code.startswith("@") and drawn else one.code
        if one.store is not None:
            body["store_ref"] = one.store
        if one.shopper is not None:
            digest = hashlib.sha256(self._browsers[one.shopper].email.encode()).hexdigest()
            body["customer"] = {"ref": one.shopper, "email_sha256": digest}
        caller = shop_.key.as_bearer(shop_.test_key) if one.is_test else shop_.key
        caller.post("orders", body)

    def _ordered_at(self, one: events.Order) -> dt.datetime:
        """Return when an order was placed: now, or seconds after a late click, however slow this machine is."""
        late = [self._late[mark] for mark in one.clicks if mark in self._late]
        return late[-1] + _SECONDS_LATER if late else self.instant()

    @do.register
    def _add_lines(self, one: events.AddLines) -> None:
        body = {"lines": [_line(line) for line in one.lines]}
        self.cast.shops[one.shop].key.post(f"orders/{one.ref}/lines", body)

    @do.register
    def _refund(self, one: events.Refund) -> None:
        body = {
            "refund_ref": one.refund_ref,
            "refunded_at": self.instant().isoformat(),
            "lines": [{"line_ref": one.line.ref, "quantity": one.quantity, "net": euro(one.net)}],
            "reason": "item_returned",
        }
        self.cast.shops[one.shop].key.post(f"orders/{one.ref}/refunds", body)

    @do.register
    def _cancel(self, one: events.Cancel) -> None:
        self.cast.shops[one.shop].key.post(f"orders/{one.ref}/cancel", {"reason": one.reason})

    @do.register
    def _judge(self, one: events.Judge) -> None:
        shop_ = self.cast.shops[one.shop]
        body = {} if one.reason is None else {"reason": one.reason}
        shop_.key.post(f"commissions/{self._commission(one.shop, one.ref)}/{one.verb}", body)

    @do.register
    def _dispute(self, one: events.Dispute) -> None:
        adviser, shop_ = self.cast.advisers[one.adviser].key, self.cast.shops[one.shop].key
        if one.verb == "open":
            body = {"commission_id": self._commission(one.shop, one.ref), "statement": one.words}
            self._disputes[one.ref] = adviser.post("disputes", body)["id"]
            return
        path = f"disputes/{self._disputes[one.ref]}"
        if one.verb == "escalate":
            adviser.post(f"{path}/escalate", {"statement": one.words})
        elif one.verb == "decide":
            self.renewed(self.cast.staff["ada"]).caller.post(
                f"{path}/decide", {"outcome": one.outcome, "reason": one.words}
            )
        else:
            reason = {"reason": "coupon_misuse"} if one.verb == "reject" else {}
            shop_.post(f"{path}/answer", {"outcome": one.verb, "statement": one.words, **reason})

    @do.register
    def _claim(self, one: events.Claim) -> None:
        day = self.instant().astimezone(ZONE).date() - dt.timedelta(days=one.days_ago)
        body = {
            "shop_id": self.cast.shops[one.shop].owner.shop_id,
            "bought_on": day.isoformat(),
            "statement": one.words,
        }
        told = {} if one.number is None else {"order_ref": one.number}
        about = {} if one.amount is None else {"amount": euro(one.amount)}
        self._claims[one.number] = self.cast.advisers[one.adviser].key.post("claims", body | told | about)[
            "id"
        ]

    @do.register
    def _refuse_claim(self, one: events.RefuseClaim) -> None:
        body = {"answer": "refuse", "reason": one.reason, "statement": one.words}
        self.cast.shops[one.shop].key.post(f"claims/{self._claims[one.number]}/answer", body)

    @do.register
    def _bank(self, one: events.Bank) -> None:
        adviser_id = self.cast.advisers[one.adviser].person.adviser_id
        accounts = self._sandbox.get(f"{self.cast.facts['sandbox']}/v1/accounts", limit=100)["data"]
        account = next(found["id"] for found in accounts if found["metadata"].get("adviser_id") == adviser_id)
        actions = ("payout.fail",) if one.what == "refuse" else ("account.swap_bank", "account.enable")
        for action in actions:
            address = f"{self.cast.facts['sandbox']}/_sandbox/actions"
            self._sandbox.post(address, {"action": action, "account": account})

    @do.register
    def _connect(self, one: events.Connect) -> None:
        people = [self.renewed(self.cast.advisers[key].person) for key in one.advisers]
        for person in people:
            url = person.caller.post("payout-account", {})["url"]
            done = person.caller.request("POST", url)
            must(done.status_code in (200, 302, 303), "onboarding was not completed", done.status_code)
        self.settle()
        for person in people:
            state = person.caller.get("payout-account")
            must(not state["missing"], "the payout account still misses something", person.name, state)

    @do.register
    def _pay_out(self, one: events.PayOut) -> None:
        self.settle()
        maker, approver = (self.renewed(self.cast.staff[key]) for key in ("fatima", "frits"))
        payday.pay_out(next(iter(self.cast.shops.values())).job, maker, approver)

    def _commission(self, shop_key: str, ref: str) -> str:
        found = self.cast.shops[shop_key].key.get("commissions", order_ref=ref)["items"]
        must(len(found) == 1, f"order {ref} has not one commission", found)
        return str(found[0]["id"])

    def _owner(self, shop_key: str) -> Person:
        return self.renewed(self.cast.shops[shop_key].owner)

    def renewed(self, person: Person) -> Person:
        """Let somebody sign in again when the last time was long ago: money asks for a fresh sign-in."""
        moment = time.monotonic()
        if moment - self._fresh.get(person.email, self._began) > _FRESH_SECONDS:
            person.sign_in()
            self._fresh[person.email] = moment
        return person


def _line(line: events.SoldLine) -> Mapping[str, Any]:
    return {
        "line_ref": line.ref,
        "sku": line.sku,
        "title": line.title,
        "category": line.category,
        "quantity": line.quantity,
        "net": euro(line.net),
        "tax": euro(Decimal(line.tax)),
    }
