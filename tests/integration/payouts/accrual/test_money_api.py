"""What shops, advisers and finance read about money over the API."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from marketplace.core import auth, clock
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.money import Money
from payouts.accrual import isolation, registration
from payouts.ledger import postings
from tests.applications import application
from tests.integration.payouts.world import NOW, World

Act = Callable[[Actor], FlaskClient]
FINANCE = Actor(user_id=uuid.uuid4(), roles=frozenset({"finance"}), via="token")


def owner(*shops: uuid.UUID) -> Actor:
    return Actor(
        user_id=uuid.uuid4(), roles=frozenset({"owner"}), shop_ids=shops, owned_shop_ids=shops, via="token"
    )


def adviser(adviser_id: uuid.UUID) -> Actor:
    return Actor(user_id=uuid.uuid4(), roles=frozenset({"adviser"}), adviser_id=adviser_id, via="token")


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


@pytest.fixture
def act(world: World) -> Iterator[Act]:
    """Give a client that acts as somebody, on the web role."""
    before = list(auth._loader)
    world.database.open("app")
    app = application(registration.blueprints())

    def as_actor(actor: Actor) -> FlaskClient:
        world.database.open("app")
        auth.set_actor_loader(lambda _request: actor)
        client = app.test_client()
        if not actor.is_anonymous:
            client.environ_base["HTTP_AUTHORIZATION"] = "Bearer of-the-test"
        return client

    yield as_actor
    auth._loader[:] = before


def work(world: World) -> None:
    world.database.open("worker")


def test_a_shop_sees_its_budget_and_what_waits_for_it(world: World, act: Act) -> None:
    work(world)
    shop, one = world.shop(), world.adviser()
    world.pay_in(shop, 5000)
    world.sale(shop, one, 1000)
    late = world.sale(shop, one, 4000)
    world.move(late, "approved")
    world.post()
    answer = act(owner(shop)).get("/api/v1/funding")
    assert answer.status_code == 200
    body = answer.json
    assert body["balances"][0] | {"as_of": ""} == {
        "currency": "EUR", "funded_to": eur("39.00"), "owed": eur("44.00"), "as_of": "",
    }  # fmt: skip
    [waiting] = body["awaiting"]
    assert waiting["commission_id"] == str(late) and waiting["approved"] is True
    assert (waiting["commission"], waiting["fee"]) == (eur("40.00"), eur("4.00"))
    assert [payment["state"] for payment in body["payments"]] == ["paid"]
    assert act(FINANCE).get(f"/api/v1/funding?shop_id={shop}").json["balances"][0]["owed"] == eur("44.00")


def test_another_tenants_money_looks_like_nothing(world: World, act: Act) -> None:
    work(world)
    shop, one = world.shop(), world.adviser()
    assert act(owner(world.shop())).get(f"/api/v1/funding?shop_id={shop}").status_code == 404
    assert act(adviser(world.adviser())).get(f"/api/v1/earnings?adviser_id={one}").status_code == 404
    assert act(adviser(one)).get("/api/v1/funding").status_code == 403
    assert act(owner(shop)).get("/api/v1/earnings").status_code == 403
    assert act(FINANCE).get(f"/api/v1/earnings?adviser_id={uuid.uuid4()}").status_code == 404
    for path in ("/api/v1/ledger/accounts", "/api/v1/ledger/entries", "/api/v1/ledger/set-aside"):
        assert act(owner(shop)).get(path).status_code == 403
        assert act(adviser(one)).get(path).status_code == 403
        assert act(ANONYMOUS).get(path).status_code == 401


def test_finance_sees_what_could_not_be_posted_and_why(world: World, act: Act) -> None:
    shop, one = world.shop(), world.adviser()
    good = world.sale(shop, one, 1000)
    bad = world.sale(
        world.insert(
            "shop", code="nofee", name="x", legal_name="x", registration_no="1", country="NL", currency="EUR"
        ),
        one,
        1000,
    )
    work(world)
    isolation.post_everything()
    [item] = act(FINANCE).get("/api/v1/ledger/set-aside").json["items"]
    assert (item["commission_id"], item["tries"], item["code"]) == (str(bad), 1, "TypeError")
    assert str(good) not in str(item)


def test_earnings_tell_where_each_cent_is(world: World, act: Act) -> None:
    work(world)
    rich, poor, one = world.shop(), world.shop(), world.adviser()
    terms = world.insert_terms(hold_days=30)
    world.pay_in(rich, 100_000)
    ordered = NOW - dt.timedelta(days=2)
    held = world.commission(rich, one, ordered_at=ordered)
    world.move(held, "earned", 111, terms_id=terms)
    paid, payable = world.sale(rich, one, 7000), world.sale(rich, one, 500)
    waiting = world.sale(poor, one, 222)
    for sale in (paid, payable, waiting):
        world.move(sale, "approved")
    world.post()
    payout, parts = uuid.uuid4(), [(rich, Money(7000, "EUR"))]
    world.enter(postings.reserve(payout, one, parts, at=NOW))
    world.enter(postings.sent(payout, one, parts, transfer_id="tr_1", at=NOW))
    world.enter(
        postings.in_bank(payout, one, Money(6000, "EUR"), stripe_payout_id="po_1", at=NOW + dt.timedelta(2))
    )
    world.enter(postings.reserve(uuid.uuid4(), one, [(rich, Money(300, "EUR"))], at=NOW))
    body = act(adviser(one)).get("/api/v1/earnings").json
    [item] = body["items"]
    amounts = {name: item[name]["amount"]["amount"] for name in item if name != "currency"}
    assert amounts == {
        "on_hold": "1.11", "awaiting_shop": "2.22", "payable": "2.00", "in_payout": "3.00", "paid": "10.00",
        "in_bank": "60.00", "recovering": "0.00",
    }  # fmt: skip
    assert item["on_hold"]["at"] == (ordered + dt.timedelta(days=30)).isoformat().replace("+00:00", "Z")
    assert item["in_bank"]["at"] == "2026-07-03T12:00:00Z"
    assert item["in_payout"]["at"] == "2026-07-01T12:00:00Z"
    assert all(item[name]["note"] for name in amounts)
    assert act(FINANCE).get(f"/api/v1/earnings?adviser_id={one}").json == body


def test_somebody_who_never_earned_has_no_earnings(world: World, act: Act) -> None:
    work(world)
    one = world.adviser()
    body = act(adviser(one)).get("/api/v1/earnings").json
    assert body == {"adviser_id": str(one), "items": [], "next_cursor": None}


def pages(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    items, cursor = [], ""
    while cursor is not None:
        body = client.get(path + (f"&cursor={cursor}" if cursor else "")).json
        items += body["items"]
        cursor = body["next_cursor"]
    return items


def test_finance_pages_through_the_books(world: World, act: Act) -> None:
    work(world)
    shop, one = world.shop(), world.adviser()
    world.pay_in(shop, 5000, fee=75)
    sales = [world.sale(shop, one, 100) for _ in range(4)]
    world.post()
    client = act(FINANCE)
    accounts = pages(client, "/api/v1/ledger/accounts?limit=2")
    assert len(accounts) == len({item["id"] for item in accounts}) >= 6
    [prepaid] = pages(client, f"/api/v1/ledger/accounts?limit=9&owner={shop}&kind=shop:prepaid")
    assert prepaid["balance"] == eur("45.60") and prepaid["normal"] == "credit"
    entries = pages(client, "/api/v1/ledger/entries?limit=2")
    assert [item["kind"] for item in entries] == ["accrue"] * 4 + ["fund"]
    [one_sale] = pages(client, f"/api/v1/ledger/entries?limit=5&source_type=commission&source_id={sales[0]}")
    assert [line.get("debit") for line in one_sale["lines"]] == [eur("1.10"), None, None]
    assert [line.get("credit") for line in one_sale["lines"]] == [None, eur("1.00"), eur("0.10")]
    touching = pages(client, f"/api/v1/ledger/entries?limit=5&account={prepaid['code']}")
    assert len(touching) == 5
    since = "2026-07-01T12:00:00Z"
    assert len(pages(client, f"/api/v1/ledger/entries?limit=50&since={since}&kind=fund")) == 1
    assert pages(client, f"/api/v1/ledger/entries?limit=50&until={since}") == []


def test_bad_queries_are_answered_with_422(act: Act) -> None:
    client = act(FINANCE)
    both = ("cursor=zzz", "cursor=WyJ4Il0", "limit=0", "limit=101", "nosuch=1", "kind=%00")
    wrong = [f"{name}?{query}" for name in ("accounts", "entries") for query in both]
    for path in (*wrong, "accounts?currency=eur", "accounts?owner=1", "entries?since=now"):
        answer = client.get(f"/api/v1/ledger/{path}")
        assert answer.status_code == 422, path
        assert answer.json["unchanged"]


def test_business_time_is_the_time_of_the_balance(world: World, act: Act) -> None:
    work(world)
    shop = world.shop()
    body = act(owner(shop)).get("/api/v1/funding").json
    as_of = dt.datetime.fromisoformat(body["balances"][0]["as_of"])
    assert abs(as_of - clock.now()) < dt.timedelta(minutes=1)
