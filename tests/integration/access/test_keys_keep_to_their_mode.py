"""A test key works on test orders: it reads no sale and no money, and changes nothing that lives."""

import pytest


def test_a_key_of_an_adviser_reads_commissions_of_its_own_mode(house):
    trade = house.mine
    sold = house.sale(trade, trade.anne)
    tried = house.sale(trade, trade.anne, bearer=trade.test_key)
    for mode, own, other in (("live", sold, tried), ("test", tried, sold)):
        key = house.key(trade.anne.actor, "adviser", mode)
        rows = trade.call("GET", "/commissions", status=200, bearer=key)["items"]
        assert {row["mode"] for row in rows} == {mode}
        trade.call("GET", f"/commissions/{own['commissions'][0]['id']}", status=200, bearer=key)
        trade.call("GET", f"/commissions/{other['commissions'][0]['id']}", status=404, bearer=key)


def test_a_key_of_the_platform_reads_commissions_of_its_own_mode(house):
    trade = house.mine
    sold, key = house.sale(trade, trade.anne), house.platform_key("finance", "test")
    trade.call("GET", f"/commissions/{sold['commissions'][0]['id']}", status=404, bearer=key)


def test_of_all_keys_only_those_of_shops_reach_orders(house):
    trade = house.mine
    sold = house.sale(trade, trade.anne)
    keys = [house.platform_key(role, "live") for role in ("finance", "admin")]
    for key in (*keys, house.key(trade.anne.actor, "adviser")):
        for path in ("/orders", f"/orders/{sold['order_ref']}"):
            trade.call("GET", path, status=403, bearer=key)
    trade.call("GET", f"/orders/{sold['order_ref']}", status=200, bearer=trade.key)


def test_a_test_key_of_a_shop_judges_no_sale(house):
    trade = house.mine
    sold = house.sale(trade, trade.anne)
    path = f"/commissions/{sold['commissions'][0]['id']}/decline"
    trade.call("POST", path, {"reason": "outside_terms"}, status=404, bearer=trade.test_key)
    tried = house.sale(trade, trade.anne, bearer=trade.test_key)
    path = f"/commissions/{tried['commissions'][0]['id']}/decline"
    trade.call("POST", path, {"reason": "outside_terms"}, status=200, bearer=trade.test_key)


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("shop", "POST", "/offers", {"name": "Test"}),
        ("shop", "POST", "/offers/{offer}/pause", None),
        ("shop", "POST", "/offers/{offer}/terms", {}),
        ("shop", "POST", "/partnerships/{partnership}/decline", {"reason": "enough"}),
        ("shop", "POST", "/codes", {}),
        ("shop", "GET", "/funding", None),
        ("adviser", "POST", "/links", {"url": "https://shop.example/p"}),
        ("adviser", "POST", "/partnerships/{partnership}/leave", None),
        ("adviser", "GET", "/earnings", None),
        ("adviser", "GET", "/statements", None),
        ("adviser", "GET", "/payout-account", None),
        ("finance", "POST", "/runs", {"currency": "EUR"}),
        ("finance", "GET", "/runs", None),
        ("finance", "GET", "/ledger/accounts", None),
        ("finance", "POST", "/reconciliation/import", None),
        ("admin", "POST", "/links/{link}/disable", None),
    ],
)
def test_a_test_key_neither_changes_what_lives_nor_reads_money(house, who, method, path, body):
    trade = house.mine
    bearer = {
        "shop": lambda: trade.test_key,
        "adviser": lambda: house.key(trade.anne.actor, "adviser", "test"),
        "finance": lambda: house.platform_key("finance", "test"),
        "admin": lambda: house.platform_key("admin", "test"),
    }[who]()
    world = trade.world
    filled = path.format(offer=world.offer_id, partnership=world.partnership_id, link=world.offer_link.id)
    refused = trade.call(method, filled, body, status=403, bearer=bearer)
    assert refused["code"] == "live_key_needed"


@pytest.mark.parametrize("path", ["/me", "/offers", "/products", "/links", "/codes", "/partnerships"])
def test_a_test_key_reads_what_a_test_needs(house, path):
    house.mine.call("GET", path, status=200, bearer=house.mine.test_key)


def test_a_key_keeps_to_its_scopes(house):
    key = house.key(house.mine.world.owner, "shop", "live", "offers:read")
    house.mine.call("GET", "/offers", status=200, bearer=key)
    for method, path in (("GET", "/orders"), ("GET", "/funding"), ("GET", "/me"), ("POST", "/offers")):
        assert house.mine.send(method, path, bearer=key).status_code == 403, path
