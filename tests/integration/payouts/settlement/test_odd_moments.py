"""What happens between the steps of a payout: returns while it is refused, banks that are faster than our answers."""

from __future__ import annotations

import uuid
from threading import Barrier, Thread

from marketplace.core import clock, db, hooks
from marketplace.core.money import Money
from payouts.ledger import service as ledger
from payouts.ledger.commissions import Due, Parties, claw_back
from payouts.reconciliation import promises
from payouts.reconciliation import registration as reconciliation
from payouts.settlement import attempts, bank_leg, checkouts, claims
from payouts.settlement.gateway import TransferOrder
from payouts.statements import service as statements
from tests.integration.payouts.settling import World


def take_back(world: World, adviser_id: uuid.UUID, cents: int) -> None:
    """Let an approved commission come back, as accrual posts it."""
    world.worker()
    with db.transaction() as session:
        parties = Parties(world.shop_id, adviser_id, "EUR")
        due = Due(Money(cents, "EUR"), Money(0, "EUR"))
        held = ledger.lock(session, [parties.available])[parties.available]
        lines = claw_back(parties, due, held)
        ledger.post(session, [ledger.Entry(f"back:{uuid.uuid4()}", "claw_back", clock.now(), lines)])


def refuse_and_release(world: World, cents: int) -> uuid.UUID:
    """Approve a payout, take some of it back, and let Stripe refuse it twice over; return the adviser."""
    adviser = world.adviser(earned=cents)
    run = world.start()
    take_back(world, adviser.id, 1_000)
    world.sandbox.act("account.disable", account=world.account_of(adviser.id).stripe_account_id)
    world.work(run)
    assert [one.state for one in world.payouts(run)] == ["released"]
    world.sandbox.act("account.enable", account=world.account_of(adviser.id).stripe_account_id)
    row = world.account_of(adviser.id)
    world.refresh(row.id, row.stripe_account_id or "")
    return adviser.id


def test_a_return_during_a_refused_payout_is_settled_with_what_came_back(world: World) -> None:
    world.budget(50_000)
    adviser = refuse_and_release(world, 6_000)
    assert world.balance("adviser:receivable", adviser) == 0
    assert world.balance("adviser:available", adviser) == 5_000
    run = world.start()
    world.work(run)
    assert [(one.state, one.amount_minor) for one in world.payouts(run)] == [("paid", 5_000)]
    assert statements.issue_due(clock.now) == 1
    for name in ("payouts_equal_their_lines", "in_transit_equals_open_payouts", "statements_equal_payouts"):
        assert world.read(hooks.invariants[name].check).holds, name


def test_one_statement_that_does_not_add_up_keeps_no_other_waiting(world: World) -> None:
    world.budget(50_000)
    for cents in (4_000, 5_000):
        world.adviser(earned=cents)
    run = world.start()
    world.work(run)
    first = world.payouts(run)[0]
    with world.superuser() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("ALTER TABLE payout_line DISABLE TRIGGER ALL")
        connection.exec_driver_sql(f"UPDATE payout_line SET amount_minor = 1 WHERE payout_id = '{first.id}'")
    world.worker()
    assert statements.issue_due(clock.now) == 1
    with db.session() as session:
        assert statements.unissued(session) == [first.id]


def test_a_bank_payout_of_two_runs_brings_both_whichever_was_heard_of_first(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    first = world.start()
    world.work(first)
    world.earn(adviser.id, 3_000)
    second = world.start()
    world.sandbox.fault("drop_after")
    world.work(second)
    assert [one.state for one in world.payouts(second)] == ["unknown"]
    world.advance(days=3)
    for _ in range(3):
        world.deliver()
        world.handle()
    assert [one.state for one in world.payouts(first)] == ["in_bank"]
    world.work(second)
    assert [one.state for one in world.payouts(second)] == ["paid"]
    world.advance(hours=7)
    world.play("worker")
    with db.transaction() as session:
        due = bank_leg.accounts_to_check(session, clock.now())
    assert sum(bank_leg.check(world.gateway, account, clock.now) for account in due) == 1
    assert [one.state for one in world.payouts(second)] == ["in_bank"]
    assert world.balance("memo:connected_balance", adviser.id) == 0


def test_a_refusal_from_before_somebody_sent_closes_nothing(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.worker()
    with db.transaction() as session:
        slow = claims.claim(session, payout.id, clock.now())
    assert slow is not None
    world.advance(minutes=3)
    world.worker()
    with db.transaction() as session:
        quick = claims.claim(session, payout.id, clock.now())
        assert quick is not None
        assert attempts.open_attempt(session, quick, clock.now())
    transfer = world.gateway.create_transfer(quick.key, quick.order())
    with db.transaction() as session:
        attempts.rejected(session, slow, "destination_changed", None, clock.now(), sent=False)
    with db.transaction() as session:
        assert attempts.paid(session, quick, transfer, "created", clock.now())
    assert [one.state for one in world.payouts(run)] == ["paid"]
    assert world.balance("adviser:available", adviser.id) == 0


def test_two_movements_that_cancel_out_are_still_differences(world: World) -> None:
    world.budget(50_000)
    account = world.account_of(world.adviser().id).stripe_account_id or ""
    order = TransferOrder(uuid.uuid4(), 1, Money(1_234, "EUR"), account, "by hand")
    world.gateway.create_transfer("by-hand", order)
    world.sandbox.act("balance.topup", amount=1_234, currency="eur")
    world.play("worker")
    assert reconciliation.run_due() == 1
    finding = world.read(promises.certificate_difference)
    assert not finding.holds
    assert finding.figure == 2 * 1_234


def test_a_page_confirmed_twice_at_once_is_booked_once(world: World) -> None:
    headers = world.token(world.owner.user_id)
    _, body = world.call("POST", "/funding", headers, amount={"amount": "200.00", "currency": "EUR"})
    world.sandbox.click(body["url"])
    session_id = body["url"].rsplit("/", 1)[-1]
    world.play("worker")
    told: list[object] = []
    start = Barrier(4)

    def confirm() -> None:
        start.wait()
        try:
            told.append(checkouts.confirm(world.gateway, session_id, clock.now))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test looks for.
            told.append(error)

    threads = [Thread(target=confirm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["booked"] * 4
    assert world.balance("shop:prepaid", world.shop_id) == 20_000
