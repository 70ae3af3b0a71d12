"""While payouts are frozen nobody is paid, whoever asks; and two people lift the freeze once all is explained."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db
from marketplace.core.errors import InvalidInput
from marketplace.core.money import Money
from payouts.reconciliation import bookings, importing, lifting, promises
from payouts.reconciliation.models import Certificate, TransferBooking
from payouts.runs import execution
from payouts.runs import service as runs
from payouts.settlement import freeze, sending
from payouts.settlement.gateway import TransferOrder
from payouts.settlement.models import Break
from payouts.settlement.payout_models import PayoutRun
from payouts.settlement.promises import payouts_due
from payouts.settlement.sending import Purse
from tests.conftest import Database
from tests.integration.payouts.settling import Finance, World


def restored(world: World) -> None:
    """Freeze as a restore does: in the database itself."""
    with world.rows() as session:
        session.execute(
            sa.text("SELECT payout_freeze_begin('restore', 'a backup', :at, :at, 'restore')"),
            {"at": clock.now()},
        )


def reconcile(world: World) -> Certificate:
    """Import what Stripe moved, as the worker does, and return the certificate of the euro."""
    asked = world.web(lambda session: importing.ask_anew(session, "test", world.now())).id
    world.play("worker")
    [made] = [one for one in importing.run(world.gateway, asked, clock.now) if one.currency == "EUR"]
    return made


def lift(world: World, who: Finance) -> freeze.PayoutFreeze:
    return world.web(lambda session: lifting.lift(session, who.actor, world.now()))


def refusal(world: World, statement: str, **values: Any) -> str:
    """Return which promise of the database refuses a statement of the worker."""
    world.play("worker")
    with pytest.raises(sa.exc.IntegrityError) as refused, db.transaction() as session:
        session.execute(sa.text(statement), values)
    diagnosis: Any = refused.value.orig
    return str(diagnosis.diag.constraint_name)


def test_nothing_is_claimed_approved_executed_or_sent_while_frozen(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=5_000)
    run = world.start()
    [payout] = world.payouts(run)
    waiting = world.web(lambda session: runs.create(session, world.maker.actor, "EUR", world.now()))
    restored(world)

    assert world.work(run) == 0
    assert sending.carry_out(world.gateway, payout.id, Purse(world.gateway), clock.now).value == "nothing"
    world.adviser(earned=3_000)
    world.preview(waiting.id)
    with pytest.raises(freeze.PayoutsFrozen, match="restored from a backup"):
        world.approve(world.run(waiting.id))
    assert world.transfers() == (0, 0)
    assert world.attempts(payout) == []
    shown = world.read(lambda session: execution.progress(session, session.get_one(PayoutRun, run.id)))
    assert shown["frozen"] is True

    # Whoever goes around our Python meets PostgreSQL.
    attempt = (
        "INSERT INTO payout_attempt (id, payout_id, n, idem_key, request_hash, first_sent_at)"
        " VALUES (:id, :payout, 1, 'k', '', now())"
    )
    assert refusal(world, attempt, id=uuid.uuid4(), payout=payout.id) == "payouts_frozen"
    with pytest.raises(sa.exc.DBAPIError, match="payouts are frozen"), world.superuser() as boss:
        boss.execute(
            sa.text(
                "UPDATE payout_run SET state = 'approved', approved_by = :who, approved_at = now() WHERE id = :id"
            ),
            {"id": waiting.id, "who": world.checker.actor.user_id},
        )


def test_an_approved_run_does_not_start_while_frozen(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=5_000)
    run = world.approve(world.draft())
    restored(world)
    with pytest.raises(freeze.PayoutsFrozen):
        world.web(lambda session: runs.execute(session, world.maker.actor, run.id, world.now()))
    with pytest.raises(sa.exc.DBAPIError, match="payouts are frozen"), world.superuser() as boss:
        boss.execute(sa.text("UPDATE payout_run SET state = 'executing' WHERE id = :id"), {"id": run.id})


def test_an_open_attempt_is_not_sent_again_while_frozen(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=5_000)
    run = world.start()
    [payout] = world.payouts(run)
    world.sandbox.fault("drop_before")
    world.work(run)
    assert world.transfers() == (0, 0)
    restored(world)
    world.advance(minutes=10)
    assert world.work(run) == 0
    assert world.transfers() == (0, 0)
    assert refusal(world, "UPDATE payout_attempt SET sends = sends + 1") == "payouts_frozen"
    assert world.read(lambda session: payouts_due(session, clock.now())) == 0
    assert [one.sends for one in world.attempts(payout)] == [1]


def pay_behind_the_books(world: World, payout_id: uuid.UUID, cents: int, destination: str) -> str:
    """Let Stripe make a transfer of which the books know nothing, as before a restore; return its id."""
    order = TransferOrder(payout_id, 1, Money(cents, "EUR"), destination, "Aanrader R-2026-0001")
    return world.gateway.create_transfer(f"payout-{payout_id}-a1", order).transfer_id


def test_a_transfer_of_a_payout_that_still_stands_is_adopted(world: World) -> None:
    world.budget(100_000)
    for cents in (4_000, 5_000, 6_000):
        world.adviser(earned=cents)
    run = world.start()
    never, lost_attempt, after = world.payouts(run)
    pay_behind_the_books(world, lost_attempt.id, lost_attempt.amount_minor, lost_attempt.destination)
    restored(world)
    made = reconcile(world)
    assert made.difference_minor == 0
    states = {one.id: (one.state, one.stripe_transfer_id is not None) for one in world.payouts(run)}
    assert states[lost_attempt.id] == ("paid", True)
    assert states[never.id] == states[after.id] == ("approved", False)
    [attempt] = world.attempts(lost_attempt)
    assert (attempt.outcome, attempt.n) == ("adopted", 1)
    assert world.transfers() == (1, lost_attempt.amount_minor)
    for check in (promises.certificate_difference, promises.transfers_equal_payouts):
        assert world.read(check).holds

    lift(world, world.maker)
    with pytest.raises(lifting.SameLifter):
        lift(world, world.maker)
    with pytest.raises(lifting.NotExplained, match="not been imported"):
        lift(world, world.checker)
    reconcile(world)
    assert lift(world, world.checker).lifted_at is not None
    world.advance(days=2)
    world.work(run)
    assert {one.state for one in world.payouts(run)} == {"paid"}
    assert world.transfers() == (3, 15_000)


def test_an_open_attempt_whose_answer_a_restore_lost_is_adopted(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.stripe_transfer_id is None
    restored(world)
    assert reconcile(world).difference_minor == 0
    [payout] = world.payouts(run)
    assert payout.state == "paid"
    assert [one.outcome for one in world.attempts(payout)] == ["adopted"]


def test_a_transfer_whose_payout_is_gone_keeps_the_freeze_until_two_people_book_it(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser(earned=3_000)
    destination = world.account_of(adviser.id).stripe_account_id
    assert destination is not None
    restored(world)
    transfer_id = pay_behind_the_books(world, uuid.uuid4(), 4_500, destination)
    assert reconcile(world).difference_minor == -4_500
    lift(world, world.maker)
    reconcile(world)
    with pytest.raises(lifting.NotExplained, match="1 transfers at Stripe"):
        lift(world, world.checker)
    freezing = world.read(lambda session: session.scalars(sa.select(freeze.PayoutFreeze)).one())
    with pytest.raises(sa.exc.DBAPIError, match="the books do not know"), world.superuser() as boss:
        boss.execute(
            sa.text("UPDATE payout_freeze SET lifted_by = :who, lifted_at = now() WHERE id = :id"),
            {"who": world.checker.actor.user_id, "id": freezing.id},
        )

    first, second = (world.token(one.actor.user_id, totp_now=True) for one in (world.maker, world.checker))
    status, shown = world.call("GET", "/payout-freeze", first)
    [lost] = shown["unknown_transfers"]
    assert (status, shown["frozen"], lost["transfer_id"], lost["amount"]["amount"]) == (
        200,
        True,
        transfer_id,
        "45.00",
    )
    path = f"/payout-freeze/transfers/{lost['difference_id']}"
    other = world.adviser(connected=False)
    assert world.call("POST", f"{path}/approve", second)[1]["code"] == "booking_not_asked"
    assert world.call("POST", f"{path}/book", first, note="wrong", adviser_id=str(other.id))[0] == 422
    status, asked = world.call("POST", f"{path}/book", first, note="run R-2026-0001 was lost")
    assert (status, asked["state"], asked["adviser_id"]) == (202, "asked", str(adviser.id))
    assert world.call("POST", f"{path}/approve", first)[1]["code"] == "same_approver"
    assert world.call("POST", f"{path}/approve", second)[1]["state"] == "approved"
    world.worker()
    assert (bookings.work(clock.now()), bookings.work(clock.now())) == (1, 0)
    assert (
        world.balance("adviser:available", adviser.id),
        world.balance("adviser:receivable", adviser.id),
    ) == (0, 1_500)

    assert reconcile(world).difference_minor == 0
    for check in (promises.certificate_difference, promises.transfers_equal_payouts):
        assert world.read(check).holds
    assert lift(world, world.checker).lifted_at is not None
    # The adviser was paid, so the next run does not pay it again.
    run = world.web(lambda session: runs.create(session, world.maker.actor, "EUR", world.now()))
    assert world.preview(run.id).included == ()
    assert world.transfers() == (1, 4_500)


def test_a_booking_needs_an_adviser_and_a_shop_where_the_books_know_none(world: World) -> None:
    world.budget(100_000)
    stranger = world.adviser()
    destination = world.account_of(stranger.id).stripe_account_id
    assert destination is not None
    restored(world)
    pay_behind_the_books(world, uuid.uuid4(), 2_500, destination)
    reconcile(world)
    [found] = world.read(lambda session: list(session.scalars(sa.select(Break))))

    def ask(**said: Any) -> TransferBooking:
        facts: dict[str, Any] = {
            "adviser_id": None,
            "shop_id": None,
            "note": "lost",
            "now": world.now(),
        } | said
        return world.web(lambda session: bookings.ask(session, world.maker.actor, found.id, **facts))

    with pytest.raises(InvalidInput, match="shop_id"):
        ask()
    assert ask(shop_id=world.shop_id).adviser_id == stranger.id


def test_freezing_by_hand_stops_payouts_and_is_written_down(world: World) -> None:
    headers = world.token(world.maker.actor.user_id, totp_now=True)
    assert (
        world.call(
            "POST", "/payout-freeze", world.token(world.maker.actor.user_id, minutes_ago=40), note="PITR"
        )[0]
        == 403
    )
    status, shown = world.call("POST", "/payout-freeze", headers, note="PITR by the database team")
    assert (status, shown["freeze"]["reason"]) == (201, "by_hand")
    again = world.call("POST", "/payout-freeze", headers, note="once more")[1]
    assert again["freeze"]["id"] == shown["freeze"]["id"]
    acts = world.read(
        lambda session: list(session.execute(sa.text("SELECT action FROM audit_event ORDER BY id")).scalars())
    )
    assert acts.count("payouts.freeze") == 2
    adviser = world.adviser(connected=False)
    assert world.call("GET", "/payout-freeze", {"Authorization": f"Bearer {adviser.key}"})[0] == 403


def test_whoever_restored_by_other_means_freezes_from_the_command_line(as_worker: Database) -> None:
    assert freeze.run(["PITR", "to", "11:59"]) == 0
    with db.session() as session:
        standing = freeze.standing(session)
    assert standing is not None
    assert (standing.reason, standing.note) == ("by_hand", "PITR to 11:59")
