"""Taking a payout into one's hands: what is due, the next step of its open attempt, for the length of a lease."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core import clock, holder
from marketplace.core.errors import InvariantViolation
from marketplace.core.money import Money
from payouts.settlement import freeze, retry
from payouts.settlement.gateway import TransferOrder, transfer_key
from payouts.settlement.payout_models import Payout, PayoutAttempt, PayoutRun
from payouts.settlement.retry import Step, Trouble
from payouts.settlement.states import OPEN_STATES, check_move


@dataclass(frozen=True, slots=True)
class Claim:
    """A payout that this process may work on until its lease ends, and the next thing to do with it."""

    payout_id: UUID
    run_number: str
    adviser_id: UUID
    amount: Money
    destination: str
    fingerprint: str
    attempt: int
    step: Step
    is_fresh: bool
    leased_until: dt.datetime

    def order(self) -> TransferOrder:
        """Return what Stripe is asked for in this attempt."""
        return TransferOrder(
            self.payout_id, self.attempt, self.amount, self.destination, f"Aanrader {self.run_number}"
        )

    @property
    def key(self) -> str:
        """Return the idempotency key of this attempt."""
        return transfer_key(self.payout_id, self.attempt)


def claim(session: orm.Session, payout_id: UUID, now: dt.datetime) -> Claim | None:
    """Take a payout that is due, for the length of a lease; None when another process has it or nothing is due.

    Nothing is due while payouts are frozen, an open attempt neither: reconciliation finds what became of it.
    A fresh claim has no open attempt: its destination and the balance are checked before an attempt is opened.
    now: business time, which says what is due. The lease ends by the wall's clock, because a call that is under way
    does not end when business time is moved; or at once when the process that holds it has died on this machine.
    """
    payout = session.scalars(
        sa.select(Payout)
        .where(Payout.id == payout_id, Payout.state.in_(OPEN_STATES), Payout.next_try_at <= now)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if payout is None or _is_held(payout) or freeze.is_frozen(session):
        return None
    run = session.get_one(PayoutRun, payout.run_id)
    if run.state != "executing":
        return None
    last = last_attempt(session, payout.id)
    payout.leased_until, payout.leased_by = clock.wall() + retry.LEASE, holder.me()
    if last is None or last.outcome is not None:
        return _claim(payout, run, (last.n if last else 0) + 1, Step.SEND, is_fresh=True)
    step = retry.next_step(facts(last), now)
    if step is Step.SEND:
        last.sends += 1
        move(payout, "sending")
    if step is Step.NEW_ATTEMPT:
        last.outcome, last.closed_at = "abandoned", now
        return _claim(payout, run, last.n + 1, Step.SEND, is_fresh=True)
    if step is Step.WAIT:
        payout.next_try_at = (last.last_look_up_at or now) + retry.LOOK_UP_GAP
        payout.leased_until = payout.leased_by = None
        return None
    return _claim(payout, run, last.n, step, is_fresh=False)


def let_go(payout: Payout, claimed: Claim) -> None:
    """End the lease of a locked payout, because nothing is under way any more; another's lease is left alone."""
    if payout.leased_until == claimed.leased_until:
        payout.leased_until = payout.leased_by = None


def _is_held(payout: Payout) -> bool:
    """Say whether somebody alive may have a payout in hand."""
    if payout.leased_until is None or payout.leased_until <= clock.wall():
        return False
    return payout.leased_by is None or not holder.is_gone(payout.leased_by)


def _claim(payout: Payout, run: PayoutRun, n: int, step: Step, *, is_fresh: bool) -> Claim:
    if payout.leased_until is None:
        raise InvariantViolation(reason="claim_without_lease", payout_id=payout.id)
    return Claim(
        payout.id,
        run.number,
        payout.adviser_id,
        payout.amount,
        payout.destination,
        payout.destination_fingerprint,
        n,
        step,
        is_fresh,
        payout.leased_until,
    )


def last_attempt(session: orm.Session, payout_id: UUID) -> PayoutAttempt | None:
    """Return the newest attempt of a payout, or None."""
    return session.scalars(
        sa.select(PayoutAttempt)
        .where(PayoutAttempt.payout_id == payout_id)
        .order_by(PayoutAttempt.n.desc())
        .limit(1)
    ).one_or_none()


def facts(attempt: PayoutAttempt) -> retry.AttemptFacts:
    """Return what the retry rule needs to know of an attempt."""
    trouble = Trouble(attempt.trouble) if attempt.trouble else None
    return retry.AttemptFacts(attempt.first_sent_at, trouble, attempt.look_ups, attempt.last_look_up_at)


def locked(session: orm.Session, payout_id: UUID) -> Payout:
    """Return a payout with its row locked."""
    return session.scalars(
        sa.select(Payout)
        .where(Payout.id == payout_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def move(payout: Payout, state: str) -> None:
    """Move a payout to a state; the same state again is no move. Raises IllegalTransition."""
    if payout.state != state:
        check_move(payout.id, payout.state, state)
        payout.state = state
