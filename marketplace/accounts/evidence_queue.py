"""The queue of evidence as an admin works through it: what waits for us, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.accounts import influence
from marketplace.accounts.models import InfluenceEvidence

# What the platform decides; purchases wait for the shop that knows its orders.
OURS = tuple(name for name, kind in influence.KINDS.items() if kind.verified_by == "admin")
WAITING = sa.and_(InfluenceEvidence.state.in_(("stated", "in_review")), InfluenceEvidence.kind.in_(OURS))


def listed(
    session: Session, state: str, kind: str | None, after: UUID | None, limit: int
) -> Sequence[InfluenceEvidence]:
    """Return up to limit + 1 pieces of evidence, oldest first; state: one of evidence's, or "waiting" for an admin."""
    query = sa.select(InfluenceEvidence).order_by(InfluenceEvidence.id).limit(limit + 1)
    query = query.where(WAITING if state == "waiting" else InfluenceEvidence.state == state)
    if kind is not None:
        query = query.where(InfluenceEvidence.kind == kind)
    if after is not None:
        query = query.where(InfluenceEvidence.id > after)
    return session.scalars(query).all()


def counts(session: Session) -> dict[str, int]:
    """Return how many pieces of evidence are in each state, and under "waiting" how many wait for an admin."""
    query = sa.select(InfluenceEvidence.state, sa.func.count()).group_by(InfluenceEvidence.state)
    found = {state: int(count) for state, count in session.execute(query)}
    waiting = session.scalar(sa.select(sa.func.count()).select_from(InfluenceEvidence).where(WAITING))
    return found | {"waiting": int(waiting or 0)}
