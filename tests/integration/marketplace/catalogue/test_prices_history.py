"""Prices of the past: a row for each change, whoever makes it, and the lowest price beside a reduction."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.catalogue import prices_history
from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.models import Product
from marketplace.core import clock, db
from marketplace.core.money import Money

HEADER = b"id,title,link,price,sale_price,brand\n"


def feed(*rows: str) -> bytes:
    """Return a feed; a row is `id price sale brand`."""
    lines = []
    for row in rows:
        sku, price, sale, brand = (*row.split(), "", "")[:4]
        lines.append(f"{sku},Title,https://shop.example/{sku},{price} EUR,{sale},{brand}\n")
    return HEADER + "".join(lines).encode()


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


def load(market: Any, shop: Any, content: bytes) -> None:
    sent = shop.owner.headers | {"Content-Type": "text/csv"}
    assert market.client.post("/api/v1/feeds", data=content, headers=sent).status_code == 202
    with market.as_worker():
        assert jobs.read_waiting_feeds() == 1


def get(market: Any, person: Any, path: str) -> Any:
    return market.client.get(f"/api/v1{path}", headers=person.headers)


def product(market: Any, shop: Any, sku: str = "A") -> str:
    (one,) = get(market, shop.owner, f"/products?sku={sku}").json["items"]
    found: str = one["id"]
    return found


def test_each_change_of_a_price_is_kept_and_nothing_else(market: Any, shop: Any) -> None:
    for row in ("A 10.00", "A 10.00", "A 10.00 8.00 X", "A 10.00 8.00 Y", "A 12.00"):
        load(market, shop, feed(row, "B 1.00"))
    shown = get(market, shop.owner, f"/products/{product(market, shop)}/prices").json
    assert [(one["price"]["amount"], one["sale_price"] and one["sale_price"]["amount"]) for one in shown["items"]] == [
        ("12.00", None), ("10.00", "8.00"), ("10.00", None),
    ]  # fmt: skip
    assert len(get(market, shop.owner, f"/products/{product(market, shop, 'B')}/prices").json["items"]) == 1


def test_prices_are_paged_newest_first(market: Any, shop: Any) -> None:
    for price in ("1.00", "2.00", "3.00"):
        load(market, shop, feed(f"A {price}"))
    path = f"/products/{product(market, shop)}/prices?limit=2"
    first = get(market, shop.owner, path).json
    second = get(market, shop.owner, f"{path}&cursor={first['next_cursor']}").json
    assert [one["price"]["amount"] for one in first["items"] + second["items"]] == ["3.00", "2.00", "1.00"]
    assert second["next_cursor"] is None


def test_who_does_not_see_the_product_does_not_see_its_prices(market: Any, shop: Any) -> None:
    load(market, shop, feed("A 1.00", "B 2.00"))
    kept, gone = product(market, shop), product(market, shop, "B")
    load(market, shop, feed("A 1.00"))
    adviser, other = market.adviser(), market.shop().owner
    assert get(market, adviser, f"/products/{kept}/prices").status_code == 200
    for person, one in ((adviser, gone), (other, kept)):
        assert get(market, person, f"/products/{one}/prices").status_code == 404


def test_a_change_that_no_feed_makes_is_kept_too_and_the_past_can_not_be_changed(
    market: Any, shop: Any
) -> None:
    load(market, shop, feed("A 1.00"))
    with market.rows() as session:
        session.execute(sa.text("UPDATE product SET price_minor = 250, updated_at = now()"))
        session.execute(sa.text("UPDATE product SET title = 'Other'"))
    assert market.count("SELECT count(*) FROM product_price") == 2
    with pytest.raises(sa.exc.DatabaseError, match="its rows are history"), market.rows() as session:
        session.execute(sa.text("DELETE FROM product_price"))


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("history", "lowest"),
    [
        # Days ago, price, sale price.
        ([(50, 1000, None)], 1000),
        ([(50, 1000, None), (10, 1200, None)], 1000),
        ([(50, 800, None), (40, 1000, None), (10, 1200, None)], 1000),
        ([(50, 1000, None), (20, 1000, 700)], 1000),
        ([(60, 1000, None), (45, 900, None), (40, 1000, None), (20, 1000, 700)], 900),
        ([(90, 800, None), (85, 1000, None), (20, 1000, 700)], 1000),
        # A reduction that grows began with its first step; one that was broken off began anew.
        ([(60, 1000, None), (20, 1000, 900), (10, 1000, 700)], 1000),
        ([(60, 1000, None), (20, 1000, 900), (15, 1000, None), (10, 1000, 700)], 900),
        ([(20, 1000, 700)], None),
    ],
)
def test_the_lowest_price_is_that_of_the_30_days_before_the_reduction(
    market: Any, shop: Any, history: list[tuple[int, int, int | None]], lowest: int | None
) -> None:
    load(market, shop, feed("A 10.00"))
    one, now = uuid.UUID(product(market, shop)), clock.now()
    with market.rows() as session:
        session.execute(sa.text("ALTER TABLE product_price DISABLE TRIGGER product_price_append_only"))
        session.execute(sa.text("DELETE FROM product_price"))
        session.execute(sa.text("ALTER TABLE product_price ENABLE ALWAYS TRIGGER product_price_append_only"))
        for days, price, sale in history:
            session.execute(
                sa.text(
                    "INSERT INTO product_price (product_id, shop_id, price_minor, sale_price_minor, currency, from_at)"
                    " VALUES (:one, :shop, :price, :sale, 'EUR', :at)"
                ),
                {"one": one, "shop": shop.id, "price": price, "sale": sale, "at": now - days * DAY},
            )
    with db.new_session() as session:
        assert session.get(Product, one) is not None
        found = prices_history.lowest(session, one, now)
    assert found == (None if lowest is None else Money(lowest, "EUR"))
    shown = get(market, shop.owner, f"/products/{one}").json["lowest_price_30_days"]
    assert shown == (None if lowest is None else {"amount": str(Money(lowest, "EUR")), "currency": "EUR"})
