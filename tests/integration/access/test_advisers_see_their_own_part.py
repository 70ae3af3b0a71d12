"""An adviser reads their own part of an order: not the buyer, and nothing from which another adviser shows."""

import json


def test_no_filter_tells_an_adviser_who_else_took_part(house):
    trade = house.mine
    bert, cleo = trade.join("Bert"), trade.join("Cleo")
    shared, alone = house.sale(trade, bert, cleo), house.sale(trade, bert)

    def listed(bearer, adviser):
        path = f"/orders?adviser_id={adviser.id}"
        return {row["order_ref"] for row in trade.call("GET", path, status=200, bearer=bearer)["items"]}

    assert listed(bert.bearer, bert) == {shared["order_ref"], alone["order_ref"]}
    assert listed(bert.bearer, cleo) == set()
    assert listed(cleo.bearer, bert) == set()
    assert listed(trade.owner, cleo) == {shared["order_ref"]}


def test_an_order_shows_an_adviser_neither_the_buyer_nor_the_others(house):
    trade = house.mine
    dora, emil = trade.join("Dora"), trade.join("Emil")
    sold = house.sale(trade, dora, emil)
    assert sold["attribution"]["winner"]["adviser_id"] == str(emil.id)
    for who, other in ((dora, emil), (emil, dora)):
        for path in (f"/orders/{sold['order_ref']}", "/orders", "/commissions"):
            shown = json.dumps(trade.call("GET", path, status=200, bearer=who.bearer))
            assert str(other.id) not in shown
            assert not [word for word in ('"customer"', "stan-", "A thing") if word in shown], path
    lost = trade.show(sold["order_ref"], bearer=dora.bearer)
    assert lost["commissions"] == []
    assert lost["attribution"]["winner"] is None
    assert [one["adviser_id"] for one in lost["attribution"]["others"]] == [str(dora.id)]


def test_another_advisers_amounts_are_not_found_by_any_filter(house):
    trade = house.mine
    fien = trade.join("Fien")
    commission = house.sale(trade, trade.anne)["commissions"][0]
    trade.call("GET", f"/commissions/{commission['id']}", status=404, bearer=fien.bearer)
    for query in (f"adviser_id={trade.anne.id}", f"shop_id={trade.world.shop_id}", "state=pending"):
        found = trade.call("GET", f"/commissions?{query}", status=200, bearer=fien.bearer)
        assert found["items"] == [], query
    trade.call("GET", f"/earnings?adviser_id={trade.anne.id}", status=404, bearer=fien.bearer)
