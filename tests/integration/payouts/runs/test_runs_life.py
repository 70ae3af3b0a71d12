"""A run from draft to paid: who is in it, the second person, and nothing that was approved can change."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.accounts.models import Adviser, AdviserState
from marketplace.accounts.totp import TotpInvalid
from marketplace.core import clock, db
from marketplace.core.errors import IllegalTransition
from marketplace.core.money import Money
from payouts.runs import service as runs
from payouts.settlement.payout_models import PayoutRun
from tests.integration.payouts.settling import World

SECOND = r"second.person"


def test_preview_says_who_is_paid_and_why_others_are_not(world: World) -> None:
    world.budget(100_000)
    paid = world.adviser(earned=2_500)
    small = world.adviser(earned=2_499)
    unconnected = world.adviser(earned=9_000, connected=False)
    banned = world.adviser(earned=9_000)
    with world.rows() as session:
        session.get_one(Adviser, banned.id).state = "banned"
        session.add(AdviserState(adviser_id=banned.id, state="banned", from_at=clock.now()))
    nothing = world.adviser(earned=500)
    world.earn(nothing.id, -500)
    run = world.draft()
    assert run.number.startswith("R-")
    assert run.number.endswith("-0001")
    assert run.total_minor == 2_500
    assert run.preview is not None
    assert [one["adviser_id"] for one in run.preview["included"]] == [str(paid.id)]
    assert {one["adviser_id"]: one["reason"] for one in run.preview["excluded"]} == {
        str(small.id): "below_minimum",
        str(unconnected.id): "no_payout_account",
        str(banned.id): "banned",
        str(nothing.id): "nothing",
    }


def test_a_run_is_paid_and_the_books_agree(world: World) -> None:
    world.budget(100_000)
    advisers = [world.adviser(earned=3_000 + n) for n in range(3)]
    run = world.start()
    assert [payout.state for payout in world.payouts(run)] == ["approved"] * 3
    assert [world.balance("adviser:in_transit", one.id) for one in advisers] == [3_000, 3_001, 3_002]
    assert [world.balance("adviser:available", one.id) for one in advisers] == [0, 0, 0]
    assert world.work(run) == 3
    payouts = world.payouts(run)
    assert [payout.state for payout in payouts] == ["paid"] * 3
    assert world.transfers() == (3, 9_003)
    assert world.run(run.id).state == "done"
    for payout in payouts:
        assert world.balance("adviser:in_transit", payout.adviser_id) == 0
        assert world.balance("memo:connected_balance", payout.adviser_id) == payout.amount_minor
    assert world.balance("stripe:platform_balance") == 100_000 - 9_003
    assert world.work(run) == 0
    assert world.transfers() == (3, 9_003)


def test_two_drafts_of_the_same_money_pay_once(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    first, second = world.draft(), world.draft()
    assert second.number != first.number
    world.approve(first)
    with pytest.raises(runs.RunStale) as refused:
        world.approve(second)
    assert str(adviser.id) in refused.value.message()
    again = world.draft()
    assert again.total_minor == 0


def test_a_return_makes_a_preview_stale_and_a_new_commission_does_not(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.draft()
    world.earn(adviser.id, 700)
    world.approve(run)
    assert [payout.amount_minor for payout in world.payouts(run)] == [4_000]
    assert world.balance("adviser:available", adviser.id) == 700
    other = world.adviser(earned=5_000)
    stale = world.draft()
    world.earn(other.id, -1)
    with pytest.raises(runs.RunStale) as refused:
        world.approve(stale)
    assert "50.00 became 49.99" in refused.value.message()


def test_after_approval_a_return_does_not_stop_the_payout(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    world.earn(adviser.id, 1_000)
    run = world.start()
    world.earn(adviser.id, 300)
    world.earn(adviser.id, -200)
    world.work(run)
    assert [payout.state for payout in world.payouts(run)] == ["paid"]
    assert world.balance("adviser:available", adviser.id) == 100


def test_the_maker_cannot_approve_and_the_database_says_so_too(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.draft()
    with pytest.raises(runs.SameApprover):
        world.approve_as(world.maker, run.id, run.content_hash or "", Money(4_000, "EUR"))
    with pytest.raises(sa.exc.IntegrityError, match=SECOND), world.rows() as session:
        session.execute(
            sa.text(
                "UPDATE payout_run SET state = 'approved', approved_by = created_by, approved_at = now() WHERE id = :id"
            ),
            {"id": run.id},
        )
    assert world.run(run.id).state == "draft"


@pytest.mark.parametrize("wrong", ["hash", "total", "code"])
def test_approval_needs_hash_total_and_code(world: World, wrong: str) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.draft()
    assert run.content_hash is not None
    content_hash = "0" * 64 if wrong == "hash" else run.content_hash
    total = Money(4_001 if wrong == "total" else 4_000, "EUR")
    with pytest.raises(TotpInvalid if wrong == "code" else runs.RunStale):
        world.approve_as(world.checker, run.id, content_hash, total, "000000" if wrong == "code" else "")
    assert world.run(run.id).state == "draft"
    assert world.payouts(run) == []


def test_an_approved_run_and_its_payouts_are_frozen(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.approve(world.draft())
    with pytest.raises(IllegalTransition):
        world.web(lambda session: runs.preview(session, world.maker.actor, run.id, world.now()))
    for change in (
        "UPDATE payout_run SET total_minor = total_minor + 1",
        "UPDATE payout_run SET state = 'draft', approved_by = NULL, approved_at = NULL",
        "UPDATE payout SET amount_minor = amount_minor + 1",
        "UPDATE payout SET destination = 'acct_mine'",
        "UPDATE payout SET state = 'paid', stripe_transfer_id = 'tr_x'",
        "UPDATE payout_line SET amount_minor = amount_minor + 1",
        "DELETE FROM payout_line",
    ):
        with pytest.raises(sa.exc.DBAPIError), world.rows() as session:
            session.execute(sa.text(change))


def test_the_web_role_can_neither_post_nor_approve_by_itself(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.draft()
    world.database.open("app")
    for change in (
        "UPDATE payout_run SET approved_by = created_by",
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at) VALUES ('x', '', 'x', 2, now())",
        "UPDATE payout SET state = 'released'",
        "DELETE FROM payout_run",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction() as session:
            session.execute(sa.text(change))
    reserve = sa.text("SELECT payout_run_reserve(:run, :who, now(), 2500, :hash, :total)")
    assert run.preview is not None
    facts = {"run": run.id, "who": world.checker.actor.user_id, "hash": run.content_hash, "total": 4_000}

    def try_as(acting: db.Scope, **changes: Any) -> None:
        with db.use_scope(acting), db.transaction() as session:
            session.execute(reserve, facts | changes)

    for wrong in ({"total": 4_001}, {"total": 3_999}, {"hash": "0" * 64}):
        with pytest.raises(sa.exc.IntegrityError, match="as it was previewed"):
            try_as(world.checker.scope, **wrong)
    # Neither the maker, nor somebody in another's name, nor nobody.
    for who, acting in (
        (world.maker, world.maker.scope),
        (world.checker, world.maker.scope),
        (world.checker, db.Scope(role="finance")),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=SECOND):
            try_as(acting, who=who.actor.user_id)
    with pytest.raises(sa.exc.ProgrammingError, match="only finance"):
        try_as(db.Scope(world.checker.actor.user_id, role="admin"))
    assert world.run(run.id).state == "draft"
    assert world.balance("adviser:in_transit", run.preview["included"][0]["adviser_id"]) == 0


def test_numbers_have_no_gaps(world: World) -> None:
    numbers = [
        world.web(lambda session: runs.create(session, world.maker.actor, "EUR", world.now())).number
        for _ in range(3)
    ]
    assert [number[-4:] for number in numbers] == ["0001", "0002", "0003"]
    count = world.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(PayoutRun)))
    assert count == 3


def test_the_next_run_pays_only_what_is_new(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    world.work(world.start())
    world.earn(adviser.id, 2_600)
    second = world.start()
    assert [payout.amount_minor for payout in world.payouts(second)] == [2_600]
    world.work(second)
    assert world.transfers() == (2, 6_600)
    assert world.draft().total_minor == 0
