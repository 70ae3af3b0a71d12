"""Stores over the API: opened and closed by their shop, read by everybody, named by tills, reported to the shop."""

import datetime as dt

import pytest
import sqlalchemy as sa

from marketplace.accounts import limits
from marketplace.accounts import registration as accounts
from marketplace.core import clock, db, hooks
from marketplace.stores import registration as stores
from tests.applications import application
from tests.integration.tracking.furnished import database, furnished
from tests.integration.tracking.trade import Trade, line, money
from tracking.commissions import registration as commissions
from tracking.links import registration as links
from tracking.links import spoken

__all__ = ["database", "furnished"]

STORE = {
    "code": "utr1", "name": "Aan de gracht", "street": "Oudegracht 1", "postcode": "3511 AA", "city": "Utrecht",
    "country": "NL", "latitude": "52.090737", "longitude": "5.121420", "phone": "+31 30 123 4567",
    "opening_hours": {"monday": [{"from": "09:00", "to": "12:30"}, {"from": "13:00", "to": "18:00"}]},
}  # fmt: skip


@pytest.fixture
def trade(database):
    made = Trade(database)
    rooms = (accounts, stores, links, commissions)
    made.app = application([one for room in rooms for one in room.blueprints()])
    made.execute("UPDATE shop SET state = 'live'")
    return made


def opened(trade, **changes):
    return trade.call("POST", "/stores", STORE | changes, status=201)


def sale(trade, ref, store_ref, *tokens, **changes):
    body = trade.order(ref, *tokens, channel="pos", store_ref=store_ref, **changes)
    return trade.report(body)


def coded(trade, **changes):
    body = {"adviser_id": str(trade.anne.id), "offer_id": str(trade.world.offer_id)} | changes
    return trade.call("POST", "/codes", body, status=201)


def anonymous(trade, path):
    return trade.app.test_client(use_cookies=False).get(f"/api/v1{path}")


def test_a_store_is_opened_shown_exactly_and_found_by_everybody(trade):
    store = opened(trade)
    assert (store["code"], store["latitude"], store["longitude"]) == ("UTR1", "52.090737", "5.121420")
    assert store["opening_hours"]["monday"][1] == {"from": "13:00", "to": "18:00"}
    assert store["opening_hours"]["sunday"] == [] and store["state"] == "open"
    assert anonymous(trade, f"/stores/{store['id']}").get_json() == store
    assert [one["id"] for one in anonymous(trade, "/stores").get_json()["items"]] == [store["id"]]
    trade.execute("UPDATE shop SET state = 'draft'")
    assert anonymous(trade, f"/stores/{store['id']}").status_code == 404
    assert anonymous(trade, "/stores").get_json()["items"] == []
    assert trade.call("GET", f"/stores/{store['id']}", status=200) == store


REFUSED = (
    ("code", "U"), ("code", "UTR-1"), ("latitude", "52,1"), ("latitude", 52.1), ("latitude", "91"),
    ("longitude", None), ("phone", "call me"), ("country", "nl"),
    ("opening_hours", {"monday": [{"from": "18:00", "to": "09:00"}]}),
    ("opening_hours", {"monday": [{"from": "9:00", "to": "12:00"}]}),
    ("opening_hours", {"monday": [{"from": "09:00", "to": "13:00"}, {"from": "12:00", "to": "18:00"}]}),
    ("opening_hours", {"mondays": []}), ("opened_at", "2190-01-01T00:00:00Z"),
)  # fmt: skip


def test_a_store_that_nobody_could_find_is_refused(trade):
    for field, value in REFUSED:
        answer = trade.send("POST", "/stores", STORE | {field: value})
        assert answer.status_code == 422, (field, value, answer.get_json())
        assert any(name.startswith(field) for name in answer.get_json()["errors"]), (field, value)


def test_a_code_is_one_stores_for_ever_and_changes_keep_it(trade):
    store = opened(trade)
    assert trade.call("POST", "/stores", STORE, status=409)["code"] == "store_code_taken"
    changed = trade.call("PATCH", f"/stores/{store['id']}", {"city": "Zeist", "phone": None}, status=200)
    assert (changed["city"], changed["phone"], changed["code"]) == ("Zeist", None, "UTR1")
    trade.call("PATCH", f"/stores/{store['id']}", {"code": "X1"}, status=422)
    trade.call("PATCH", f"/stores/{store['id']}", {"latitude": "1.5"}, status=422)
    closed = trade.call("POST", f"/stores/{store['id']}/close", status=200)
    assert closed["state"] == "closed" and closed["closed_at"] is not None
    assert trade.call("POST", f"/stores/{store['id']}/close", status=200) == closed
    assert trade.call("POST", "/stores", STORE, status=409)["code"] == "store_code_taken"
    assert anonymous(trade, f"/stores/{store['id']}").status_code == 404
    assert trade.call("GET", f"/stores/{store['id']}", status=200) == closed


def test_another_shop_can_neither_change_nor_look_into_a_store(trade, database):
    store, other = opened(trade), Trade(database)
    other.app = trade.app
    for method, path in (
        ("PATCH", ""), ("POST", "/close"), ("GET", "/advisers"), ("GET", "/report"), ("POST", "/advisers"),
    ):  # fmt: skip
        body = {"PATCH": {"city": "x"}, "GET": None}.get(method)
        if path == "/advisers" and method == "POST":
            body = {"adviser_id": str(other.anne.id)}
        assert other.send(method, f"/stores/{store['id']}{path}", body).status_code == 404, (method, path)
    for bearer in (trade.anne.bearer, trade.test_key):
        assert trade.send("POST", "/stores", STORE, bearer=bearer).status_code == 403


def test_an_adviser_works_in_a_store_until_it_is_ended_or_closed(trade):
    store, bert = opened(trade), trade.join()
    for who in (trade.anne, bert):
        trade.call("POST", f"/stores/{store['id']}/advisers", {"adviser_id": str(who.id)}, status=201)
    again = trade.call(
        "POST", f"/stores/{store['id']}/advisers", {"adviser_id": str(trade.anne.id)}, status=201
    )
    ended = trade.call("POST", f"/stores/advisers/{again['id']}/end", status=200)
    assert ended["until_at"] is not None
    assert trade.call("POST", f"/stores/advisers/{again['id']}/end", status=200) == ended
    trade.call("POST", f"/stores/{store['id']}/close", status=200)
    shown = trade.call("GET", f"/stores/{store['id']}/advisers", status=200)["items"]
    assert len(shown) == 2 and all(one["until_at"] for one in shown)
    refused = trade.call("POST", f"/stores/{store['id']}/advisers", {"adviser_id": str(bert.id)}, status=409)
    assert refused["code"] == "illegal_transition"


def test_an_order_of_a_till_names_its_store_and_an_unknown_one_is_taken_in_with_a_warning(trade):
    store = opened(trade)
    known = sale(trade, "P-1", " utr1 ")
    assert (known["store_id"], known["warnings"]) == (store["id"], [])
    unknown = sale(trade, "P-2", "AMS9")
    assert unknown["store_id"] is None
    [warning] = unknown["warnings"]
    assert (warning["code"], warning["field"]) == ("store_unknown", "store_ref")
    assert trade.report(trade.order("P-3", channel="pos"))["warnings"] == []
    assert trade.report(trade.order("P-4", store_ref="UTR1"))["store_id"] is None  # Not of a till.

    def refs(query):
        return [one["order_ref"] for one in trade.call("GET", f"/orders?{query}", status=200)["items"]]

    assert refs(f"store_id={store['id']}") == ["P-1"]
    assert refs("store=unmatched") == ["P-2"]
    assert refs("store=matched") == ["P-1"]
    # The store comes later: what was reported stays as it was reported, and new orders find it.
    opened(trade, code="AMS9")
    assert trade.show("P-2")["warnings"] == [warning]
    assert sale(trade, "P-5", "AMS9")["warnings"] == []
    assert (
        trade.report(trade.order("P-2", channel="pos", store_ref="AMS9", ordered_at=unknown["ordered_at"]))
        == unknown
    )


def test_a_sale_in_a_store_that_was_closed_by_then_is_warned_of(trade):
    store = opened(trade)
    before = clock.now()
    trade.move_clock(hours=1)
    trade.call("POST", f"/stores/{store['id']}/close", status=200)
    late = sale(trade, "P-1", "UTR1")
    assert [one["code"] for one in late["warnings"]] == ["store_closed"] and late["store_id"] == store["id"]
    assert sale(trade, "P-2", "UTR1", ordered_at=before.isoformat())["warnings"] == []


def test_no_order_stands_in_another_shops_store_whatever_the_code_does(trade, database):
    store, other = opened(trade), Trade(database)
    other.app = trade.app
    opened(other, code="EHV1")
    assert sale(other, "P-1", "UTR1")["store_id"] is None
    sale(trade, "P-1", "UTR1")
    [order] = other.rows("SELECT id FROM shop_order WHERE shop_id = :s", s=other.world.shop_id)
    move = (
        "SET LOCAL ROLE aanrader_owner; ALTER TABLE shop_order DISABLE TRIGGER shop_order_append_only;"
        f" UPDATE shop_order SET channel = 'pos', store_id = '{store['id']}' WHERE id = '{order['id']}'"
    )
    with pytest.raises(sa.exc.IntegrityError, match="fk_shop_order_store_id_store"):
        other.execute(move)
    assert trade.broken_promises() == {}
    with trade.as_worker(), db.session() as session:
        found = hooks.invariants["orders_are_of_their_shops_store"].check(session)
    assert found.holds and found.rows_seen == 1


def test_a_code_is_drawn_once_for_an_adviser_and_an_offer_and_credits_however_it_is_typed(trade):
    code = coded(trade)
    assert not spoken.fails(code["code"]) and code["spoken"] == f"{code['code'][:3]} {code['code'][3:]}"
    assert coded(trade) == code
    typed = f" {code['code'][:3]}-{code['code'][3:]} ".lower()
    order = trade.report(trade.order("C-1", code=typed))
    assert order["attribution"]["winner"]["adviser_id"] == str(trade.anne.id)
    assert order["warnings"] == []
    trade.call("POST", f"/codes/{code['id']}/revoke", status=200)
    assert coded(trade)["code"] != code["code"]
    assert coded(trade, code="Anne-10")["spoken"] is None


def wrong(code, place=2):
    other = next(one for one in spoken.ALPHABET if one != code[place])
    return code[:place] + other + code[place + 1 :]


def test_an_order_with_a_code_heard_wrong_counts_and_names_the_one_that_was_meant(trade):
    code = coded(trade)["code"]
    order = trade.report(trade.order("C-1", code=wrong(code)))
    [warning] = order["warnings"]
    assert (warning["code"], warning["field"]) == ("code_wrong_check", "code")
    assert [one["code"] for one in warning["near_misses"]] == [code]
    assert warning["near_misses"][0]["adviser_id"] == str(trade.anne.id)
    assert order["attribution"]["winner"] is None
    plain = trade.report(trade.order("C-2", code="SUMMER20"))
    assert [(one["code"], one["near_misses"]) for one in plain["warnings"]] == [("code_unknown", [])]
    trade.show("C-1", bearer=trade.anne.bearer, status=404)


def test_a_till_asks_whose_a_code_is_and_which_one_was_meant(trade, with_valkey):
    code = coded(trade)

    def asked(text, **named):
        return trade.call("GET", f"/codes/resolve?code={text}", **({"status": 200} | named))

    right = asked(code["code"][:3] + "-" + code["code"][3:].lower())
    assert (right["state"], right["match"]["adviser_id"], right["near_misses"]) == (
        "in_force", str(trade.anne.id), [],
    )  # fmt: skip
    near = asked(wrong(code["code"]))
    assert (near["state"], near["match"]) == ("wrong_check", None)
    assert [one["spoken"] for one in near["near_misses"]] == [code["spoken"]]
    assert asked(code["code"][1:])["near_misses"][0]["code"] == code["code"]
    assert asked("SUMMER20")["state"] == "unknown"
    trade.call("POST", f"/codes/{code['id']}/revoke", status=200)
    gone = asked(code["code"])
    assert (gone["state"], gone["near_misses"]) == ("revoked", [])
    asked("x", status=403, bearer=trade.anne.bearer)


def test_codes_can_not_be_guessed_at_a_till(trade, with_valkey, monkeypatch):
    monkeypatch.setitem(limits.RULES, "code.missed", "3/hour")
    limits._items.cache_clear()
    code = coded(trade)["code"]
    try:
        for text in ("AAA", "BBB", "CCC"):
            trade.call("GET", f"/codes/resolve?code={text}", status=200)
        # Not even a right one is told any more, or guessing would go on.
        refused = trade.send("GET", f"/codes/resolve?code={code}")
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    finally:
        limits._items.cache_clear()


def test_a_card_shows_the_link_or_the_code_to_its_adviser_and_shop_only(trade):
    code = coded(trade)
    link = trade.send("GET", f"/codes/{code['id']}/qr.svg", bearer=trade.anne.bearer)
    assert link.status_code == 200 and link.mimetype == "image/svg+xml"
    assert link.data.startswith(b"<?xml") and code["code"].encode() in link.data
    till = trade.send("GET", f"/codes/{code['id']}/qr.svg?content=code")
    assert till.status_code == 200 and till.data != link.data
    assert trade.send("GET", f"/codes/{code['id']}/qr.svg?content=code").data == till.data
    assert trade.send("GET", f"/codes/{code['id']}/qr.svg", bearer=trade.join().bearer).status_code == 404


def test_the_report_of_a_store_adds_up_what_was_sold_advised_and_came_back(trade):
    store = opened(trade)
    trade.call("POST", f"/stores/{store['id']}/advisers", {"adviser_id": str(trade.anne.id)}, status=201)
    code = coded(trade)["code"]
    begin = clock.now()
    sale(trade, "R-1", "UTR1", code=code, lines=[line("1", "100.00"), line("2", "50.00")])
    sale(trade, "R-2", "UTR1", lines=[line("1", "30.00")])
    sale(trade, "R-3", "UTR1", code=code, lines=[line("1", "10.00")])
    sale(trade, "R-4", None, code=code)
    trade.refund("R-1", "B-1", {"line_ref": "2", "quantity": 1, "net": money("50.00")})
    trade.call("POST", "/orders/R-3/cancel", {"reason": "not collected"}, status=201)
    trade.report(trade.order("R-9", channel="pos", store_ref="UTR1"), bearer=trade.test_key)
    report = trade.call("GET", f"/stores/{store['id']}/report", status=200)
    assert (report["orders"], report["net"], report["net_left"]) == (3, money("190.00"), money("130.00"))
    assert report["refunds"] == {"orders": 2, "net": money("60.00")}
    assert report["advised"] == {"orders": 2, "net": money("160.00"), "commissions": money("10.00")}
    assert report["not_advised"] == {"orders": 1, "net": money("30.00")}
    [anne] = report["by_adviser"]
    assert (anne["works_here"], anne["orders"], anne["refunded"]) == (True, 2, money("60.00"))
    assert anne["commissions"] == money("10.00")
    query = {"from": (clock.now() + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    later = trade.call("GET", f"/stores/{store['id']}/report?from={query['from']}", status=200)
    assert (later["orders"], later["net"], later["by_adviser"]) == (0, money("0.00"), [])
    asked = f"/stores/{store['id']}/report?to={begin.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    assert trade.call("GET", asked, status=200)["orders"] == 0
    of_tests = trade.call("GET", f"/stores/{store['id']}/report", status=200, bearer=trade.test_key)
    assert (of_tests["mode"], of_tests["orders"]) == ("test", 1)
    trade.call("GET", f"/stores/{store['id']}/report", status=403, bearer=trade.anne.bearer)
