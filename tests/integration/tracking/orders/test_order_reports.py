"""Reporting orders over the API: once per reference, the same answer to a repeat, precise refusals."""

import datetime as dt
import hashlib

import pytest

from marketplace.core import clock
from tests.integration.tracking.trade import amounts, line, money


def test_an_order_with_a_token_is_answered_with_its_attribution_and_commission(trade):
    answer = trade.report(trade.order("A-1", trade.token(trade.anne)))
    assert (answer["order_ref"], answer["state"], answer["mode"]) == ("A-1", "received", "live")
    attribution = answer["attribution"]
    assert (attribution["state"], attribution["model"], attribution["funnel"]) == (
        "provisional",
        "last",
        "stan",
    )
    assert attribution["winner"]["adviser_id"] == str(trade.anne.id)
    assert attribution["winner"]["link_id"] == str(trade.anne.link.id)
    assert attribution["winner"]["terms_version"] == 1
    assert attribution["tokens"] == [{"index": 0, "result": "accepted"}]
    assert amounts(answer) == {str(trade.anne.id): ("10.00", "pending")}
    first = answer["commissions"][0]["lines"][0]
    assert first["base"] == money("100.00")
    assert first["rate"] == {"percent_bp": 1000}
    assert first["amount"] == money("10.00")
    assert trade.show() == answer
    assert trade.broken_promises() == {}


def test_an_order_with_nothing_stored_is_kees_and_earns_nobody_anything(trade):
    answer = trade.report(trade.order())
    assert answer["attribution"]["funnel"] == "kees"
    assert answer["attribution"]["winner"] is None
    assert answer["commissions"] == []
    trade.work()
    assert trade.show()["attribution"]["state"] == "decided"
    assert trade.rows("SELECT * FROM commission") == []


def test_a_repeat_gets_the_same_answer_to_the_byte_even_after_things_changed(trade):
    body = trade.order("A-1", trade.token(trade.anne))
    first = trade.send("POST", "/orders", body)
    assert "Idempotent-Replayed" not in first.headers
    trade.work()
    trade.refund("A-1", "R-1", {"line_ref": "1", "quantity": 1, "net": money("100.00")})
    again = trade.send("POST", "/orders", body)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(trade.rows("SELECT * FROM shop_order")) == 1


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"channel": "pos"}, {"channel"}),
        ({"lines": [line(net="99.00")]}, {"lines.0.net"}),
        ({"lines": [line(), line("2")], "code": "X"}, {"code", "lines.1.sku"}),
        ({"customer": {"ref": "c-2"}}, {"customer.ref"}),
        ({"click_tokens": []}, {"click_tokens.0"}),
    ],
)
def test_the_same_reference_with_other_content_is_refused_by_field(trade, change, fields):
    body = trade.order("A-1", trade.token(trade.anne), customer={"ref": "c-1"})
    trade.report(body)
    problem = trade.report(body | change, status=409)
    assert problem["code"] == "content_differs"
    assert fields <= set(problem["errors"])
    assert len(trade.rows("SELECT * FROM order_line")) == 1


def test_test_orders_run_the_whole_path_beside_the_live_ones(trade):
    live = trade.report(trade.order("A-1", trade.token(trade.anne)))
    test = trade.report(trade.order("A-1", trade.token(trade.anne)), bearer=trade.test_key)
    assert (live["mode"], test["mode"]) == ("live", "test")
    assert amounts(test) == {str(trade.anne.id): ("10.00", "pending")}
    assert {row["mode"] for row in trade.rows("SELECT mode FROM commission")} == {"live", "test"}
    assert trade.show(bearer=trade.test_key)["mode"] == "test"
    assert trade.show(query="?mode=test", status=404)["code"] == "not_found"
    assert trade.show(query="?mode=test", bearer=trade.owner)["mode"] == "test"


def test_forged_foreign_and_broken_tokens_never_fail_an_order(trade):
    other = type(trade)(trade.database)
    good = trade.token(trade.anne)
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    tokens = [forged, other.token(other.anne), "", "x" * 2000, "\x00'\"<é>", good, good]
    answer = trade.report(trade.order("A-1", *tokens))
    results = [one["result"] for one in answer["attribution"]["tokens"]]
    bad = "token_invalid"
    assert results == [bad, "token_of_other_shop", bad, bad, bad, "accepted", "accepted"]
    assert answer["attribution"]["winner"]["adviser_id"] == str(trade.anne.id)
    assert str(other.anne.id) not in str(answer)


def test_an_order_in_the_future_is_refused_and_an_old_one_flagged(trade):
    ahead = (clock.now() + dt.timedelta(minutes=6)).isoformat()
    assert "ordered_at" in trade.report(trade.order(ordered_at=ahead), status=422)["errors"]
    near = (clock.now() + dt.timedelta(minutes=4)).isoformat()
    assert trade.report(trade.order(ordered_at=near))["flags"] == []
    old = (clock.now() - dt.timedelta(days=31)).isoformat()
    assert trade.report(trade.order("A-2", ordered_at=old))["flags"] == ["reported_late"]


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "USD"},
        {"lines": [line(net="1.00") | {"tax": money("1.00", "USD")}]},
        {"shipping": {"net": money("1.00", "GBP"), "tax": money("0.00")}},
    ],
)
def test_another_currency_anywhere_is_not_offered(trade, change):
    problem = trade.report(trade.order(**change), status=422)
    assert problem["code"] == "currency_not_offered"
    assert problem["errors"]
    assert trade.rows("SELECT * FROM shop_order") == []


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [line(quantity=0)]},
        {"lines": [line(quantity=1.5)]},
        {"lines": [line() | {"net": {"amount": 100.0, "currency": "EUR"}}]},
        {"lines": [line() | {"net": money("1000000000.01")}]},
        {"lines": [line(net="-1.00")]},
        {"lines": []},
        {"lines": [line(), line()]},
        {"click_tokens": ["x"] * 21},
        {"order_ref": "a\x00b"},
        {"surprise": 1},
    ],
)
def test_bad_input_is_a_422_that_changes_nothing(trade, change):
    problem = trade.report(trade.order() | change, status=422)
    assert problem["errors"]
    assert problem["unchanged"] == "Nothing was changed."
    assert trade.rows("SELECT * FROM shop_order") == []


def test_the_largest_order_fits(trade):
    huge = [line(str(n), "1000000000.00", quantity=1_000_000) for n in range(1000)]
    answer = trade.report(trade.order("A-1", trade.token(trade.anne), lines=huge))
    assert amounts(answer) == {str(trade.anne.id): ("100000000000.00", "pending")}


def test_a_known_sku_brings_the_catalogues_category_and_an_unknown_one_the_orders_own(trade):
    trade.world.product("/p/1", sku="known")
    trade.execute("UPDATE product SET category = 'Home > Kitchen'")
    answer = trade.report(
        trade.order(
            lines=[
                line("1", sku="known", category="Books"),
                line("2", sku="unknown", category=" Books >Old "),
                line("3", sku="none"),
            ]
        )
    )
    found = [(one["category"], one["category_by"]) for one in answer["lines"]]
    assert found == [("Home > Kitchen", "catalogue"), ("Books > Old", "order"), (None, None)]


def test_what_identifies_a_customer_is_kept_as_a_keyed_digest_only(trade):
    digest = hashlib.sha256(b"jan@example.org").hexdigest()
    body = trade.order(customer={"ref": "klant-4711", "email_sha256": digest, "is_new": True})
    answer = trade.report(body)
    assert answer["customer"] == {"is_new": True, "is_new_by": "shop"}
    dump = str(trade.rows("SELECT o::text, a::text AS answer FROM shop_order o, order_answer a"))
    for private in ("klant-4711", digest):
        assert private not in dump
        assert private.encode().hex() not in dump


def test_a_returning_customer_is_known_from_our_own_orders_whatever_the_shop_says(trade):
    trade.report(trade.order("A-1", customer={"ref": "c-1", "is_new": True}))
    answer = trade.report(trade.order("A-2", customer={"ref": "c-1", "is_new": True}))
    assert answer["customer"] == {"is_new": False, "is_new_by": "orders"}


def test_a_reference_with_a_slash_has_an_address(trade):
    trade.report(trade.order("2026/0001", trade.token(trade.anne)))
    assert trade.show("2026/0001")["order_ref"] == "2026/0001"
    part = {"line_ref": "1", "quantity": 1, "net": money("100.00")}
    assert trade.refund("2026/0001", "R-1", part)["state"] == "applied"


def test_orders_are_listed_by_page_and_by_filter(trade):
    for number in range(5):
        trade.report(trade.order(f"A-{number}", trade.token(trade.anne) if number % 2 else ""))
    trade.call("POST", "/orders/A-4/cancel", {}, status=201)
    seen, cursor = [], ""
    while True:
        page = trade.call("GET", f"/orders?limit=2{cursor}", status=200)
        seen += [one["order_ref"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    cancelled = trade.call("GET", "/orders?state=cancelled", status=200)["items"]
    assert [one["order_ref"] for one in cancelled] == ["A-4"]
    hers = trade.call("GET", f"/orders?adviser_id={trade.anne.id}", status=200)["items"]
    assert [one["order_ref"] for one in hers] == ["A-3", "A-1"]
    assert "cursor" in trade.call("GET", "/orders?cursor=WyJ4IiwieSJd", status=422)["errors"]
    assert trade.call("GET", "/orders?color=red", status=422)["errors"]


def test_an_adviser_reads_their_own_part_and_nobody_elses(trade):
    bert, cees = trade.join("Bert"), trade.join("Cees")
    tokens = [trade.token(bert, dt.timedelta(minutes=2)), trade.token(trade.anne)]
    trade.report(trade.order("A-1", *tokens, customer={"ref": "c-1"}))
    hers = trade.show(bearer=trade.anne.bearer)
    assert hers["attribution"]["winner"]["adviser_id"] == str(trade.anne.id)
    assert amounts(hers) == {str(trade.anne.id): ("10.00", "pending")}
    his = trade.show(bearer=bert.bearer)
    assert his["attribution"]["winner"] is None
    assert [one["reason"] for one in his["attribution"]["others"]] == ["earlier_touch"]
    assert his["commissions"] == []
    for answer in (hers, his):
        assert not {"customer", "lines", "refunds", "channel", "store_ref"} & set(answer)
    assert str(trade.anne.id) not in str(his)
    assert str(bert.id) not in str(hers)
    assert trade.show(bearer=cees.bearer, status=404)["code"] == "not_found"
    listed = trade.call("GET", "/orders", status=200, bearer=bert.bearer)["items"]
    assert [(one["order_ref"], one["attribution"]["winner"]) for one in listed] == [("A-1", None)]
    assert trade.call("GET", "/orders", status=200, bearer=cees.bearer)["items"] == []


def test_another_shops_order_is_not_found_and_only_shop_keys_report(trade):
    other = type(trade)(trade.database)
    trade.report(trade.order())
    assert other.show(status=404)["code"] == "not_found"
    assert other.call("POST", "/orders/A-1/lines", {"lines": [line("2")]}, status=404)
    assert trade.report(trade.order("A-2"), status=403, bearer=trade.owner)["code"] == "forbidden"
    assert trade.report(trade.order("A-2"), status=403, bearer=trade.anne.bearer)
    assert trade.report(trade.order("A-2"), status=401, bearer="nonsense")


@pytest.mark.parametrize(("ref", "status"), [("a%00b", 400), ("%20", 422), ("x" * 101, 422)])
def test_an_address_with_a_reference_that_no_order_can_have_is_refused(trade, ref, status):
    assert trade.show(ref, status=status)["unchanged"] == "Nothing was changed."
    assert trade.call("POST", f"/orders/{ref}/cancel", {}, status=status)["next"]
    assert trade.rows("SELECT * FROM refund") == []
