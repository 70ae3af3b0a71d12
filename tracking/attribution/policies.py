"""Versions of the attribution policy: the one in force when an order was placed judges it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import Conflict, InvariantViolation
from tracking.attribution.decision import Policy
from tracking.attribution.models import AttributionPolicy


class PolicyInThePast(Conflict):
    """A policy can't take effect before now: orders already judged would be judged again."""

    code = "policy_in_the_past"
    title = "A policy can't begin in the past"
    detail = "The policy would take effect at {effective_from}, which has passed."
    next = "Let it take effect now or later."


def at(session: Session, shop_id: UUID, instant: dt.datetime) -> Policy:
    """Return the policy of a shop at an instant: its own newest version in force, else the platform's."""
    row = session.scalar(
        sa.select(AttributionPolicy)
        .where(
            sa.or_(AttributionPolicy.shop_id == shop_id, AttributionPolicy.shop_id.is_(None)),
            AttributionPolicy.effective_from <= instant,
        )
        .order_by(
            AttributionPolicy.shop_id.nulls_last(),
            AttributionPolicy.effective_from.desc(),
            AttributionPolicy.version.desc(),
        )
        .limit(1)
    )
    if row is None:
        raise InvariantViolation(what="no attribution policy is in force", shop_id=shop_id)
    guard = dt.timedelta(seconds=row.guard_seconds)
    return Policy(row.id, row.version, row.model, row.code_rule, guard)


def publish(
    session: Session,
    shop_id: UUID | None,
    *,
    guard_seconds: int,
    code_rule: str = "override",
    effective_from: dt.datetime,
    now: dt.datetime,
) -> AttributionPolicy:
    """Add the next version of a shop's policy, or of the platform's for None. Raises PolicyInThePast."""
    if effective_from < now:
        raise PolicyInThePast(effective_from=effective_from.isoformat())
    newest = session.scalar(
        sa.select(sa.func.max(AttributionPolicy.version)).where(
            AttributionPolicy.shop_id.is_not_distinct_from(shop_id)
        )
    )
    row = AttributionPolicy(
        shop_id=shop_id,
        version=int(newest or 0) + 1,
        effective_from=effective_from,
        model="last",
        code_rule=code_rule,
        guard_seconds=guard_seconds,
    )
    session.add(row)
    session.flush()
    return row
