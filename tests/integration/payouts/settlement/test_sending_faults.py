"""One transfer per payout, whatever Stripe does: every fault that the sandbox knows, at the moment of paying."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import clock, db
from marketplace.core.errors import GatewayUncertain
from marketplace.core.money import Money
from payouts.runs import execution
from payouts.settlement import attempts, claims, sending
from payouts.settlement.gateway import CalledInsideTransaction, TransferOrder
from payouts.settlement.sending import Carried, Purse
from tests.integration.payouts.settling import World

MONEY = Money(100, "EUR")


def test_request_lost_before_stripe_saw_it_pays_once(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_before")
    world.work(run)
    assert world.transfers() == (0, 0)
    world.advance(minutes=1)
    world.work(run)
    assert [payout.state for payout in world.payouts(run)] == ["paid"]
    assert world.transfers() == (1, 4_000)


def test_a_payout_with_an_unknown_outcome_is_never_released(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    with world.rows() as session:
        session.execute(sa.text("UPDATE payout SET state = 'rejected'"))
    with pytest.raises(sa.exc.IntegrityError, match="outcome is unknown"), world.rows() as session:
        session.execute(sa.text("UPDATE payout SET state = 'released'"))


def test_stripes_own_balance_refusal_holds_the_money(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    purse = Purse(world.gateway)
    world.worker()
    assert purse.covers(world.payouts(run)[0].amount)
    world.sandbox.act("balance.drain", amount=48_000, currency="eur")
    assert sending.carry_out(world.gateway, world.payouts(run)[0].id, purse, clock.now) is Carried.WAITING
    [payout] = world.payouts(run)
    assert (payout.state, payout.reason) == ("rejected", "balance_insufficient")
    assert world.balance("adviser:in_transit", adviser.id) == 4_000
    world.sandbox.act("balance.topup", amount=48_000, currency="eur")
    world.worker()
    assert execution.resume_funded(world.gateway, clock.now) == 1
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    assert [one.outcome for one in world.attempts(payout)] == ["rejected", "created"]
    assert world.transfers() == (1, 4_000)


def test_no_call_happens_inside_a_transaction(world: World) -> None:
    world.worker()
    order = TransferOrder(world.shop_id, 1, MONEY, "acct_x", "x")
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        world.gateway.create_transfer("k", order)
    with db.transaction(), pytest.raises(CalledInsideTransaction):
        world.gateway.balances()


def test_of_two_workers_at_one_moment_one_takes_a_payout(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as first:
        assert claims.claim(first, payout.id, clock.now()) is not None
        first.flush()
        # The other one looks before the first has committed, so it reads the payout as it was.
        with Session(db.engine()) as second:
            second.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
            assert claims.claim(second, payout.id, clock.now()) is None
            second.rollback()


def test_a_lease_keeps_others_away_until_it_ends(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is not None
    with db.transaction() as session:
        assert claims.claim(session, payout.id, clock.now()) is None


def test_moving_business_time_ends_no_lease_so_no_second_key_opens_during_a_call(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        under_way = claims.claim(session, payout.id, clock.now())
        assert under_way is not None
    with db.transaction() as session:
        assert attempts.open_attempt(session, under_way, clock.now())
    # The call is under way and has moved nothing yet, while somebody moves business time past the key's life and past
    # two look-ups: whoever looked now would find nothing, twice, and pay under another key.
    for moved in ({"hours": 24}, {"minutes": 6}, {"minutes": 6}):
        with world.rows() as session:
            step = int(dt.timedelta(**moved).total_seconds())
            session.execute(
                sa.text("UPDATE business_clock SET offset_seconds = offset_seconds + :s"), {"s": step}
            )
        world.sandbox.ask("clock", {"advance": f"{step}s"})
        world.now()
        assert world.work(run) == 0
    transfer = world.gateway.create_transfer(under_way.key, under_way.order())
    with db.transaction() as session:
        assert attempts.paid(session, under_way, transfer, "created", clock.now())
    assert world.work(run) == 0
    [payout] = world.payouts(run)
    assert [(one.n, one.look_ups, one.outcome) for one in world.attempts(payout)] == [(1, 0, "created")]
    assert (payout.state, payout.leased_until) == ("paid", None)
    assert world.transfers() == (1, 4_000)


def test_who_comes_back_after_the_lease_ended_opens_no_attempt(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        slow = claims.claim(session, payout.id, clock.now())
        assert slow is not None
    world.advance(minutes=6)
    world.worker()
    with db.transaction() as session:
        assert attempts.open_attempt(session, slow, clock.now()) is False
    assert world.attempts(payout) == []
    assert world.work(run) == 1
    assert world.transfers() == (1, 4_000)


def test_the_database_refuses_a_second_key_without_two_looks_at_stripe(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_before")
    world.work(run)
    [payout] = world.payouts(run)
    assert [one.outcome for one in world.attempts(payout)] == [None]
    second = sa.text(
        "INSERT INTO payout_attempt (id, payout_id, n, idem_key, request_hash, first_sent_at)"
        " VALUES (gen_random_uuid(), :payout, 2, 'second', '', now())"
    )
    with pytest.raises(sa.exc.IntegrityError, match="uq_payout_attempt_open"), world.rows() as session:
        session.execute(second, {"payout": payout.id})
    abandoned = sa.text("UPDATE payout_attempt SET outcome = 'abandoned', closed_at = now(), look_ups = :n")
    with pytest.raises(sa.exc.IntegrityError, match="looked_up_twice"), world.rows() as session:
        session.execute(abandoned, {"n": 1})
    with world.rows() as session:
        session.execute(abandoned, {"n": 2})
        session.execute(second, {"payout": payout.id})


def test_a_transfer_is_asked_for_in_its_own_currency_and_unit(world: World) -> None:
    owner = world.adviser(connected=False)
    account = world.gateway.create_account("k0", owner.id, "JP", "anne@people.example").account_id
    url = world.gateway.account_link(account, "http://localhost/again", "http://localhost/done")
    assert world.sandbox.click(url)[0] == 303
    world.sandbox.act("balance.topup", amount=5_000, currency="jpy")
    order = TransferOrder(owner.id, 1, Money(1_234, "JPY"), account, "x")
    assert world.gateway.create_transfer("k1", order).amount == Money(1_234, "JPY")
    assert world.state()["sums"]["transfer"] == {"jpy": 1_234}


def test_lost_answers_are_named_uncertain(world: World) -> None:
    adviser = world.adviser()
    account = world.account_of(adviser.id)
    world.sandbox.act("balance.topup", amount=1_000, currency="eur")
    world.sandbox.fault("drop_after")
    order = TransferOrder(adviser.id, 1, MONEY, account.stripe_account_id or "", "x")
    with pytest.raises(GatewayUncertain):
        world.gateway.create_transfer("k1", order)
    first = world.gateway.create_transfer("k1", order)
    assert world.gateway.transfers_in(order.group) == [first] or first.request_id is not None
    assert world.transfers() == (1, 100)
