"""The sites of the demo's shops: pages, feeds and proofs by host or by path, and tokens that stay on the way."""

import http.client
import json
import threading
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
from lxml import html

from marketplace.catalogue.feeds.formats.reading import feed_rows
from marketplace.catalogue.pages.reading import read_page
from marketplace.catalogue.rows.prices import parse_price
from marketplace.devtools.world.feeds import feed
from marketplace.devtools.world.shelf import shelf
from marketplace.devtools.world.shops import SHOPS, product
from marketplace.devtools.world.site import Answer, WorldSite, answer, bought, hosts_setting
from marketplace.devtools.world.site_control import Control
from marketplace.devtools.world.structured import KINDS, kind_of
from marketplace.devtools.world.till import REF, desk_of

COFFEE = "bergkoffie.example"


def ask(target: str, host: str = COFFEE, control: Control | None = None) -> Answer:
    return answer(host, target, control or Control(None))


@pytest.mark.parametrize("one", SHOPS, ids=lambda one: one.key)
def test_each_shop_answers_on_its_hosts_and_below_its_name_in_a_path(one) -> None:  # type: ignore[no-untyped-def]
    bare = ask("/", one.host).body
    assert ask("/", f"www.{one.host}:8405").body == bare
    assert one.story_nl.encode() in bare
    by_path = ask(f"/{one.host}/", "127.0.0.1:8405")
    assert by_path.status == 200
    assert f'href="/{one.host}/p/'.encode() in by_path.body
    assert one.host.encode() in ask("/", "127.0.0.1:8405").body


def test_the_feed_of_the_day_is_served_where_the_shop_says() -> None:
    control = Control(None)
    control.day = 12
    for one in SHOPS:
        found = ask(one.feed_path, one.host, control)
        assert found.body == feed(one.key, 12)
        assert len(list(feed_rows([found.body]))) >= 150
    assert ask("/feeds/google.csv").status == 404


def test_every_product_page_says_to_machines_what_it_says_to_people() -> None:
    seen: Counter[str] = Counter()
    control = Control(None)
    control.day = 45
    for facts in SHOPS:
        for one in shelf(facts.key, 45):
            is_plain = kind_of(one.product.sku) == "good" and one.sale_price is None
            if is_plain and int(one.product.sku[-2:]) % 10:
                continue
            page = ask(one.product.path, facts.host, control).body
            read = read_page(page, one.product.link).words()
            assert read["title"] == one.product.title, one.product.sku
            assert str(parse_price(read["price"])) == str(one.pays), one.product.sku
            assert read["availability"] == one.product.availability, one.product.sku
            seen[kind_of(one.product.sku)] += 1
    assert set(seen) == {"good", *KINDS.values()}


def test_good_json_ld_is_json() -> None:
    tree = html.fromstring(ask(product("BK-005").path).body)  # type: ignore[union-attr]
    (script,) = tree.iter("script")
    data = json.loads(script.text or "")
    assert (data["@type"], data["offers"]["price"], data["sku"]) == ("Product", "649.00", "BK-005")


def test_a_cart_is_ordered_once_by_its_own_form_and_by_no_other_site() -> None:
    control = Control(None)
    assert b"Bestellen kan hier niet" in ask("/cart?sku=BK-005", control=control).body
    # Nobody listens there: what can't be reported was not ordered, and the page says so.
    control.write(
        {"desk": desk_of({"web": "http://127.0.0.1:9", "edge": "http://127.0.0.1:9"}, {COFFEE: "key"})}
    )
    form = html.fromstring(ask("/cart?sku=BK-005&quantity=2&aan=one", control=control).body).forms[0]
    assert form.method == "POST" and REF.fullmatch(form.fields["ref"])
    assert {name: form.fields[name] for name in ("sku", "quantity", "aan")} == {
        "sku": "BK-005", "quantity": "2", "aan": "one",
    }  # fmt: skip
    assert bought(COFFEE, "/", b"", control).status == 404
    assert bought(COFFEE, "/cart", b"sku=BK-005&ref=nothing", control).status == 404
    thanks = ask("/ordered?ref=BK-W00C0FFEE&aan=one", control=control).body.decode()
    assert "BK-W00C0FFEE" in thanks and "Verdiensten" in thanks
    assert ask("/ordered?ref=<b>", control=control).status == 404
    site = WorldSite(0, control)
    threading.Thread(target=site.server.serve_forever, daemon=True).start()
    try:
        line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
        line.request("POST", f"/{COFFEE}/cart", "sku=BK-005", {"Origin": "https://evil.example"})
        assert line.getresponse().status == 403
    finally:
        site.server.shutdown()
        site.server.server_close()


def test_tokens_go_from_the_landing_page_to_the_cart_and_nothing_else_does() -> None:
    page = ask("/p/x-bk-005?aan=one.two-3&aan=<script>&utm_source=x").body.decode()
    tree = html.fromstring(page)
    assert tree.xpath("//input[@name='aan']/@value") == ["one.two-3"]
    assert "<script>&" not in page and "utm_source" not in page
    cart = ask("/cart?sku=BK-005&quantity=2&aan=one.two-3").body.decode()
    report = json.loads(unescape(cart.partition("<pre>")[2].partition("</pre>")[0]))
    assert report["click_tokens"] == ["one.two-3"]
    assert report["lines"][0]["net"] == {"amount": "1298.00", "currency": "EUR"}
    assert "geen teken" in ask("/cart?sku=BK-005").body.decode()


@pytest.mark.parametrize(
    "target",
    [
        "/p/nothing",
        "/p/x-bk-999",
        "/p/x-kp-001",
        "/i/kp-001.svg",
        "/cart",
        "/cart?sku=BK-999",
        "/../etc",
        "/%00",
        "/i/.svg",
    ],
)
def test_what_is_not_there_is_a_404(target: str) -> None:
    assert ask(target).status == 404


def test_the_landing_address_of_a_link_opens_without_a_name_server() -> None:
    found = ask(
        "/open?url=https%3A%2F%2Fwww.bergkoffie.example%2Fp%2Fx-bk-005%3Faan%3Done.two", "127.0.0.1:8405"
    )
    assert (found.status, found.location) == (302, "/bergkoffie.example/p/x-bk-005?aan=one.two")
    landed = ask(found.location, "127.0.0.1:8405").body.decode()
    assert html.fromstring(landed).xpath("//input[@name='aan']/@value") == ["one.two"]
    for address in ("https://elsewhere.example/", "//[", "", "https://bergkoffie.example.org/"):
        assert ask(f"/open?url={address}", "127.0.0.1:8405").status == 404
    split = ask("/open?url=https://bergkoffie.example/%0d%0aX:1", "127.0.0.1:8405").location
    assert split.isprintable()


def test_a_new_shop_takes_a_free_name_and_its_proof_is_shown_there() -> None:
    control = Control(None)
    token = "ZjnReB13KCsRP_sHTl0KNv0BU8NlWqd8"
    body = f"host=mijn-winkel.example&token={token}".encode()
    assert bought("127.0.0.1:8405", "/proof", body, control).status == 200
    shown = answer("mijn-winkel.example", "/.well-known/aanrader.txt", control)
    assert (shown.status, shown.body.decode()) == (200, token)
    for wrong in (
        b"host=bergkoffie.example&token=" + token.encode(),
        b"host=mijn-winkel.example&token=x",
        b"",
    ):
        assert bought("127.0.0.1:8405", "/proof", wrong, control).status == 422
    assert "mijn-winkel.example=127.0.0.1:8405" in hosts_setting(8405)


def test_a_product_that_left_is_gone_and_one_that_has_not_come_is_not_there_yet() -> None:
    control = Control(None)
    control.day = 0
    assert ask("/p/x-bk-029", control=control).status == 404
    control.day = 60
    assert ask("/p/x-bk-029", control=control).status == 200
    assert ask("/p/x-bk-033", control=control).status == 404


@pytest.mark.parametrize("quantity", ["0", "-4", "1e9", "٣", "", "99999999"])
def test_a_strange_quantity_is_brought_within_reason(quantity: str) -> None:
    page = ask(f"/cart?sku=BK-001&quantity={quantity}").body.decode()
    assert any(f'"quantity": {number},' in unescape(page) for number in (1, 20))


def test_a_proof_is_shown_as_soon_as_it_is_written_and_to_its_own_host_only(tmp_path: Path) -> None:
    writer, reader = Control(tmp_path / "site.json"), Control(tmp_path / "site.json")
    assert ask("/.well-known/aanrader.txt", control=reader).status == 404
    writer.proofs[COFFEE] = "first"
    assert ask("/.well-known/aanrader.txt", control=reader).body == b"first"
    writer.proofs[COFFEE] = "second"
    writer.day = 7
    assert ask("/.well-known/aanrader.txt", control=reader).body == b"second"
    assert ask("/.well-known/aanrader.txt", "uilenkaft.example", reader).status == 404
    assert (reader.day, dict(reader.proofs)) == (7, {COFFEE: "second"})


def test_the_server_answers_over_http() -> None:
    site = WorldSite(0, Control(None))
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    try:
        connection.request("GET", "/i/kp-001.svg", headers={"Host": "kwartelpad.example"})
        found = connection.getresponse()
        assert (found.status, found.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
        assert b"<svg" in found.read()
    finally:
        connection.close()
        site.server.shutdown()
        site.server.server_close()
    assert f"www.uilenkaft.example=127.0.0.1:{site.port}" in hosts_setting(site.port)
