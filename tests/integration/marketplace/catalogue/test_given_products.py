"""Products by hand and from pages: price and stock are the page's, looked at again daily; feeds take over, never retire."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.given import jobs as page_jobs
from marketplace.catalogue.given import refreshing
from marketplace.catalogue.given.models import ProductPage
from marketplace.core import clock, db
from marketplace.core.db import transaction
from tests.integration.marketplace.catalogue.test_feed_sources import later

URL = "https://shop.example/p/1"
HAND = {"sku": "H1", "title": "Grinder", "link": "https://shop.example/h1",
        "price": {"amount": "49.95", "currency": "EUR"}}  # fmt: skip
DAY = dt.timedelta(days=1)


def page(price: str = "12.50", stock: str = "InStock", sku: str = "P1", **more: Any) -> str:
    told = {
        "@context": "https://schema.org", "@type": "Product", "name": "Beans", "sku": sku, **more,
        "offers": {"@type": "Offer", "price": price, "priceCurrency": "EUR",
                   "availability": f"https://schema.org/{stock}"},
    }  # fmt: skip
    return f'<html><head><title>x</title><script type="application/ld+json">{json.dumps(told)}</script></head></html>'


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


def call(market: Any, person: Any, method: str, path: str, status: int = 200, **body: Any) -> Any:
    options = {"json": body} if body else {}
    answer = market.client.open(f"/api/v1{path}", method=method, headers=person.owner.headers, **options)
    assert answer.status_code == status, answer.json
    return answer.json


def look(market: Any) -> int:
    with market.as_worker():
        return page_jobs.look_at_due_pages()


def pasted(market: Any, shop: Any, stranger: Any, **more: Any) -> Any:
    stranger.lay("/p/1", page(), Content_Type="text/html; charset=utf-8")
    return call(market, shop, "POST", "/products", 201, page_url=URL, **more)


def shown(market: Any, shop: Any, product: Any) -> Any:
    return call(market, shop, "GET", f"/products/{product['id']}")


def feed(market: Any, shop: Any, *skus: str) -> None:
    lines = [f"{sku}\tFrom the feed\thttps://shop.example/{sku}\t7.00 EUR" for sku in skus]
    body = "\n".join(["id\ttitle\tlink\tprice", *lines])
    assert market.client.post("/api/v1/feeds", data=body, headers=shop.owner.headers).status_code == 202
    with market.as_worker():
        assert jobs.read_waiting_feeds() == 1


def test_a_page_is_shown_field_by_field_with_where_each_stood_and_nothing_is_stored(
    market: Any, shop: Any, stranger: Any
) -> None:
    head = '<meta property="og:image" content="/b.jpg"><link rel="canonical" href="/p/1"><script'
    stranger.lay("/p/1?utm_source=x", page().replace("<script", head, 1), Content_Type="text/html")
    found = call(market, shop, "POST", "/product-pages", url=f"{URL}?utm_source=x")
    fields = {one["field"]: (one["value"], one["origin"]) for one in found["fields"]}
    assert fields["price"] == ("12.50 EUR", "json-ld") and fields["sku"] == ("P1", "json-ld")
    assert fields["image_link"] == ("https://shop.example/b.jpg", "opengraph")
    assert fields["link"] == (URL, "html")
    assert found["product"]["price"] == {"amount": "12.50", "currency": "EUR"}
    assert found["product"]["availability"] == "in_stock" and found["host_verified"] is True
    assert found["notes"] == [] and found["seen_at"]
    assert market.count("SELECT count(*) FROM product") == 0


def test_a_page_elsewhere_is_shown_and_not_stored(market: Any, shop: Any, stranger: Any) -> None:
    stranger.lay("/p/9", page(), Content_Type="text/html")
    found = call(market, shop, "POST", "/product-pages", url="https://elsewhere.example/p/9")
    assert found["host_verified"] is False and [note["code"] for note in found["notes"]] == [
        "host_unverified"
    ]
    refused = call(market, shop, "POST", "/products", 422, page_url="https://elsewhere.example/p/9")
    assert (refused["code"], refused["notes"][0]["code"]) == ("page_unusable", "host_unverified")
    stranger.lay("/away", b"", 302, Location="https://elsewhere.example/p/9")
    refused = call(market, shop, "POST", "/products", 422, page_url="https://shop.example/away")
    assert refused["notes"][0]["code"] == "host_unverified"
    assert market.count("SELECT count(*) FROM product") == 0


@pytest.mark.parametrize(
    ("url", "code"),
    [("https://shop.example/none", "bad_status"), ("https://shop.example/pdf", "not_html"),
     ("https://shop.example/huge", "fetch_refused"), ("https://shop.example/bare", "missing"),
     ("https://127.0.0.1/", "fetch_refused"), ("http://elsewhere.nl/", "fetch_refused")],
)  # fmt: skip
def test_pages_that_make_no_product_say_why(
    market: Any, shop: Any, stranger: Any, url: str, code: str
) -> None:
    stranger.lay("/pdf", b"%PDF", Content_Type="application/pdf")
    stranger.lay("/huge", b" " * 2_000_001, Content_Type="text/html")
    stranger.lay("/bare", b"<title>Shop</title><p>A product page.</p>", Content_Type="text/html")
    refused = call(market, shop, "POST", "/products", 422, page_url=url)
    if code == "fetch_refused" and "shop.example" not in url:
        assert refused["code"] in ("page_unusable", "invalid_input")
        return
    assert refused["code"] == "page_unusable" and refused["notes"][0]["code"] == code
    assert all(note["reason"] and note["fix"] for note in refused["notes"])


def test_price_and_stock_of_a_page_are_never_taken_from_the_client(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/p/1", page(), Content_Type="text/html")
    for more in ({"price": HAND["price"]}, {"availability": "in_stock"}, {"sale_price": HAND["price"]}):
        refused = call(market, shop, "POST", "/products", 422, page_url=URL, **more)
        assert refused["errors"].keys() == more.keys()
    assert stranger.asked == []
    product = pasted(market, shop, stranger, product_type="Koffie > Bonen")
    assert (product["source"], product["sku"], product["category"]) == ("page", "P1", "Koffie > Bonen")
    assert product["price"]["amount"] == "12.50" and product["seen_at"] and product["page"]["next_at"]
    for change in ({"price": HAND["price"]}, {"availability": "preorder"}):
        assert (
            call(market, shop, "PATCH", f"/products/{product['id']}", 409, **change)["code"] == "of_the_page"
        )


def test_a_page_is_looked_at_once_a_day_and_its_price_is_kept_in_the_history(
    market: Any, shop: Any, stranger: Any
) -> None:
    product = pasted(market, shop, stranger)
    call(market, shop, "PATCH", f"/products/{product['id']}", title="My beans", brand="Peer")
    assert look(market) == 0
    stranger.lay("/p/1", page("9.95", "OutOfStock"), Content_Type="text/html")
    later(DAY + dt.timedelta(minutes=1), market)
    with db.session() as session:
        assert page_jobs.lag(session, clock.now()) == 1
    assert look(market) == 1 and look(market) == 0
    now = shown(market, shop, product)
    assert (now["price"]["amount"], now["availability"]) == ("9.95", "out_of_stock")
    assert (now["title"], now["brand"]) == ("My beans", "Peer"), "what the shop says itself outlives a look"
    assert now["seen_at"] > product["seen_at"] and now["updated_at"] == now["seen_at"]
    later(DAY, market)
    assert look(market) == 1
    again = shown(market, shop, product)
    assert again["seen_at"] > now["seen_at"] and again["updated_at"] == now["updated_at"]
    prices = call(market, shop, "GET", f"/products/{product['id']}/prices")["items"]
    assert [one["price"]["amount"] for one in prices] == ["9.95", "12.50"]


def test_a_page_that_is_gone_retires_its_product_on_the_third_day_and_a_sick_one_does_not(
    market: Any, shop: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "MOST_FAILURES", 4)
    product = pasted(market, shop, stranger)
    stranger.lay("/p/1", b"gone", 404)
    for day in range(1, 4):
        later(DAY + dt.timedelta(minutes=1), market)
        assert look(market) == 1
        now = shown(market, shop, product)
        assert (now["retired_at"] is not None) == (day == 3)
        assert now["page"]["failure"]["code"] == "bad_status" and now["page"]["failures"] == day
    later(DAY * 2, market)
    assert look(market) == 0
    back = pasted(market, shop, stranger)
    assert back["id"] == product["id"] and back["retired_at"] is None
    stranger.lay("/p/1", b"sick", 500)
    for _ in range(refreshing.MOST_FAILURES):
        later(DAY + dt.timedelta(minutes=1), market)
        assert look(market) == 1
    now = shown(market, shop, product)
    assert (now["retired_at"], now["page"]["next_at"], now["seen_at"]) == (None, None, back["seen_at"])


def test_a_page_that_loses_its_price_or_its_host_changes_nothing(
    market: Any, shop: Any, stranger: Any
) -> None:
    product = pasted(market, shop, stranger)
    stranger.lay("/p/1", "<title>Beans</title>", Content_Type="text/html")
    later(DAY + dt.timedelta(minutes=1), market)
    look(market)
    now = shown(market, shop, product)
    assert (now["price"], now["page"]["failure"]["code"]) == (product["price"], "price_missing")
    stranger.lay("/p/1", page("1.00"), Content_Type="text/html")
    with market.rows() as session:
        session.execute(sa.text("UPDATE shop_domain SET verified_at = NULL"))
    later(DAY + dt.timedelta(minutes=1), market)
    look(market)
    now = shown(market, shop, product)
    assert (now["price"], now["page"]["failure"]["code"]) == (product["price"], "host_unverified")


def variants(*told: tuple[str, str]) -> str:
    group = {
        "@type": "ProductGroup", "name": "Boots",
        "hasVariant": [
            {"@type": "Product", "sku": sku, "name": f"Boots {sku}",
             "offers": {"@type": "Offer", "price": price, "priceCurrency": "EUR", "availability": "InStock"}}
            for sku, price in told
        ],
    }  # fmt: skip
    return f'<script type="application/ld+json">{json.dumps(group)}</script>'


def test_one_of_several_variants_is_stored_by_its_number_and_followed(
    market: Any, shop: Any, stranger: Any
) -> None:
    stranger.lay("/p/1", variants(("B-41", "90"), ("B-42", "95")), Content_Type="text/html")
    product = call(market, shop, "POST", "/products", 201, page_url=URL, sku="B-42")
    assert (product["sku"], product["title"], product["price"]["amount"]) == ("B-42", "Boots B-42", "95.00")
    unknown = call(market, shop, "POST", "/products", 422, page_url=URL, sku="B-99")
    assert unknown["notes"][0]["code"] == "variant_unknown"
    stranger.lay("/p/1", variants(("B-41", "80"), ("B-42", "85")), Content_Type="text/html")
    later(DAY + dt.timedelta(minutes=1), market)
    look(market)
    assert shown(market, shop, product)["price"]["amount"] == "85.00"


def test_by_hand_given_changed_retired_and_given_again(market: Any, shop: Any, stranger: Any) -> None:
    product = call(market, shop, "POST", "/products", 201, **HAND, brand="Peer", availability="in_stock")
    assert (product["source"], product["price"], product["page"]) == ("hand", HAND["price"], None)
    assert call(market, shop, "POST", "/products", 409, **HAND)["code"] == "product_exists"
    path = f"/products/{product['id']}"
    sale = {"amount": "39.95", "currency": "EUR"}
    changed = call(market, shop, "PATCH", path, sale_price=sale, brand=None)
    assert (changed["sale_price"], changed["brand"], changed["title"]) == (sale, None, "Grinder")
    refused = call(market, shop, "PATCH", path, 422, link="https://")
    assert "link" in refused["errors"]
    assert market.count("SELECT folded LIKE '%grinder%' FROM product"), "search finds it"
    retired = call(market, shop, "POST", f"{path}/retire")
    assert retired["retired_at"] and call(market, shop, "POST", f"{path}/retire") == retired
    assert call(market, shop, "PATCH", path, title="Mill")["retired_at"] == retired["retired_at"]
    back = call(market, shop, "POST", "/products", 201, **HAND)
    assert back["id"] == product["id"] and back["retired_at"] is None
    missing = call(market, shop, "POST", "/products", 422, sku="X")
    assert missing["errors"].keys() == {"title", "link", "price"}


def test_a_feed_takes_over_by_number_and_retires_only_what_feeds_brought(
    market: Any, shop: Any, stranger: Any
) -> None:
    hand = call(market, shop, "POST", "/products", 201, **HAND)
    from_page = pasted(market, shop, stranger)
    feed(market, shop, "F1", "F2")
    feed(market, shop, "F1", "H1")
    rows = {row["sku"]: row for row in call(market, shop, "GET", "/products")["items"]}
    assert {sku: (row["source"], row["retired_at"] is None) for sku, row in rows.items()} == {
        "H1": ("feed", True), "P1": ("page", True), "F1": ("feed", True), "F2": ("feed", False),
    }  # fmt: skip
    assert rows["H1"]["id"] == hand["id"] and rows["H1"]["price"]["amount"] == "7.00"
    for method, path in (("PATCH", ""), ("POST", "/retire")):
        body = {"title": "x"} if method == "PATCH" else {}
        refused = call(market, shop, method, f"/products/{hand['id']}{path}", 409, **body)
        assert refused["code"] == "feed_product"
    assert call(market, shop, "POST", "/products", 409, **HAND)["code"] == "feed_product"
    feed(market, shop, "P1")
    later(DAY + dt.timedelta(minutes=1), market)
    asked = len(stranger.asked)
    look(market)
    look(market)
    now = shown(market, shop, from_page)
    assert (now["source"], now["price"]["amount"]) == ("feed", "7.00")
    assert market.count("SELECT count(*) FROM product_page WHERE next_at IS NOT NULL") == 0
    assert len(stranger.asked) - asked <= 1


def test_seeing_a_feeds_product_again_is_written_every_six_hours(
    market: Any, shop: Any, stranger: Any
) -> None:
    feed(market, shop, "F1")
    [first] = call(market, shop, "GET", "/products")["items"]
    feed(market, shop, "F1")
    assert call(market, shop, "GET", "/products")["items"] == [first]
    later(dt.timedelta(hours=7), market)
    feed(market, shop, "F1")
    [again] = call(market, shop, "GET", "/products")["items"]
    assert again["seen_at"] > first["seen_at"] and again["updated_at"] == first["updated_at"]


def test_a_host_is_asked_once_a_second_at_most_by_however_many(
    market: Any, shop: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = dt.timedelta(seconds=0.3)
    monkeypatch.setattr(refreshing, "pace", lambda host, settings: apart)
    for number in range(4):
        stranger.lay(f"/p/{number}", page(sku=f"S{number}"), Content_Type="text/html")
        call(market, shop, "POST", "/products", 201, page_url=f"https://shop.example/p/{number}")
    later(DAY + dt.timedelta(minutes=1), market)
    stranger.asked.clear()
    done: list[int] = []
    with market.as_worker():
        threads = [threading.Thread(target=lambda: done.append(page_jobs.look_at_host("shop.example")))
                   for _ in range(3)]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(done) == 4 and sorted(stranger.paths()) == [f"/p/{number}" for number in range(4)]
    # By when they were claimed: on a busy machine requests arrive as they can.
    with db.new_session() as session:
        moments = session.scalars(sa.select(ProductPage.asked_at).order_by(ProductPage.asked_at)).all()
    assert all(b - a >= apart for a, b in itertools.pairwise(moments))


def test_a_look_that_died_is_taken_up_again_and_what_it_saw_is_dropped(
    market: Any, shop: Any, stranger: Any
) -> None:
    product = pasted(market, shop, stranger)
    later(DAY + dt.timedelta(minutes=1), market)
    none = dt.timedelta(0)
    with market.as_worker():
        with transaction() as session:
            dead = refreshing.claim(session, "shop.example", none, now=clock.now(), wall=clock.wall())
        assert isinstance(dead, refreshing.PageClaim)
        assert page_jobs.look_at_due_pages() == 0
        with transaction() as session:
            session.execute(sa.update(ProductPage).values(lease_until=clock.wall() - DAY))
        assert page_jobs.look_at_due_pages() == 1
        late = refreshing.NoPage("late", "late", "none", 404)
        with transaction() as session:
            assert not refreshing.finish(session, dead, late, now=clock.now())
    assert shown(market, shop, product)["page"]["failures"] == 0


def test_the_web_changes_no_product_of_a_feed_even_without_its_own_care(
    market: Any, shop: Any, stranger: Any
) -> None:
    feed(market, shop, "F1")
    scope = db.Scope(shop.owner.actor.user_id, (shop.id,))
    with db.use_scope(scope), transaction() as session:
        assert session.execute(sa.text("UPDATE product SET title = 'x' RETURNING 1")).all() == []
    for statement in (
        "DELETE FROM product",
        "UPDATE product SET sku = 'x'",
        "UPDATE product SET feed_job_id = NULL",
    ):
        with (
            pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
            db.use_scope(scope),
            transaction() as s,
        ):
            s.execute(sa.text(statement))


def test_products_of_others_can_not_be_changed_nor_given(market: Any, shop: Any, stranger: Any) -> None:
    product = call(market, shop, "POST", "/products", 201, **HAND)
    other, adviser = market.shop(), market.adviser()
    call(market, other, "PATCH", f"/products/{product['id']}", 404, title="x")
    call(market, other, "POST", f"/products/{product['id']}/retire", 404)
    call(market, other, "POST", "/products", 404, shop_id=str(shop.id), **HAND)
    for path, body in (("/products", HAND), ("/product-pages", {"url": URL})):
        answer = market.client.post(f"/api/v1{path}", headers=adviser.headers, json=body)
        assert answer.status_code == 403
    assert stranger.asked == []
    mine = market.client.get(f"/api/v1/products/{product['id']}", headers=adviser.headers).json
    assert mine["source"] == "hand" and mine["seen_at"]


def test_two_at_once_give_one_product(market: Any, shop: Any, stranger: Any) -> None:
    answers: list[int] = []
    barrier = threading.Barrier(3)

    def give() -> None:
        barrier.wait()
        made = market.client.application.test_client().post(
            "/api/v1/products", headers=shop.owner.headers, json=HAND
        )
        answers.append(made.status_code)

    market.client  # noqa: B018 - the application is made before the threads want it.
    threads = [threading.Thread(target=give) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409]
    assert market.count("SELECT count(*) FROM product") == 1
