"""Carrying out a run: its payouts in the order of approval, resumable at any point, with what came of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import db
from marketplace.core.money import Money
from payouts.settlement import freeze, sending
from payouts.settlement.gateway import Gateway
from payouts.settlement.payout_models import Payout, PayoutRun
from payouts.settlement.sending import Carried, Purse
from payouts.settlement.states import OPEN_STATES

Now = Callable[[], dt.datetime]

# So many answers missing in a row mean that Stripe is away, and asking on would only wait for time-outs.
ENOUGH_TROUBLE = 3
BATCH = 500


def work(gateway: Gateway, run_id: UUID, now: Now) -> int:
    """Do what is due in a run, in the order of approval, and return how many payouts were paid or given back.

    Any number of workers may do this at once; each payout is in one worker's hands at a time, and Stripe's
    idempotency key stands behind that. A pause that Stripe asks for ends this go: the sweep continues in order.
    """
    purse, done, trouble = Purse(gateway), 0, 0
    for payout_id in _due(run_id, now()):
        came = sending.carry_out(gateway, payout_id, purse, now)
        done += came in (Carried.PAID, Carried.RELEASED)
        trouble = trouble + 1 if came is Carried.UNKNOWN else 0
        if came is Carried.PAUSED or trouble >= ENOUGH_TROUBLE:
            break
    _finish(run_id, now)
    return done


def _due(run_id: UUID, moment: dt.datetime) -> list[UUID]:
    with db.transaction(point="runs.due") as session:
        if freeze.is_frozen(session):
            return []
        return list(
            session.scalars(
                sa.select(Payout.id)
                .join(PayoutRun, PayoutRun.id == Payout.run_id)
                .where(Payout.run_id == run_id, PayoutRun.state == "executing")
                .where(Payout.state.in_(OPEN_STATES), Payout.next_try_at <= moment)
                .order_by(Payout.place)
                .limit(BATCH)
            )
        )


def _finish(run_id: UUID, now: Now) -> None:
    """Close a run whose every payout was paid or given back."""
    with db.transaction(point="runs.finish") as session:
        run = session.scalars(sa.select(PayoutRun).where(PayoutRun.id == run_id).with_for_update()).one()
        still = sa.select(Payout.id).where(Payout.run_id == run_id, Payout.state.in_(OPEN_STATES)).limit(1)
        if run.state == "executing" and session.scalar(still) is None:
            run.state, run.finished_at = "done", now()


def sweep(gateway: Gateway, now: Now) -> int:
    """Continue every run that has something due; return how many payouts were paid or given back."""
    with db.transaction(point="runs.executing") as session:
        runs = list(
            session.scalars(
                sa.select(PayoutRun.id).where(PayoutRun.state == "executing").order_by(PayoutRun.approved_at)
            )
        )
    return sum(work(gateway, run_id, now) for run_id in runs)


def resume_funded(gateway: Gateway, now: Now) -> int:
    """Let payouts that wait for money go on when Stripe's available balance covers the first of them.

    Returns how many may go on; the next sweep sends them in the order of approval.
    """
    waiting = (Payout.state.in_(("approved", "rejected"))) & Payout.reason.in_(
        ("insufficient_funds", "balance_insufficient")
    )
    with db.transaction(point="runs.waiting") as session:
        rows = session.execute(
            sa.select(Payout.id, Payout.amount_minor, Payout.currency)
            .join(PayoutRun, PayoutRun.id == Payout.run_id)
            .where(waiting, PayoutRun.state == "executing", Payout.next_try_at > now())
            .order_by(PayoutRun.approved_at, Payout.place)
        ).all()
    if not rows:
        return 0
    purse, fits = Purse(gateway), []
    for row in rows:
        amount = Money(row.amount_minor, row.currency)
        if purse.covers(amount):
            purse.spend(amount)
            fits.append(row.id)
    if fits:
        with db.transaction(point="runs.resume") as session:
            session.execute(
                sa.update(Payout).where(Payout.id.in_(fits), waiting).values(next_try_at=now(), reason=None)
            )
    return len(fits)


def progress(session: Session, run: PayoutRun) -> dict[str, Any]:
    """Return how far a run is: counts and sums per state, why payouts wait, and whether all are frozen."""
    rows = session.execute(
        sa.select(Payout.state, Payout.reason, sa.func.count(), sa.func.sum(Payout.amount_minor))
        .where(Payout.run_id == run.id)
        .group_by(Payout.state, Payout.reason)
        .order_by(Payout.state, Payout.reason)
    ).all()
    parts = [
        {
            "state": state,
            "reason": reason,
            "payouts": count,
            "amount": {"amount": str(Money(int(minor), run.currency)), "currency": run.currency},
        }
        for state, reason, count, minor in rows
    ]
    return {
        "frozen": freeze.is_frozen(session),
        "payouts": sum(row[2] for row in rows),
        "settled": sum(row[2] for row in rows if row[0] not in OPEN_STATES),
        "parts": parts,
    }
