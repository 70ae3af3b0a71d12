"""Feeds and products over HTTP: followed to the end, paged, and nobody else's are seen."""

from __future__ import annotations

import io
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.feeds import service as feeds
from marketplace.core import config
from marketplace.core import jobs as core_jobs

FEED = (
    b"id\ttitle\tlink\tprice\n"
    b"A\tPan\thttps://shop.example/A\t12.50 EUR\n"
    b"B\tPot\thttps://shop.example/B\tfree\n"
    b"C\tLid\thttps://shop.example/C\t3 EUR\n"
)


@pytest.fixture
def shop(market: Any) -> Any:
    return market.shop(hosts=("shop.example",))


def upload(
    market: Any, person: Any, body: bytes = FEED, query: str = "", headers: dict[str, str] | None = None
) -> Any:
    sent = person.headers | {"Content-Type": "text/xml"} | (headers or {})
    return market.client.post(f"/api/v1/feeds{query}", data=body, headers=sent)


def get(market: Any, person: Any, path: str) -> Any:
    return market.client.get(f"/api/v1{path}", headers=person.headers)


def loaded(market: Any, person: Any, body: bytes = FEED) -> str:
    answer = upload(market, person, body)
    assert answer.status_code == 202, answer.json
    feed_id: str = answer.json["id"]
    with market.as_worker():
        assert jobs.read_waiting_feeds() == 1
    return feed_id


def test_a_feed_is_taken_read_and_reported(market: Any, shop: Any) -> None:
    answer = upload(market, shop.owner)
    assert answer.status_code == 202
    assert (answer.json["state"], answer.json["bytes"], answer.json["rows_total"]) == (
        "queued",
        len(FEED),
        None,
    )
    assert answer.headers["Location"] == f"/api/v1/feeds/{answer.json['id']}"
    with market.as_worker():
        jobs.read_waiting_feeds()
    done = get(market, shop.owner, f"/feeds/{answer.json['id']}").json
    assert (done["state"], done["rows_total"], done["added"], done["refused"]) == ("done", 3, 2, 1)
    assert done["failure"] is None and done["complete"] is True
    rows = get(market, shop.owner, f"/feeds/{done['id']}/rows").json["items"]
    assert [(row["row"], row["sku"], row["outcome"]) for row in rows] == [
        (1, "A", "added"), (2, "B", "refused"), (3, "C", "added"),
    ]  # fmt: skip
    assert (rows[1]["field"], rows[1]["code"]) == ("price", "price_unreadable")
    assert rows[1]["reason"] and rows[1]["fix"] and rows[0]["code"] is None
    refused = get(market, shop.owner, f"/feeds/{done['id']}/rows?outcome=refused").json["items"]
    assert [row["row"] for row in refused] == [2]


def test_a_feed_that_can_not_be_read_says_why(market: Any, shop: Any) -> None:
    feed_id = loaded(market, shop.owner, b"<!DOCTYPE x [<!ENTITY a 'b'>]><rss>&a;</rss>")
    feed = get(market, shop.owner, f"/feeds/{feed_id}").json
    assert (feed["state"], feed["failure"]["code"]) == ("failed", "doctype_refused")
    assert feed["failure"]["reason"] and feed["failure"]["fix"]
    assert get(market, shop.owner, f"/feeds/{feed_id}/rows").json == {"items": [], "next_cursor": None}


def test_how_a_feed_was_read_is_shown(market: Any, shop: Any) -> None:
    content = "ID;Title;Link;Price;Kleur\nA;Crème;https://shop.example/A;1\n".encode("cp1252")
    feed = get(market, shop.owner, f"/feeds/{loaded(market, shop.owner, content)}").json
    note = feed["read_as"].pop("notes")[0]
    assert feed["read_as"] == {
        "format": "csv",
        "encoding": "windows-1252",
        "delimiter": ";",
        "ignored": ["Kleur"],
    }
    assert note["code"] == "encoding_assumed" and note["reason"] and note["fix"]
    (product,) = get(market, shop.owner, "/products").json["items"]
    assert (product["title"], product["warnings"]) == ("Crème", ["currency_assumed"])


def test_the_encoding_that_the_sender_names_is_believed(market: Any, shop: Any) -> None:
    content = "id\ttitle\tlink\tprice\nA\tŠkoda\thttps://shop.example/A\t1 EUR\n".encode("cp1250")
    answer = upload(market, shop.owner, content, headers={"Content-Type": "text/csv; charset=windows-1250"})
    with market.as_worker():
        assert jobs.read_waiting_feeds() == 1
    assert get(market, shop.owner, f"/feeds/{answer.json['id']}").json["read_as"]["encoding"] == "cp1250"
    assert get(market, shop.owner, "/products").json["items"][0]["title"] == "Škoda"


def test_rows_before_a_break_stay_readable_with_what_they_would_have_become(market: Any, shop: Any) -> None:
    loaded(market, shop.owner)
    item = (
        "<item><id>{0}</id><title>{0}</title><link>https://shop.example/{0}</link><price>{1}</price></item>\n"
    )
    good = (
        "<rss><channel>\n" + item.format("A", "1 EUR") + item.format("X", "1 EUR") + item.format("Y", "free")
    )
    feed_id = loaded(
        market, shop.owner, (good + "<item><title>Salt & pepper</title></item></channel></rss>").encode()
    )
    feed = get(market, shop.owner, f"/feeds/{feed_id}").json
    assert (feed["state"], feed["failure"]["code"], feed["failure"]["line"]) == (
        "failed",
        "not_well_formed",
        5,
    )
    assert feed["failure"]["column"] == 20
    assert (feed["rows_read"], feed["rows_total"], feed["added"], feed["retired"]) == (3, None, 0, 0)
    rows = get(market, shop.owner, f"/feeds/{feed_id}/rows").json["items"]
    assert [(row["sku"], row["outcome"]) for row in rows] == [
        ("A", "changed"),
        ("X", "added"),
        ("Y", "refused"),
    ]
    products = get(market, shop.owner, "/products?retired=false").json["items"]
    assert {one["sku"]: one["price"]["amount"] for one in products} == {"A": "12.50", "C": "3.00"}


def test_lists_are_paged(market: Any, shop: Any) -> None:
    ids = [loaded(market, shop.owner) for _ in range(3)]

    def walk(path: str, key: str) -> list[Any]:
        found, cursor = [], ""
        while True:
            page = get(market, shop.owner, f"{path}limit=2{cursor}").json
            found += [item[key] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert walk("/feeds?", "id") == ids[::-1]
    assert walk(f"/feeds/{ids[0]}/rows?", "row") == [1, 2, 3]
    assert walk("/products?", "sku") == ["A", "C"]


def test_products_are_filtered_and_shown_exactly(market: Any, shop: Any) -> None:
    loaded(market, shop.owner)
    loaded(market, shop.owner, FEED.replace(b"C\t", b"D\t").replace(b"\t3 EUR", b"\t3.10 USD"))
    items = get(market, shop.owner, "/products?retired=false").json["items"]
    assert {item["sku"]: item["price"] for item in items} == {
        "A": {"amount": "12.50", "currency": "EUR"},
        "D": {"amount": "3.10", "currency": "USD"},
    }
    assert [item["sku"] for item in get(market, shop.owner, "/products?retired=true").json["items"]] == ["C"]
    (one,) = get(market, shop.owner, f"/products?sku=D&shop_id={shop.id}").json["items"]
    assert one["warnings"] == ["foreign_currency"]
    shown = get(market, shop.owner, f"/products/{one['id']}").json
    assert shown | one == shown and shown["lowest_price_30_days"] == one["price"]


def test_who_sees_what(market: Any, shop: Any) -> None:
    feed_id = loaded(market, shop.owner)
    loaded(market, shop.owner, FEED.replace(b"C\t", b"D\t"))
    products = {item["sku"]: item["id"] for item in get(market, shop.owner, "/products").json["items"]}
    other, adviser, finance = market.shop().owner, market.adviser(), market.finance()
    assert get(market, other, f"/feeds/{feed_id}").status_code == 404
    assert get(market, other, f"/feeds/{feed_id}/rows").status_code == 404
    assert get(market, other, "/feeds").json["items"] == []
    assert get(market, other, f"/products/{products['A']}").status_code == 404
    assert get(market, other, f"/products?shop_id={shop.id}").json["items"] == []
    assert get(market, adviser, "/feeds").status_code == 403
    assert upload(market, adviser).status_code == 403
    assert {item["sku"] for item in get(market, adviser, "/products").json["items"]} == {"A", "D"}
    assert get(market, adviser, f"/products/{products['C']}").status_code == 404, "it is retired"
    assert get(market, finance, f"/feeds/{feed_id}").status_code == 200
    assert upload(market, finance).status_code == 403
    assert market.client.get("/api/v1/products").status_code == 401
    assert upload(market, other, query=f"?shop_id={shop.id}").status_code == 404


def test_bad_uploads_are_refused_and_leave_nothing(market: Any, shop: Any) -> None:
    cases: list[tuple[bytes, dict[str, str], str, int, str]] = [
        (b"", {}, "", 422, "invalid_input"),
        (FEED, {"Content-Type": "multipart/form-data; boundary=x"}, "", 415, "unsupported_media_type"),
        (FEED, {"Content-Encoding": "gzip"}, "", 415, "unsupported_media_type"),
        (FEED, {}, "?complete=maybe", 422, "invalid_input"),
        (FEED, {}, "?shop_id=1", 422, "invalid_input"),
        (FEED, {}, "?nonsense=1", 422, "invalid_input"),
        (FEED, {}, f"?shop_id={uuid.uuid4()}", 404, "not_found"),
    ]
    for body, headers, query, status, code in cases:
        answer = upload(market, shop.owner, body, query, headers)
        assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
        assert answer.json["unchanged"] and answer.json["next"]
    assert market.count("SELECT count(*) FROM feed_job") == 0


def test_what_curl_sends_by_default_is_taken(market: Any, shop: Any) -> None:
    answer = upload(market, shop.owner, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json["bytes"]) == (202, len(FEED))


def test_a_feed_of_more_than_a_piece_is_kept_byte_for_byte(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PIECE", 50)
    feed_id = loaded(market, shop.owner)
    assert get(market, shop.owner, f"/feeds/{feed_id}").json["added"] == 2


def test_too_large_a_feed_is_refused_by_its_length_before_it_is_read(market: Any, shop: Any) -> None:
    environ = {"CONTENT_LENGTH": str(feeds.MOST_BYTES + 1), "wsgi.input": io.BytesIO(b"")}
    answer = market.client.post("/api/v1/feeds", headers=shop.owner.headers, environ_overrides=environ)
    assert (answer.status_code, answer.json["code"]) == (413, "payload_too_large")


def test_only_so_many_feeds_may_wait(market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_WAITING", 2)
    assert [upload(market, shop.owner).status_code for _ in range(3)] == [202, 202, 409]
    assert upload(market, market.shop().owner).status_code == 202


def test_no_more_feeds_wait_when_they_are_sent_at_once(
    market: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MOST_WAITING", 2)
    application, gate = market.client.application, threading.Barrier(6)

    def send(_number: int) -> int:
        gate.wait()
        headers = shop.owner.headers | {"Content-Type": "text/xml"}
        return int(application.test_client().post("/api/v1/feeds", data=FEED, headers=headers).status_code)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [202, 202, 409, 409, 409, 409]


def test_a_closed_shop_takes_no_feed(market: Any) -> None:
    answer = upload(market, market.shop(state="closed").owner)
    assert (answer.status_code, answer.json["code"]) == (409, "shop_closed")


def test_bad_pages_are_422(market: Any, shop: Any) -> None:
    for path in ("/feeds?cursor=x", "/products?cursor=W10", "/products?limit=0", "/products?limit=101"):
        assert get(market, shop.owner, path).status_code == 422, path


def test_a_nudge_reaches_the_queue_and_the_sweep_waits_for_it(
    market: Any, shop: Any, with_valkey: Any
) -> None:
    jobs.register()
    answer = upload(market, shop.owner)
    assert answer.status_code == 202 and core_jobs.waiting() == 1
    assert config.current().redis_url
    assert jobs.read_waiting_feeds() == 0, "the sweep leaves it to the queue"
    assert core_jobs.waiting() == 2
    with market.as_worker():
        core_jobs.perform(jobs.READ, answer.json["id"])
        core_jobs.perform(jobs.READ, answer.json["id"])
    assert get(market, shop.owner, f"/feeds/{answer.json['id']}").json["state"] == "done"
