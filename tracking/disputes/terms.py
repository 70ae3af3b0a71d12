"""The terms of disputes as they were at an instant: how long each side has."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tracking.disputes import rules, service
from tracking.disputes.models import DisputePolicy


def disputable_until(session: Session, declined_at: dt.datetime) -> dt.datetime:
    """Return until when a decline of that instant can be disputed."""
    query = sa.select(DisputePolicy).where(DisputePolicy.effective_from <= declined_at)
    policy = session.scalars(query.order_by(DisputePolicy.version.desc()).limit(1)).one()
    return rules.disputable_until(declined_at, service.terms_of(policy))
