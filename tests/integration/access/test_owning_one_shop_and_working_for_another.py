"""Rights are held per shop: who owns one shop and is staff of another does there what staff may."""

import pytest

from marketplace.core import clock


@pytest.fixture
def order(house):
    """An order of the shop where the mixed person is staff, with a pending commission."""
    return house.sale(house.theirs, house.theirs.anne)


def _moves(house, order):
    statement = "SELECT count(*) AS n FROM commission_move WHERE commission_id = :id"
    return house.theirs.rows(statement, id=order["commissions"][0]["id"])[0]["n"]


@pytest.mark.parametrize(("verb", "body"), [("approve", {}), ("decline", {"reason": "outside_terms"})])
def test_an_owner_elsewhere_judges_no_commission_as_staff(house, order, verb, body):
    path = f"/commissions/{order['commissions'][0]['id']}/{verb}"
    refused = house.theirs.call("POST", path, body, status=403, bearer=house.mixed)
    assert refused["code"] == "owner_needed"
    assert _moves(house, order) == 1


def test_a_strangers_commission_is_not_found_by_an_owner_elsewhere(house):
    sold = house.sale(house.mine, house.mine.anne)
    path = f"/commissions/{sold['commissions'][0]['id']}/decline"
    house.theirs.call("POST", path, {"reason": "outside_terms"}, status=404, bearer=house.theirs.owner)
    done = house.mine.call("POST", path, {"reason": "outside_terms"}, status=200, bearer=house.mixed)
    assert done["state"] == "declined"


@pytest.mark.parametrize("what", ["refunds", "cancel"])
def test_an_owner_elsewhere_takes_no_order_back_as_staff(house, order, what):
    body = {"reason": "came back"}
    if what == "refunds":
        part = {"line_ref": "1", "quantity": 1, "net": {"amount": "100.00", "currency": "EUR"}}
        body |= {"refund_ref": "T-1", "refunded_at": clock.now().isoformat(), "lines": [part]}
    else:
        body = {"reason": "order_cancelled"}
    path = f"/orders/{order['order_ref']}/{what}?shop_id={order['shop_id']}"
    refused = house.theirs.call("POST", path, body, status=403, bearer=house.mixed)
    assert refused["code"] == "owner_needed"
    assert house.theirs.show(order["order_ref"])["state"] == "received"
    assert _moves(house, order) == 1


def test_an_owner_elsewhere_pays_nothing_in_as_staff(house):
    body = {"amount": {"amount": "50.00", "currency": "EUR"}, "shop_id": str(house.theirs.world.shop_id)}
    refused = house.theirs.call("POST", "/funding", body, status=403, bearer=house.mixed)
    assert refused["code"] == "owner_needed"
    assert house.theirs.rows("SELECT 1 FROM funding") == []


def test_the_budget_of_a_shop_is_read_by_its_owners_only(house):
    mine, theirs = house.mine.world.shop_id, house.theirs.world.shop_id
    house.mine.call("GET", f"/funding?shop_id={mine}", status=200, bearer=house.mixed)
    refused = house.mine.call("GET", f"/funding?shop_id={theirs}", status=403, bearer=house.mixed)
    assert refused["code"] == "owner_needed"
    house.mine.call("GET", f"/funding?shop_id={mine}", status=404, bearer=house.theirs.owner)


def test_everything_else_that_owners_do_is_closed_to_staff_who_own_elsewhere(house):
    shop, offer = str(house.theirs.world.shop_id), house.theirs.world.offer_id
    for method, path, body in (
        ("PATCH", f"/shops/{shop}", {"name": "Taken"}),
        ("POST", "/domains", {"host": "taken.example", "shop_id": shop}),
        ("POST", "/invitations", {"email": "friend@example.test", "shop_id": shop}),
        ("POST", "/api-keys", {"name": "k", "shop_id": shop}),
        ("POST", "/offers", {"name": "Mine", "shop_id": shop}),
        ("POST", f"/offers/{offer}/pause", None),
    ):
        refused = house.theirs.call(method, path, body, status=403, bearer=house.mixed)
        assert refused["code"] == "owner_needed", path
