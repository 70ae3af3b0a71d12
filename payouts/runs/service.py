"""The life of a run: drafted, previewed, approved by a second person, executed. Amounts freeze at approval.

A draft that a second person rejects (payouts/runs/rejection.py) ends there.
"""

from __future__ import annotations

import datetime as dt
import hmac
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import totp
from marketplace.core import audit, config, db, ids, jobs, mail
from marketplace.core.actor import Actor
from marketplace.core.errors import (
    Conflict,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotAuthenticated,
    NotFound,
)
from marketplace.core.money import Money
from payouts.runs import candidates, content
from payouts.settlement import freeze
from payouts.settlement.payout_models import PayoutRun

JOB = "runs.execute"
_HOME = ZoneInfo("Europe/Amsterdam")
_NEXT_NUMBER = sa.text(
    "INSERT INTO payout_run_number (year, last) VALUES (:year, 1)"
    " ON CONFLICT (year) DO UPDATE SET last = payout_run_number.last + 1 RETURNING last"
)


class SameApprover(Conflict):
    """The person who made a run may not approve it; there is no way around a second person."""

    code = "same_approver"
    title = "A second person has to approve"
    detail = "You made payout run {number}, so somebody else of finance has to approve it."
    next = "Ask a colleague to look at the preview and approve it."


class RunStale(Conflict):
    """What would be paid is no longer what the preview said; the facts say what changed."""

    code = "run_stale"
    title = "The run has changed since its preview"
    detail = "What payout run {number} would pay has changed: {changed}."
    next = "Preview it again, look at what changed, and approve the new content."


class RunEmpty(Conflict):
    """Nobody would be paid."""

    code = "run_empty"
    title = "There is nobody to pay"
    detail = "Payout run {number} pays nobody; the preview says why each adviser is left out."
    next = "Wait until commissions are payable, then preview again."


class RunNotApproved(Conflict):
    """A run is executed only after its approval."""

    code = "run_not_approved"
    title = "The run is not approved"
    detail = "Payout run {number} is a draft."
    next = "Let a second person approve it first."


def get(session: Session, run_id: UUID, *, lock: bool = False) -> PayoutRun:
    """Return a run, locked until the transaction ends when asked. Raises NotFound."""
    statement = sa.select(PayoutRun).where(PayoutRun.id == run_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    run = session.scalars(statement).one_or_none()
    if run is None:
        raise NotFound("payout run", run_id)
    return run


def create(
    session: Session,
    actor: Actor,
    currency: str,
    now: dt.datetime,
    cut_off_on: dt.date | None = None,
    run_id: UUID | None = None,
) -> PayoutRun:
    """Draft a run in a currency, with the next number of the year; nothing is reserved yet.

    cut_off_on: the last day (of Amsterdam) whose amounts are paid; None: whatever is payable when it is worked out.
    run_id: of the run to be, where the same press may come twice: the run that it made is returned.
    Raises InvalidInput for a day that has not come, IdempotencyMismatch when run_id made a run of somebody else or
    with another currency or day.
    """
    cut_off_at = _end_of(cut_off_on, now)
    if run_id is not None:
        # The second press waits until the first one has committed, and takes no number.
        turn = sa.func.hashtextextended(f"payout run {run_id}", 0)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(turn)))
        if (made := session.get(PayoutRun, run_id)) is not None:
            if (made.created_by, made.currency, made.cut_off_at) != (person(actor), currency, cut_off_at):
                raise IdempotencyMismatch(entity="payout run", key=run_id)
            return made
    year = now.astimezone(_HOME).year
    last = session.execute(_NEXT_NUMBER, {"year": year}).scalar_one()
    run = PayoutRun(
        id=run_id or ids.new_id(),
        number=f"R-{year}-{last:04d}",
        currency=currency,
        state="draft",
        created_by=person(actor),
        created_at=now,
        cut_off_at=cut_off_at,
    )
    session.add(run)
    session.flush()
    told = {"number": run.number} | ({"cut_off_on": cut_off_on.isoformat()} if cut_off_on else {})
    audit.record(session, actor, "payout_run.create", "payout_run", run.id, told, now=now)
    return run


def _end_of(day: dt.date | None, now: dt.datetime) -> dt.datetime | None:
    """Return the first instant after a day of Amsterdam, which is no longer of it."""
    if day is None:
        return None
    if day > newest_day(now):
        raise InvalidInput({"cut_off_on": ["This day has not come yet."]})
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), _HOME).astimezone(dt.UTC)


def newest_day(now: dt.datetime) -> dt.date:
    """Return the day in Amsterdam, the last that a cut-off may name."""
    return now.astimezone(_HOME).date()


def cut_off_on(run: PayoutRun) -> dt.date | None:
    """Return the last day whose amounts a run pays, None when it has no cut-off."""
    last = None if run.cut_off_at is None else run.cut_off_at - dt.timedelta(microseconds=1)
    return None if last is None else last.astimezone(_HOME).date()


def preview(session: Session, actor: Actor, run_id: UUID, now: dt.datetime) -> content.Content:
    """Work out who would be paid and who not, keep it on the draft, and return it.

    Raises NotFound, IllegalTransition when the run is approved already.
    """
    run = get(session, run_id, lock=True)
    if run.state != "draft":
        raise IllegalTransition(f"payout run {run.number}", run.state, "previewed")
    found = candidates.preview(session, run, now)
    run.cutoff_entry_id, run.content_hash = found.cutoff, found.content_hash
    run.total_minor, run.preview, run.previewed_at = found.total.minor, found.as_json(), now
    audit.record(
        session,
        actor,
        "payout_run.preview",
        "payout_run",
        run.id,
        {"content_hash": found.content_hash, "total": str(found.total)},
        now=now,
    )
    _ask_for_approval(session, run, found, now)
    return found


def _ask_for_approval(session: Session, run: PayoutRun, found: content.Content, now: dt.datetime) -> None:
    """Tell everybody of finance but the maker that a run waits; once, however often it is previewed."""
    if not found.payouts:
        return
    facts = {
        "run": run.number,
        "total": mail.money_fact(found.total),
        "payouts": found.payouts,
        "at": now.isoformat(),
        "url": f"{config.current().base_url}/finance/runs/{run.id}",
    }
    whom = f"finance:not:{run.created_by}"
    mail.tell(session, whom, "run_awaits_approval", facts, once=f"run_awaits_approval:{run.id}", now=now)


def approve(
    session: Session,
    actor: Actor,
    run_id: UUID,
    *,
    content_hash: str,
    total: Money,
    code: str,
    now: dt.datetime,
    wall: dt.datetime,
) -> PayoutRun:
    """Freeze a run and reserve its money in the same transaction, on what the approver saw and a second factor.

    content_hash, total: what the approver read in the preview; code: of the approver's authenticator.
    Raises SameApprover, TotpInvalid, RunStale with what changed, RunEmpty, PayoutsFrozen, IllegalTransition, NotFound.
    """
    run = get(session, run_id, lock=True)
    who = person(actor)
    if is_maker(run, actor):
        raise SameApprover(number=run.number)
    if run.state != "draft":
        raise IllegalTransition(f"payout run {run.number}", run.state, "approved")
    freeze.refuse_when_frozen(session)
    totp.verify(session, who, code, wall)
    if run.content_hash is None or run.preview is None or run.cutoff_entry_id is None:
        raise RunStale(number=run.number, changed="it has no preview yet")
    previewed = Money(run.total_minor or 0, run.currency)
    changed = None
    if not hmac.compare_digest(run.content_hash, content_hash):
        changed = "the content hash is not the one of the last preview"
    elif total != previewed:
        changed = f"you approved {total} {total.currency}, the preview says {previewed} {run.currency}"
    if changed is None and previewed.minor == 0:
        raise RunEmpty(number=run.number)
    # PostgreSQL locks, works it out anew and reserves that, or nothing.
    reserved = candidates.reserve(session, run, who, now, content_hash, total) if changed is None else None
    if reserved is None:
        raise RunStale(number=run.number, changed=_told(session, run, now, changed))
    audit.record(
        session,
        actor,
        "payout_run.approve",
        "payout_run",
        run.id,
        {"content_hash": content_hash, "total": str(total), "payouts": reserved},
        now=now,
    )
    return get(session, run_id, lock=True)


def _told(session: Session, run: PayoutRun, now: dt.datetime, said: str | None) -> str:
    """Return what changed since the preview, or what the approver got wrong when nothing did."""
    changes = [str(one) for one in candidates.changes(session, run, now)]
    return "; ".join(changes) or said or "it changed while it was approved"


def execute(session: Session, actor: Actor, run_id: UUID, now: dt.datetime) -> PayoutRun:
    """Start carrying out an approved run; one that is under way or done is returned as it is.

    Raises RunNotApproved, PayoutsFrozen, NotFound.
    """
    run = get(session, run_id, lock=True)
    if run.state == "rejected":
        raise IllegalTransition(f"payout run {run.number}", run.state, "executed")
    if run.state == "draft":
        raise RunNotApproved(number=run.number)
    if run.state == "approved":
        freeze.refuse_when_frozen(session)
        run.state, run.executed_by, run.executed_at = "executing", person(actor), now
        audit.record(session, actor, "payout_run.execute", "payout_run", run.id, {}, now=now)
    db.after_commit(session, lambda: jobs.enqueue(JOB, str(run.id)))
    return run


def is_maker(run: PayoutRun, actor: Actor) -> bool:
    """Tell whether the actor made the run, so that somebody else must approve it. Raises NotAuthenticated."""
    return run.created_by == person(actor)


def person(actor: Actor) -> UUID:
    """Return who acts. Raises NotAuthenticated."""
    if actor.user_id is None:
        raise NotAuthenticated()
    return actor.user_id
