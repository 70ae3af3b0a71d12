"""What people do about disputes: open, answer, escalate, withdraw, decide. Money is moved afterwards, by the worker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import shops
from marketplace.core import audit, db, jobs, tenancy
from marketplace.core.actor import SYSTEM, Actor
from marketplace.core.errors import Conflict, NotFound
from marketplace.core.ids import new_id
from tracking.commissions import reading as commissions
from tracking.commissions import reinstatement
from tracking.disputes import reading, rules
from tracking.disputes.models import Dispute, DisputeEvent, DisputePolicy
from tracking.disputes.rules import Event, Kind, Outcome, Party, Standing, Terms, Verb

GO_ON: Final = "disputes.go_on"


class NotDisputable(Conflict):
    """Only what a shop declined can be disputed."""

    code = "commission_not_declined"
    title = "There is nothing to dispute"
    detail = "Commission {commission_id} is not declined."
    next = "Read the commission: its state and its moves say what stands and why."


class DisputeTooLate(Conflict):
    """A decline can be disputed for some time only."""

    code = "dispute_too_late"
    title = "It is too late to dispute this"
    detail = "Commission {commission_id} could be disputed before {until}."
    next = "Ask the shop; the platform does not look at it any more."


class DisputeExists(Conflict):
    """A decline is disputed once."""

    code = "dispute_exists"
    title = "This was disputed already"
    detail = "Commission {commission_id} has the dispute {dispute_id}; a decline is disputed once."
    next = "Read that dispute: it says where it stands and what you may do."


class AttributedElsewhere(Conflict):
    """Somebody else gets the order now, so there is nothing for this adviser to win."""

    code = "attributed_to_somebody_else"
    title = "The order is attributed to somebody else"
    detail = (
        "The order of commission {commission_id} is attributed to another adviser now; it can't stand again."
    )
    next = "Read the order: it says why your advice did not get it."


@dataclass(frozen=True, slots=True)
class Said:
    """The words of an event: a reason, a statement, links to evidence; each only where the event has it."""

    reason: str | None = None
    statement: str | None = None
    links: Sequence[str] = ()


def open_dispute(
    session: Session, actor: Actor, commission_id: UUID, said: Said, now: dt.datetime
) -> tuple[Dispute, bool]:
    """Dispute a declined commission of one's own; return the dispute and whether it was opened like this before.

    The terms are those in force when it was declined. Nothing is reserved meanwhile. Raises NotFound, NotDisputable,
    DisputeTooLate, DisputeExists, AttributedElsewhere.
    """
    commission = commissions.get(session, actor, commission_id)
    if not tenancy.is_adviser(actor, "disputes.open", commission.adviser_id):
        raise NotFound("commission", commission_id)
    _take_turns(session, commission_id)
    known = session.scalars(sa.select(Dispute).where(Dispute.commission_id == commission_id)).one_or_none()
    if known is not None:
        if _same_words(reading.events_of(session, [known.id])[known.id][0], said):
            return known, True
        raise DisputeExists(commission_id=commission_id, dispute_id=known.id)
    decline = reinstatement.decline_of(session, commission_id)
    if decline is None:
        raise NotDisputable(commission_id=commission_id)
    policy = _policy_at(session, decline.at)
    terms = terms_of(policy)
    until = rules.disputable_until(decline.at, terms)
    if now >= until:
        raise DisputeTooLate(commission_id=commission_id, until=until)
    if not reinstatement.is_won_by(session, commission):
        raise AttributedElsewhere(commission_id=commission_id)
    # A request that began before the decline may see it; nothing is opened before there was something to dispute.
    opened = Event("opened", "adviser", max(now, decline.at))
    standing = rules.standing_of([opened], terms)
    dispute = Dispute(
        id=new_id(),
        commission_id=commission_id,
        shop_id=commission.shop_id,
        adviser_id=commission.adviser_id,
        policy_id=policy.id,
        currency=commission.currency,
        amount_minor=-decline.delta_minor,
        state=standing.state,
        opened_at=opened.at,
        answer_by=standing.answer_by,
        due_at=standing.acts_by,
        last_seq=0,
        told_seq=0,
    )
    session.add(dispute)
    session.flush()
    _write(session, dispute, opened, said)
    _record(session, actor, dispute, opened.kind, opened.at)
    return dispute, False


def answer(
    session: Session, actor: Actor, dispute_id: UUID, outcome: str, said: Said, now: dt.datetime
) -> tuple[Dispute, bool]:
    """Answer as the shop: "accept" lets the commission stand again, "reject" keeps it declined, with a reason.

    Returns the dispute and whether it had been answered like this before. Raises NotFound, OwnerNeeded,
    IllegalTransition, DisputeTermPassed.
    """
    shops.require_owner(actor, reading.get(session, actor, dispute_id).shop_id)
    kind: Kind = "accepted" if outcome == "accept" else "rejected"
    return _act(session, actor, dispute_id, "answer", Event(kind, "shop", now), said)


def escalate(
    session: Session, actor: Actor, dispute_id: UUID, said: Said, now: dt.datetime
) -> tuple[Dispute, bool]:
    """Bring a rejected dispute of one's own to the platform. Returns and raises as `answer` does."""
    _require_own(session, actor, dispute_id)
    return _act(session, actor, dispute_id, "escalate", Event("escalated", "adviser", now), said)


def withdraw(session: Session, actor: Actor, dispute_id: UUID, now: dt.datetime) -> tuple[Dispute, bool]:
    """End a dispute of one's own without a win; the commission stays declined. Returns and raises as `answer` does."""
    _require_own(session, actor, dispute_id)
    return _act(session, actor, dispute_id, "withdraw", Event("withdrawn", "adviser", now), Said())


def decide(
    session: Session, actor: Actor, dispute_id: UUID, outcome: Outcome, said: Said, now: dt.datetime
) -> tuple[Dispute, bool]:
    """Decide an escalated dispute as the platform, for good, with a reason that both sides read.

    Returns and raises as `answer` does.
    """
    return _act(session, actor, dispute_id, "decide", Event("decided", "platform", now, outcome), said)


def terms_of(policy: DisputePolicy) -> Terms:
    """Return the terms of one version."""
    return Terms(
        dt.timedelta(days=policy.open_days),
        dt.timedelta(days=policy.answer_days),
        dt.timedelta(days=policy.escalate_days),
        policy.silence_limits,
    )


def standing_of(dispute: Dispute) -> Standing:
    """Return where a dispute stands, as its row has it; an invariant compares that with its events."""
    return Standing(
        dispute.state,  # type: ignore[arg-type]
        dispute.answer_by,
        dispute.escalate_by,
        dispute.outcome,  # type: ignore[arg-type]
        dispute.ended_by,  # type: ignore[arg-type]
        dispute.ended_at,
    )


def locked(session: Session, dispute_id: UUID) -> Dispute:
    """Return a dispute, locked until the end of the transaction. Whoever locks its order too locks that before."""
    query = sa.select(Dispute).where(Dispute.id == dispute_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def step(session: Session, dispute: Dispute, event: Event, said: Said) -> None:
    """Append an event to a dispute that the caller holds, and move its row accordingly."""
    terms = terms_of(session.get_one(DisputePolicy, dispute.policy_id))
    standing = rules.after(standing_of(dispute), event, terms)
    dispute.state, dispute.escalate_by = standing.state, standing.escalate_by
    dispute.outcome, dispute.ended_by, dispute.ended_at = (
        standing.outcome,
        standing.ended_by,
        standing.ended_at,
    )
    # A won dispute is due at once: the worker makes the commission stand again.
    dispute.due_at = standing.ended_at if standing.outcome == "adviser" else standing.acts_by
    _write(session, dispute, event, said)


def _act(
    session: Session, actor: Actor, dispute_id: UUID, verb: Verb, event: Event, said: Said
) -> tuple[Dispute, bool]:
    """Carry out what somebody asks for, or find that it was carried out like this before."""
    dispute = locked(session, reading.get(session, actor, dispute_id).id)
    for known in reading.events_of(session, [dispute.id])[dispute.id]:
        same = (known.kind, known.party, known.outcome) == (event.kind, event.party, event.outcome)
        if same and _same_words(known, said):
            return dispute, True
    rules.require(standing_of(dispute), verb, event.at)
    step(session, dispute, event, said)
    _record(session, actor, dispute, event.kind, event.at)
    return dispute, False


def _write(session: Session, dispute: Dispute, event: Event, said: Said) -> None:
    dispute.last_seq += 1
    session.add(
        DisputeEvent(
            id=new_id(),
            dispute_id=dispute.id,
            shop_id=dispute.shop_id,
            adviser_id=dispute.adviser_id,
            seq=dispute.last_seq,
            kind=event.kind,
            party=event.party,
            outcome=event.outcome,
            reason=said.reason,
            statement=said.statement,
            links=list(said.links),
            at=event.at,
        )
    )
    session.flush()
    # The worker tells the other side, and moves money where somebody won; the row is found again without this hint.
    db.after_commit(session, lambda: jobs.enqueue(GO_ON, str(dispute.id)))


def _record(session: Session, actor: Actor, dispute: Dispute, kind: Kind, now: dt.datetime) -> None:
    facts: Mapping[str, Any] = {"commission_id": str(dispute.commission_id), "state": dispute.state}
    if actor is not SYSTEM:
        audit.record(
            session,
            actor,
            f"dispute.{kind}",
            "dispute",
            dispute.id,
            dict(facts),
            now=now,
            shop_id=dispute.shop_id,
        )


def _same_words(known: DisputeEvent, said: Said) -> bool:
    return (known.reason, known.statement, known.links) == (said.reason, said.statement, list(said.links))


def _require_own(session: Session, actor: Actor, dispute_id: UUID) -> None:
    """Raise NotFound unless the actor is the adviser whose dispute it is; its shop sees it and may not do this."""
    dispute = reading.get(session, actor, dispute_id)
    if not tenancy.is_adviser(actor, "disputes.own", dispute.adviser_id):
        raise NotFound("dispute", dispute_id)


def _policy_at(session: Session, at: dt.datetime) -> DisputePolicy:
    query = sa.select(DisputePolicy).where(DisputePolicy.effective_from <= at)
    return session.scalars(query.order_by(DisputePolicy.version.desc()).limit(1)).one()


def _take_turns(session: Session, commission_id: UUID) -> None:
    """Let two requests that open a dispute about one commission come one after the other."""
    key = sa.func.hashtextextended(sa.literal(f"dispute:{commission_id}"), 0)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


__all__ = [
    "GO_ON",
    "AttributedElsewhere",
    "DisputeExists",
    "DisputeTooLate",
    "NotDisputable",
    "Party",
    "Said",
    "answer",
    "decide",
    "escalate",
    "locked",
    "open_dispute",
    "standing_of",
    "step",
    "terms_of",
    "withdraw",
]
