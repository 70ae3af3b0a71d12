"""A run that is rejected pays nobody and frees its amounts; a run with a cut-off leaves later amounts to the next."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from marketplace.core import db
from marketplace.core.errors import IllegalTransition, InvalidInput
from marketplace.core.mail import MailMessage
from payouts.finance import runs as shown
from payouts.runs import candidates, rejection
from payouts.runs import service as runs
from payouts.settlement.payout_models import PayoutRun
from tests.integration.payouts.settling import Finance, World

HOME = ZoneInfo("Europe/Amsterdam")


def draft(world: World, cut_off_on: dt.date | None) -> PayoutRun:
    """Make a run of the maker's with a cut-off and work it out."""

    run = world.web(lambda session: runs.create(session, world.maker.actor, "EUR", world.now(), cut_off_on))
    world.preview(run.id)
    return world.run(run.id)


def paid_by(world: World, run: PayoutRun) -> dict[uuid.UUID, int]:
    """Return whom the last preview of a run pays, and how many cents."""
    found = world.read(lambda session: candidates.part(session, run, None).included)
    return {one.adviser_id: one.amount.minor for one in found}


def reject(world: World, run: PayoutRun, who: Finance, reason: str = "Ruben moved his bank.") -> PayoutRun:
    """Reject a run as somebody."""
    with db.use_scope(who.scope):
        return world.web(lambda session: rejection.reject(session, who.actor, run.id, reason, world.now()))


def test_what_became_payable_after_the_cut_off_is_not_paid_and_is_in_the_next_run(world: World) -> None:
    world.budget(100_000)
    early, late = world.adviser(earned=9_000), world.adviser()
    last_day = world.now().astimezone(HOME).date()
    with pytest.raises(InvalidInput):
        draft(world, last_day + dt.timedelta(days=1))
    world.advance(days=2)
    world.earn(early.id, 700)
    world.earn(late.id, 5_000)
    # What was taken back counts whenever it was: nobody is paid what is gone.
    world.earn(early.id, -400)
    run = draft(world, last_day)
    assert runs.cut_off_on(run) == last_day
    assert paid_by(world, run) == {early.id: 8_600}
    # Worked out again it is the same, and the page says how the amount came about.
    before = run.content_hash
    assert world.preview(run.id).content_hash == before
    row = world.read(lambda session: shown.rows(session, run, None, "paid", None, 10))[0]
    assert row.adds_up
    # More that comes after the cut-off does not make it stale, and approval reserves just what was shown.
    world.earn(early.id, 100)
    assert world.read(lambda session: candidates.changes(session, world.run(run.id), world.now())) == []
    world.approve(world.run(run.id))
    assert [payout.amount_minor for payout in world.payouts(run)] == [8_600]
    assert world.balance("adviser:available", early.id) == 800
    world.earn(early.id, 2_000)
    following = draft(world, None)
    assert paid_by(world, following) == {early.id: 2_800, late.id: 5_000}


@pytest.mark.slow
def test_nobody_moves_the_cut_off_of_a_run(world: World) -> None:
    draft(world, world.now().astimezone(HOME).date())
    for change in ("cut_off_at = NULL", "cut_off_at = cut_off_at - interval '1 day'"):
        with pytest.raises(sa.exc.IntegrityError, match="keeps the cut-off"), world.rows() as session:
            session.execute(sa.text(f"UPDATE payout_run SET {change}"))


def test_a_second_person_rejects_the_maker_reads_why_and_the_amounts_go_into_the_next_run(
    world: World,
) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.draft()
    with pytest.raises(rejection.SameRejecter):
        reject(world, run, world.maker)
    done = reject(world, run, world.checker)
    assert (done.state, done.rejected_by, done.rejected_reason) == (
        "rejected", world.checker.actor.user_id, "Ruben moved his bank.",
    )  # fmt: skip
    # A second click changes nothing and tells nobody twice; another reason does not replace the first.
    assert reject(world, run, world.checker).rejected_at == done.rejected_at
    with pytest.raises(IllegalTransition):
        reject(world, run, world.checker, "Something else.")
    told = world.read(
        lambda session: session.scalars(
            sa.select(MailMessage).where(MailMessage.template == "run_rejected")
        ).all()
    )
    assert [(one.audience, one.facts["reason"]) for one in told] == [
        (f"user:{world.maker.actor.user_id}", "Ruben moved his bank.")
    ]
    for act in (
        lambda: world.approve(run),
        lambda: world.preview(run.id),
        lambda: world.web(lambda s: runs.execute(s, world.maker.actor, run.id, world.now())),
    ):
        with pytest.raises(IllegalTransition):
            act()
    assert world.payouts(run) == []
    assert world.draft().total_minor == 4_000


@pytest.mark.slow
def test_the_database_wants_a_second_person_and_keeps_what_was_rejected(world: World) -> None:
    run = world.draft()
    mine = "UPDATE payout_run SET state = 'rejected', rejected_by = created_by, rejected_at = now(), rejected_reason = 'x'"
    with pytest.raises(sa.exc.IntegrityError, match=r"second.person"), db.use_scope(world.maker.scope):
        world.web(lambda session: session.execute(sa.text(mine)))
    reject(world, run, world.checker)
    for change in ("state = 'draft'", "rejected_reason = 'other'", "total_minor = 1", "state = 'executing'"):
        with pytest.raises(sa.exc.IntegrityError), world.rows() as session:
            session.execute(sa.text(f"UPDATE payout_run SET {change}"))


@pytest.mark.slow
def test_an_approved_run_is_not_rejected(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.approve(world.draft())
    with pytest.raises(IllegalTransition):
        reject(world, run, world.checker)


def test_cut_off_and_rejection_over_http(world: World) -> None:
    maker = {"Authorization": f"Bearer {world.maker.key}"}
    checker = {"Authorization": f"Bearer {world.checker.key}"}
    status, refused = world.call("POST", "/runs", maker, cut_off_on="2999-01-01")
    assert (status, list(refused["errors"])) == (422, ["cut_off_on"])
    status, run = world.call("POST", "/runs", maker, cut_off_on="2026-10-31")
    assert (status, run["cut_off_on"]) == (201, "2026-10-31")
    path = f"/runs/{run['id']}/reject"
    assert world.call("POST", path, checker)[0] == 422
    assert world.call("POST", path, maker, reason="Not mine")[1]["code"] == "same_rejecter"
    status, done = world.call("POST", path, checker, reason="October is not closed.")
    assert (status, done["state"], done["rejected_reason"]) == (200, "rejected", "October is not closed.")
    assert world.call("POST", path, checker, reason="Another")[1]["code"] == "illegal_transition"


@pytest.mark.slow
def test_every_act_in_every_state_of_a_run_is_done_or_refused_as_the_table_says(world: World) -> None:
    world.budget(500_000)
    acts: dict[str, Callable[[PayoutRun], object]] = {
        "preview": lambda run: world.preview(run.id),
        "approve": lambda run: world.approve(world.run(run.id)),
        "reject": lambda run: reject(world, run, world.checker),
        "execute": lambda run: world.web(
            lambda session: runs.execute(session, world.maker.actor, run.id, world.now())
        ),
    }
    ways: dict[str, tuple[str, ...]] = {
        "draft": (),
        "approved": ("approve",),
        "executing": ("approve", "execute"),
        "rejected": ("reject",),
    }
    may = {
        "draft": {"preview", "approve", "reject"},
        "approved": {"execute"},
        # Asked again it goes on.
        "executing": {"execute"},
        # By the same person for the same reason: it stays.
        "rejected": {"reject"},
    }
    for state, way in ways.items():
        for name, act in acts.items():
            world.adviser(earned=4_000)
            run = world.draft()
            for step in way:
                acts[step](run)
            assert world.run(run.id).state == state
            if name in may[state]:
                act(run)
                continue
            with pytest.raises((IllegalTransition, runs.RunNotApproved)):
                act(run)
            assert world.run(run.id).state == state


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_cut_offs_each_amount_is_paid_once_and_none_before_its_day(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)
    world.budget(1_000_000)
    people = [world.adviser() for _ in range(3)]
    # Of whom, since which day, how much: all that became payable or was taken back, and no run paid yet.
    unpaid: list[tuple[uuid.UUID, dt.date, int]] = []
    for _round in range(8):
        for _ in range(chance.randint(1, 4)):
            one = chance.choice(people).id
            is_back = chance.random() < 0.3 and world.balance("adviser:available", one) > 500
            amount = -chance.randint(1, 500) if is_back else chance.randint(1_000, 9_000)
            unpaid.append((one, world.now().astimezone(HOME).date(), amount))
            world.earn(one, amount)
        if chance.random() < 0.6:
            world.advance(days=chance.randint(1, 3))
        last = world.now().astimezone(HOME).date()
        upto = chance.choice([None, last, last - dt.timedelta(days=chance.randint(1, 5))])
        counts = [line for line in unpaid if line[2] < 0 or upto is None or line[1] <= upto]
        sums = {one.id: sum(minor for who, _, minor in counts if who == one.id) for one in people}
        expected = {who: minor for who, minor in sums.items() if minor >= 2_500}
        run = draft(world, upto)
        assert paid_by(world, run) == expected
        if expected and chance.random() < 0.3:
            reject(world, run, world.checker)
        elif expected:
            world.approve(run)
            assert {one.adviser_id: one.amount_minor for one in world.payouts(run)} == expected
            unpaid = [line for line in unpaid if line not in counts or line[0] not in expected]
    for person in people:
        left = sum(minor for who, _, minor in unpaid if who == person.id)
        assert world.balance("adviser:available", person.id) == left
