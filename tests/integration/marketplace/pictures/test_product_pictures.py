"""Pictures of products: fetched politely by the worker, drawn anew, shown while the product is on sale."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

import flask.testing
import pytest
import sqlalchemy as sa
from PIL import Image

from marketplace.core import auth, clock, db, hooks, ids
from marketplace.pictures import fetching, reading, registration, turns
from marketplace.pictures.models import Picture, PictureFile, ProductPicture
from tests.applications import application
from tests.integration.marketplace.catalogue.conftest import Stranger, stranger

__all__ = ["stranger"]
AGO = dt.timedelta(minutes=10)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><rect width="40" height="30" fill="%s"/></svg>'


def photo(colour: str) -> bytes:
    """A small picture, which costs less to draw than a drawing."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


@pytest.fixture
def client(market: Any) -> flask.testing.FlaskClient:
    """A client that nobody is signed in with."""
    auth.set_actor_loader(lambda _request: None)
    return application(registration.blueprints()).test_client(use_cookies=False)


def product(market: Any, shop: Any, image: str | None, **more: Any) -> uuid.UUID:
    """Let a shop sell something that came ten minutes ago."""
    row = {
        "id": ids.new_id(), "shop_id": shop.id, "sku": uuid.uuid4().hex, "title": "Beans", "description": "",
        "link": "https://shop.example/1", "page_digest": b"x", "image_link": image, "price_minor": 100,
        "currency": "EUR", "category": "", "warnings": [], "content_hash": b"x", "updated_at": clock.now(),
        "created_at": clock.wall() - AGO,
    }  # fmt: skip
    row |= more
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    with market.rows() as session:
        session.execute(sa.text(f"INSERT INTO product ({names}) VALUES ({marks})"), row)
    made: uuid.UUID = row["id"]
    return made


def change(market: Any, statement: str, **values: Any) -> None:
    with market.rows() as session:
        session.execute(sa.text(statement), values)


def turn(market: Any, most: int = 50) -> int:
    with market.as_worker():
        return turns.turn(most)


def kept(product_id: uuid.UUID) -> ProductPicture:
    with db.new_session() as session:
        return session.get_one(ProductPicture, product_id)


def shown(*product_ids: uuid.UUID) -> dict[uuid.UUID, reading.Shown]:
    with db.new_session() as session:
        return reading.of_products(session, product_ids)


def test_a_picture_is_fetched_drawn_anew_and_served_from_our_origin_for_ever(
    market: Any, shop: Any, client: flask.testing.FlaskClient, stranger: Stranger
) -> None:
    stranger.lay("/1.svg", SVG % b"lime", Content_Type="text/plain")
    one = product(market, shop, "https://shop.example/1.svg")
    assert shown(one) == {}
    assert turn(market) == 1
    assert turn(market) == 0
    picture = shown(one)[one]
    assert (picture.width, picture.height) == (960, 720)
    for url, width in ((picture.url_160, 160), (picture.url_480, 480), (picture.url_960, 960)):
        answer = client.get(url)
        assert answer.status_code == 200
        assert Image.open(io.BytesIO(answer.data)).size == (width, width * 3 // 4)
        assert answer.headers["Content-Type"] == "image/webp"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Authorization" not in answer.headers.get("Vary", "")
        assert "Set-Cookie" not in answer.headers
        again = client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    missing = ("161.webp", "0.webp", "960.png", "-1.webp", "1e3.webp", "99999999999999999999.webp")
    for address in [f"/pictures/{picture.id}/{name}" for name in missing] + [
        f"/pictures/{uuid.uuid4()}/160.webp"
    ]:
        assert client.get(address).status_code == 404, address
    [(host, path, headers, _)] = stranger.asked
    assert (host, path, headers["user-agent"]) == ("shop.example", "/1.svg", "aanrader-fetch/1")


def test_what_is_not_on_sale_any_more_is_shown_to_nobody(
    market: Any, shop: Any, client: flask.testing.FlaskClient, stranger: Stranger
) -> None:
    stranger.lay("/1.png", photo("lime"))
    one = product(market, shop, "https://shop.example/1.png")
    turn(market)
    picture = shown(one)[one]
    for gone, back in (
        ("UPDATE product SET retired_at = now()", "UPDATE product SET retired_at = NULL"),
        ("UPDATE shop SET state = 'closing'", "UPDATE shop SET state = 'live'"),
        ("UPDATE product SET image_link = NULL", None),
    ):
        assert client.get(picture.url_160).status_code == 200
        change(market, gone)
        assert shown(one) == {}
        assert client.get(picture.url_160).status_code == 404
        assert turn(market) == 0
        if back:
            change(market, back)


def test_another_address_of_the_product_brings_another_picture_under_another_address(
    market: Any, shop: Any, client: flask.testing.FlaskClient, stranger: Stranger
) -> None:
    stranger.lay("/1.png", photo("lime"))
    stranger.lay("/2.png", photo("red"))
    one, twin = (product(market, shop, "https://shop.example/1.png") for _ in range(2))
    assert turn(market) == 2
    first = shown(one, twin)
    # Variants of a product share one.
    assert first[one] == first[twin]
    change(market, "UPDATE product SET image_link = 'https://shop.example/2.png' WHERE id = :i", i=one)
    assert shown(one)[one] == first[one]
    assert turn(market) == 1
    second = shown(one)[one]
    assert second.id != first[one].id
    assert client.get(first[one].url_160).status_code == 200
    change(market, "UPDATE product SET image_link = 'https://shop.example/2.png' WHERE id = :i", i=twin)
    assert turn(market) == 1
    assert shown(twin)[twin].id == second.id
    # The picture that nothing shows any more is gone with its files.
    assert client.get(first[one].url_160).status_code == 404
    assert market.count("SELECT count(*) FROM picture") == 1
    assert market.count("SELECT count(*) FROM picture_file") == 3


def test_a_month_later_the_server_is_asked_whether_it_changed(
    market: Any, shop: Any, stranger: Stranger
) -> None:
    stranger.lay("/1.png", photo("lime"), ETag='"v1"', Last_Modified="Mon, 23 Nov 2026 02:00:00 GMT")
    one = product(market, shop, "https://shop.example/1.png")
    turn(market)
    before = kept(one)
    assert before.next_at is not None
    assert before.next_at - clock.wall() > dt.timedelta(days=29)
    change(market, "UPDATE product_picture SET next_at = now() - interval '1 minute'")
    assert turn(market) == 1
    assert stranger.asked[-1][2]["if-none-match"] == '"v1"'
    assert stranger.asked[-1][2]["if-modified-since"] == "Mon, 23 Nov 2026 02:00:00 GMT"
    assert kept(one).picture_id == before.picture_id
    # Another address knows nothing of what the first one said.
    stranger.lay("/2.png", photo("red"))
    change(market, "UPDATE product SET image_link = 'https://shop.example/2.png' WHERE id = :i", i=one)
    turn(market)
    assert "if-none-match" not in stranger.asked[-1][2]


def test_what_can_not_be_had_is_told_by_name_and_asked_later_and_later_then_never(
    market: Any, shop: Any, stranger: Stranger
) -> None:
    stranger.lay("/page.png", b"<html>no picture</html>", Content_Type="image/png")
    stranger.lay("/good.png", photo("lime"))
    wanted = {
        product(market, shop, address): code
        for address, code in (
            ("https://shop.example/gone.png", "picture_not_served"),
            ("https://shop.example/page.png", "picture_unknown_kind"),
            ("https://127.0.0.1/p.png", "fetch_refused"),
            ("/relative.png", "fetch_refused"),
        )
    }
    good = product(market, shop, "https://shop.example/good.png")
    assert turn(market) == 5
    assert set(shown(*wanted, good)) == {good}
    for one, code in wanted.items():
        row = kept(one)
        assert (row.failure_code, row.failures, row.picture_id) == (code, 1, None)
        assert row.failure_reason
    one = next(iter(wanted))
    waits = []
    for _ in range(1, fetching.MOST_FAILURES):
        change(
            market, "UPDATE product_picture SET next_at = now() - interval '1 s' WHERE product_id = :i", i=one
        )
        assert turn(market) == 1
        at = kept(one).next_at
        waits.append(None if at is None else round((at - clock.wall()) / fetching.BACK_OFF))
    assert waits == [4, 16, 64, 256, 1008, 1008, None]
    assert turn(market) == 0
    # A product that names another address begins anew; one whose next address is no good loses what it had.
    change(market, "UPDATE product SET image_link = 'https://shop.example/good.png' WHERE id = :i", i=one)
    change(market, "UPDATE product SET image_link = 'https://shop.example/gone.png' WHERE id = :i", i=good)
    assert turn(market) == 2
    assert set(shown(one, good)) == {one}
    assert (kept(one).failures, kept(good).failures) == (0, 1)


def test_only_products_on_sale_in_live_shops_that_did_not_come_just_now_are_asked_for(
    market: Any, shop: Any, stranger: Stranger
) -> None:
    address = "https://shop.example/1.png"
    product(market, shop, None)
    product(market, shop, address, created_at=clock.wall())
    product(market, shop, address, retired_at=clock.now())
    product(market, market.shop(state="draft"), address)
    assert turn(market) == 0
    assert stranger.asked == []


def test_a_turn_is_bounded_and_a_picture_is_one_workers_at_a_time(
    market: Any, shop: Any, stranger: Stranger
) -> None:
    stranger.lay("/1.png", photo("lime"))
    made = [product(market, shop, "https://shop.example/1.png") for _ in range(3)]
    assert turn(market, most=2) == 2
    with market.as_worker():
        wall = clock.wall()
        with db.transaction() as session:
            [(_, last)] = fetching.due(session, wall, 9)
            mine = fetching.claim(session, last, wall)
        assert last in made
        assert mine is not None
        with db.transaction() as session:
            assert fetching.due(session, wall, 9) == []
            assert fetching.claim(session, last, wall) is None
            # Whoever died leaves it to the next one, and comes too late then.
            later = wall + fetching.LEASE + dt.timedelta(seconds=1)
            assert fetching.due(session, later, 9) == [(shop.id, last)]
            assert fetching.claim(session, last, later) is not None
        with db.transaction() as session:
            assert not fetching.finish(session, mine, fetching.Came(unchanged=True), later)


def test_pictures_keep_nobody_waiting_and_promise_all_their_files(
    market: Any, shop: Any, stranger: Stranger
) -> None:
    registration.register()
    assert not [name for name in hooks.lags if "picture" in name]
    stranger.lay("/1.png", photo("lime"))
    product(market, shop, "https://shop.example/1.png")
    turn(market)
    check = hooks.invariants["pictures_have_files"].check
    with market.rows() as session:
        assert (check(session).rows_seen, check(session).holds) == (1, True)
        session.execute(sa.delete(PictureFile).where(PictureFile.width == 480))
        assert not check(session).holds
        assert session.scalars(sa.select(Picture.kind)).all() == ["product"]
