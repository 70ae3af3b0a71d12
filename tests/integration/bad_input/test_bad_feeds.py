"""Feeds that are no feeds, sent as a shop sends them: each ends with a reason, and no product moves."""

from __future__ import annotations

import uuid

import pytest

from marketplace.catalogue.feeds import jobs
from tests.integration.bad_input.siege import Siege, assert_refused, describe

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><rss><channel><item><g:id>&j;</g:id></item></channel></rss>"
)
RSS = b'<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>%s</channel></rss>'
HOSTILE: dict[str, bytes] = {
    "XML bomb": LAUGHS,
    "quadratic bomb": b'<!DOCTYPE r [<!ENTITY a "' + b"x" * 50_000 + b'">]><rss>' + b"&a;" * 1000 + b"</rss>",
    "external entity": b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel>&a;</channel></rss>',
    "external DTD": b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd"><rss><channel/></rss>',
    "parameter entity": b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]><rss/>',
    "plain DOCTYPE": b"<!DOCTYPE rss><rss><channel/></rss>",
    "cut off": (RSS % b"<item><g:id>1</g:id><title>x</title></item>")[:-30],
    "never closed": b"<rss>" + b"<a>" * 50_000,
    "many attributes": b"<rss " + b" ".join(b'a%d="1"' % n for n in range(50_000)) + b"/>",
    "one huge text": RSS % (b"<item><title>" + b"x" * 12_000_000 + b"</title></item>"),
    "another root": b"<html><body>Not found</body></html>",
    "nothing but spaces": b" " * 1000,
    "random bytes": bytes(range(256)) * 100,
    "NUL bytes": b"id\ttitle\tlink\tprice\n" + b"\x00" * 1000,
    "UTF-16 without a mark": "id\ttitle\n1\tx\n".encode("utf-16-le"),
    "JSON": b'{"products": []}',
    "a table without its columns": b"a\tb\n1\t2\n",
    "one endless line": b"id\ttitle\tlink\tprice\n" + b"x" * 3_000_000,
    "zip": b"PK\x03\x04" + b"\x00" * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_feed_fails_with_a_reason_and_moves_no_product(siege: Siege, name: str) -> None:
    key, world = siege.people["shop_key"], siege.mine.world
    _read_all(siege)
    products = siege.fingerprint()["product"]
    answer = siege.post_raw("/feeds", HOSTILE[name], key, "text/xml")
    assert answer.status_code == 202, describe(answer)
    _read_all(siege)
    shown = siege.ask("GET", f"/feeds/{answer.get_json()['id']}", key).get_json()
    assert shown["state"] == "failed" or (
        shown["state"] == "done" and shown["added"] + shown["changed"] == 0
    ), shown
    assert siege.fingerprint()["product"] == products
    if shown["state"] == "failed":
        assert all(len(shown["failure"][word]) > 3 for word in ("code", "reason", "fix")), shown
    assert world.shop_id == uuid.UUID(shown["shop_id"])


ROWS = {
    "no id": ("", "x", "https://{host}/1", "1.00 EUR"),
    "no link": ("b1", "x", "", "1.00 EUR"),
    "another shop's host": ("b2", "x", "https://zwijgzaam.example/1", "1.00 EUR"),
    "script as link": ("b3", "x", "javascript:alert(1)", "1.00 EUR"),
    "plain http": ("b4", "x", "http://{host}/1", "1.00 EUR"),
    "user info": ("b5", "x", "https://{host}@evil.example/1", "1.00 EUR"),
    "negative price": ("b6", "x", "https://{host}/1", "-1.00 EUR"),
    "price in words": ("b7", "x", "https://{host}/1", "one EUR"),
    "price without end": ("b8", "x", "https://{host}/1", "9" * 400 + " EUR"),
    "exponent": ("b9", "x", "https://{host}/1", "1e9 EUR"),
    "no price": ("b10", "x", "https://{host}/1", ""),
    "NUL in title": ("b11", "a\x00b", "https://{host}/1", "1.00 EUR"),
    "no title": ("b12", "", "https://{host}/1", "1.00 EUR"),
    "id without end": ("x" * 5000, "x", "https://{host}/1", "1.00 EUR"),
}


def test_bad_rows_are_refused_one_by_one_and_the_good_one_is_kept(siege: Siege) -> None:
    _read_all(siege)
    host, key = siege.mine.world.host, siege.people["shop_key"]
    lines = ["\t".join(cells).replace("{host}", host) for cells in ROWS.values()]
    good = f"good-1\tA pear\thttps://{host}/pear\t1.00 EUR"
    feed = "\n".join(["id\ttitle\tlink\tprice", *lines, good]).encode()
    answer = siege.ask(
        "POST", "/feeds?complete=false", key, data=feed, content_type="text/tab-separated-values"
    )
    assert answer.status_code == 202, describe(answer)
    _read_all(siege)
    feed_id = answer.get_json()["id"]
    shown = siege.ask("GET", f"/feeds/{feed_id}", key).get_json()
    assert shown["state"] == "done", shown
    rows = siege.ask("GET", f"/feeds/{feed_id}/rows?limit=100", key).get_json()["items"]
    outcomes = dict(zip((*ROWS, "good"), (row["outcome"] for row in rows), strict=True))
    taken = {name for name, outcome in outcomes.items() if outcome != "refused"}
    assert taken <= {"good", "another shop's host", "plain http"}, outcomes
    assert "good" in taken
    # A row on a host that isn't the shop's own is never a target of a link.
    unsafe = siege.mine.rows(
        "SELECT link FROM product WHERE shop_id = :s AND (link NOT LIKE 'http%' OR link LIKE '%@%')",
        s=siege.mine.world.shop_id,
    )
    assert unsafe == []


def test_a_body_that_can_not_be_a_feed_is_refused_at_once(unmoved: Siege) -> None:
    key = unmoved.people["shop_key"]
    assert_refused(unmoved.post_raw("/feeds", b"", key, "text/xml"), 422)
    assert_refused(unmoved.post_raw("/feeds", b"--x--", key, "multipart/form-data; boundary=x"), 415)
    packed = unmoved.ask("POST", "/feeds", key, data=b"x", headers={"Content-Encoding": "gzip"})
    assert_refused(packed, 415)
    declared = {"CONTENT_LENGTH": "100000001"}
    assert_refused(unmoved.ask("POST", "/feeds", key, data=b"x", environ_overrides=declared), 413)
    for query in (
        "complete=perhaps",
        "shop_id=1",
        f"shop_id={uuid.uuid4()}",
        "x=1",
        "complete=true&complete=false",
    ):
        assert_refused(unmoved.ask("POST", f"/feeds?{query}", key, data=b"x"), 404, 422)


def _read_all(siege: Siege) -> None:
    """Read every feed that waits, as the worker does."""
    with siege.mine.as_worker():
        for row in siege.mine.rows(
            "SELECT id FROM feed_job WHERE state IN ('queued', 'running') ORDER BY id"
        ):
            jobs.read_feed(str(row["id"]))
