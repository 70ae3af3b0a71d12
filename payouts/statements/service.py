"""Issue statements: one per payout that was sent; the paid payout without one is the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.core import db, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from payouts.settlement import rounds
from payouts.settlement.payout_models import Payout, PayoutRun
from payouts.settlement.states import SETTLED_STATES
from payouts.statements import document, lines
from payouts.statements.models import Statement

BATCH = 200


def unissued(session: Session, limit: int = BATCH) -> list[UUID]:
    """Return payouts that were sent and have no statement yet, oldest first."""
    return list(
        session.scalars(
            sa.select(Payout.id)
            .where(Payout.state.in_(SETTLED_STATES))
            .where(~sa.exists().where(Statement.payout_id == Payout.id))
            .order_by(Payout.id)
            .limit(limit)
        )
    )


def issue(session: Session, payout_id: UUID, now: dt.datetime) -> bool:
    """Issue the statement of one payout; False when it has one. Safe to race.

    Raises StatementDiffers when its lines don't sum to the payout: then nothing is issued.
    """
    payout = session.get_one(Payout, payout_id)
    run = session.get_one(PayoutRun, payout.run_id)
    number = f"S-{run.number.removeprefix('R-')}-{payout.place:04d}"
    found = lines.paid_lines(session, payout.id)
    commission_ids = sorted({line.commission_id for line in found if line.commission_id is not None})
    body = document.compose(number, run.number, payout, found, lines.background(session, commission_ids), now)
    made = session.execute(
        insert(Statement)
        .values(
            id=ids.new_id(),
            payout_id=payout.id,
            adviser_id=payout.adviser_id,
            number=number,
            amount_minor=payout.amount_minor,
            currency=payout.currency,
            issued_at=now,
            document=body,
            sha256=document.digest(body),
        )
        .on_conflict_do_nothing(index_elements=[Statement.payout_id])
        .returning(Statement.id)
    ).scalar_one_or_none()
    return made is not None


def issue_due(now: Callable[[], dt.datetime]) -> int:
    """Issue the statements that are due, each in a transaction of its own; return how many.

    One whose lines don't sum to its payout is logged and stays due; the others are issued.
    """
    with db.transaction(point="statements.due") as session:
        waiting = unissued(session)
    return rounds.each("statements", waiting, lambda payout_id: _issue_alone(payout_id, now()))


def _issue_alone(payout_id: UUID, now: dt.datetime) -> int:
    with db.transaction(point="statements.issue") as session:
        return int(issue(session, payout_id, now))


def get(session: Session, actor: Actor, statement_id: UUID) -> Statement:
    """Return a statement: the acting adviser's own, or any to the platform. Raises NotFound for somebody else's."""
    found = session.get(Statement, statement_id)
    if found is None or not (
        actor.is_platform or tenancy.is_adviser(actor, "statements.one", found.adviser_id)
    ):
        raise NotFound("statement", statement_id)
    return found


def differing(session: Session) -> tuple[int, int]:
    """Return how many statements no longer match their hash or their payout, and how many there are."""
    rows = session.execute(
        sa.select(
            Statement.document,
            Statement.sha256,
            Statement.amount_minor,
            Payout.amount_minor.label("paid"),
        ).join(Payout, Payout.id == Statement.payout_id)
    ).all()
    wrong = sum(document.digest(row.document) != row.sha256 or row.amount_minor != row.paid for row in rows)
    return wrong, len(rows)
