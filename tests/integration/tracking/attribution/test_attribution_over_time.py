"""Decisions as clicks arrive: provisional, decided, final; late clicks, visitors, customers, codes, bans, leaving."""

import datetime as dt

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.offers import partnerships, service
from tests.integration.tracking.trade import amounts
from tracking.attribution import policies
from tracking.links import codes

MINUTE = dt.timedelta(minutes=1)
VISITOR = bytes(range(16))


def winner(answer):
    found = answer["attribution"]["winner"]
    return found and found["adviser_id"]


def reasons(answer):
    return {one["adviser_id"]: one["reason"] for one in answer["attribution"]["others"]}


def test_the_worker_decides_and_says_so(trade):
    trade.report(trade.order("A-1", trade.token(trade.anne)))
    assert trade.lags()["orders_undecided"] == 1
    assert trade.work() == 1
    assert trade.show()["attribution"]["state"] == "decided"
    assert trade.lags()["orders_undecided"] == 0
    assert trade.work() == 0
    assert amounts(trade.show()) == {str(trade.anne.id): ("10.00", "pending")}


def test_an_order_stays_provisional_until_every_edge_has_shipped_past_it(trade):
    trade.edge_mark(ago=MINUTE)
    answer = trade.report(trade.order("A-1", trade.token(trade.anne)))
    trade.work()
    assert trade.show()["attribution"]["state"] == "provisional"
    commission = answer["commissions"][0]["id"]
    problem = trade.call("POST", f"/commissions/{commission}/approve", {}, status=409)
    assert problem["code"] == "attribution_provisional"
    trade.edge_mark(ago=-MINUTE)
    trade.work()
    assert trade.show()["attribution"]["state"] == "decided"
    trade.call("POST", f"/commissions/{commission}/approve", {}, status=200)
    assert trade.show()["attribution"]["state"] == "final"


def test_an_edge_that_is_silent_for_a_day_is_no_longer_waited_for(trade):
    trade.edge_mark(ago=MINUTE, seen_ago=dt.timedelta(hours=25))
    trade.report(trade.order("A-1", trade.token(trade.anne)))
    trade.work()
    assert trade.show()["attribution"]["state"] == "decided"


def test_a_later_click_that_arrives_late_takes_the_order_and_the_commission_over(trade):
    bert = trade.join()
    trade.edge_mark(ago=dt.timedelta(hours=2))
    answer = trade.report(trade.order("A-1", trade.token(trade.anne, dt.timedelta(hours=1), VISITOR)))
    assert winner(answer) == str(trade.anne.id)
    trade.work()
    trade.click(bert, MINUTE, visitor=VISITOR)
    trade.edge_mark(ago=-MINUTE)
    trade.work()
    answer = trade.show()
    assert winner(answer) == str(bert.id)
    assert reasons(answer) == {str(trade.anne.id): "earlier_touch"}
    assert amounts(answer) == {
        str(trade.anne.id): ("0.00", "reversed"),
        str(bert.id): ("10.00", "pending"),
    }
    causes = [move["cause"] for one in answer["commissions"] for move in one["moves"]]
    assert sorted(causes) == ["order", "redecided", "redecided"]
    assert trade.broken_promises() == {}


def test_a_click_that_was_a_bot_loses_the_order_when_its_screening_arrives(trade):
    bert = trade.join()
    token = trade.token(trade.anne)
    trade.report(trade.order("A-1", trade.token(bert, dt.timedelta(hours=1)), token))
    trade.work()
    assert winner(trade.show()) == str(trade.anne.id)
    trade.click(trade.anne, token=token, verdict="bot")
    assert trade.lags()["orders_undecided"] == 1
    trade.work()
    answer = trade.show()
    assert winner(answer) == str(bert.id)
    assert reasons(answer) == {str(trade.anne.id): "screened_bot"}
    assert trade.work() == 0


def test_what_comes_after_approval_changes_nothing_and_is_shown_as_too_late(trade):
    bert = trade.join()
    token = trade.token(trade.anne, dt.timedelta(hours=1), VISITOR)
    answer = trade.report(trade.order("A-1", token))
    trade.work()
    trade.call("POST", f"/commissions/{answer['commissions'][0]['id']}/approve", {}, status=200)
    late = trade.click(bert, MINUTE, visitor=VISITOR)
    trade.report(trade.order("A-2", token))
    trade.work()
    answer = trade.show()
    assert (winner(answer), answer["attribution"]["state"]) == (str(trade.anne.id), "final")
    assert [one["click_id"] for one in answer["attribution"]["arrived_too_late"]] == [str(late)]
    assert winner(trade.show("A-2")) == str(bert.id)


def test_clicks_of_the_same_visitor_count_although_the_cart_lost_their_tokens(trade):
    bert = trade.join()
    trade.click(bert, dt.timedelta(minutes=30), visitor=VISITOR)
    trade.report(trade.order("A-1", trade.token(trade.anne, dt.timedelta(hours=1), VISITOR)))
    trade.work()
    answer = trade.show()
    assert winner(answer) == str(bert.id)
    assert {one["via"] for one in answer["attribution"]["touches"]} == {"token", "visitor"}


def test_an_earlier_touch_of_the_same_customer_counts_and_one_of_another_shop_never(trade):
    other = type(trade)(trade.database)
    trade.report(trade.order("A-1", trade.token(trade.anne), customer={"ref": "c-1"}))
    answer = trade.report(trade.order("A-2", customer={"ref": "c-1"}))
    assert winner(answer) == str(trade.anne.id)
    assert answer["attribution"]["touches"][0]["via"] == "customer"
    assert winner(trade.report(trade.order("A-3", customer={"ref": "c-2"}))) is None
    assert winner(other.report(other.order("A-4", customer={"ref": "c-1"}))) is None
    test = trade.report(trade.order("A-5", customer={"ref": "c-1"}), bearer=trade.test_key)
    assert winner(test) is None


def test_terms_are_bound_at_the_touch_and_can_not_be_cut_afterwards(trade):
    token = trade.token(trade.anne)
    trade.publish(default={"percent_bp": 100})
    answer = trade.report(trade.order("A-1", token))
    assert amounts(answer) == {str(trade.anne.id): ("10.00", "pending")}
    assert answer["attribution"]["winner"]["terms_version"] == 1
    fresh = trade.report(trade.order("A-2", trade.token(trade.anne)))
    assert amounts(fresh) == {str(trade.anne.id): ("1.00", "pending")}


def test_a_click_outside_the_window_earns_nothing(trade):
    token = trade.token(trade.anne)
    trade.move_clock(days=30)
    answer = trade.report(trade.order("A-1", token))
    assert reasons(answer) == {str(trade.anne.id): "outside_window"}
    assert answer["attribution"]["funnel"] == "stan"


def test_a_click_after_the_order_is_no_advice_for_it(trade):
    trade.move_clock(hours=2)
    early = (clock.now() - dt.timedelta(hours=1)).isoformat()
    trade.report(trade.order("A-1", trade.token(trade.anne), ordered_at=early))
    trade.work()
    assert reasons(trade.show()) == {str(trade.anne.id): "after_order"}


def test_a_ban_counts_from_its_own_instant(trade):
    before = trade.token(trade.anne)
    trade.change_adviser(trade.anne, "banned")
    trade.move_clock(hours=1)
    after = trade.token(trade.anne)
    assert winner(trade.report(trade.order("A-1", before))) == str(trade.anne.id)
    assert reasons(trade.report(trade.order("A-2", after))) == {str(trade.anne.id): "adviser_banned"}


def test_clicks_after_leaving_and_on_a_paused_offer_earn_nothing(trade):
    bert = trade.join()
    with db.transaction() as session:
        partnerships.leave(session, bert.actor, bert.partnership_id, now=clock.now())
    trade.move_clock(hours=1)
    assert reasons(trade.report(trade.order("A-1", trade.token(bert)))) == {str(bert.id): "partnership_left"}
    with db.transaction() as session:
        service.move(session, trade.world.owner, trade.world.offer_id, "paused", now=clock.now())
    trade.move_clock(hours=1)
    answer = trade.report(trade.order("A-2", trade.token(trade.anne)))
    assert reasons(answer) == {str(trade.anne.id): "offer_paused"}


def make_code(trade, who, text="BERT10"):
    with db.transaction() as session:
        data = {"code": text, "adviser_id": who.id, "offer_id": trade.world.offer_id}
        return codes.create(session, trade.world.owner, data, clock.now()).id


def test_a_code_overrides_clicks_and_a_revoked_one_does_not(trade):
    bert = trade.join()
    code_id = make_code(trade, bert)
    answer = trade.report(trade.order("A-1", trade.token(trade.anne), code=" bert10 "))
    assert (winner(answer), answer["attribution"]["winner"]["by_code"]) == (str(bert.id), True)
    assert reasons(answer) == {str(trade.anne.id): "code_overrides"}
    with db.transaction() as session:
        codes.revoke(session, trade.world.owner, code_id, clock.now())
    trade.move_clock(hours=1)
    answer = trade.report(trade.order("A-2", trade.token(trade.anne), code="BERT10"))
    assert winner(answer) == str(trade.anne.id)
    assert answer["attribution"]["code"] == {"code": "BERT10", "result": "code_not_valid"}


def test_advice_from_inside_the_shop_is_paid_only_when_the_terms_allow(trade):
    bert = trade.join()
    trade.execute(
        "INSERT INTO membership (id, user_id, shop_id, role) VALUES (gen_random_uuid(), :user, :shop, 'staff')",
        user=bert.actor.user_id,
        shop=trade.world.shop_id,
    )
    assert reasons(trade.report(trade.order("A-1", trade.token(bert)))) == {str(bert.id): "own_shop"}
    trade.publish(own_shop=True)
    answer = trade.report(trade.order("A-2", trade.token(bert)))
    assert answer["attribution"]["winner"]["own_shop"] is True


def test_the_guard_of_the_policy_in_force_keeps_late_clicks_from_displacing(trade):
    bert = trade.join()
    with trade.as_worker(), db.transaction() as session:
        now = clock.now()
        policies.publish(session, trade.world.shop_id, guard_seconds=120, effective_from=now, now=now)
    trade.move_clock(hours=1)
    pair = [trade.token(trade.anne, dt.timedelta(minutes=30)), trade.token(bert, dt.timedelta(seconds=30))]
    answer = trade.report(trade.order("A-1", *pair))
    assert winner(answer) == str(trade.anne.id)
    assert reasons(answer) == {str(bert.id): "late_click_guard"}
    assert answer["attribution"]["policy"]["guard_seconds"] == 120


def test_one_click_may_lead_to_several_orders_and_each_gets_one_winner(trade):
    token = trade.token(trade.anne)
    for number in range(3):
        assert winner(trade.report(trade.order(f"A-{number}", token))) == str(trade.anne.id)
    assert len(trade.rows("SELECT * FROM touch")) == 1


@pytest.mark.parametrize("n", [1, 3])
def test_the_database_refuses_a_decision_out_of_turn(trade, n):
    trade.report(trade.order("A-1"))
    with (
        pytest.raises(sa.exc.IntegrityError, match=r"does not follow|duplicate"),
        db.transaction() as session,
    ):
        session.execute(
            sa.text(
                "INSERT INTO attribution (id, order_id, shop_id, n, state, decided_by, model, policy_id, receipt,"
                " decided_at) SELECT gen_random_uuid(), order_id, shop_id, :n, state, decided_by, model, policy_id,"
                " receipt, decided_at FROM attribution"
            ),
            {"n": n},
        )
