"""The moves of a commission: read, and appended one after the other under the lock of their commission."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from tracking.commissions.models import Commission, CommissionMove
from tracking.commissions.states import Kind, Step


def of(session: Session, commission_ids: Iterable[UUID]) -> dict[UUID, list[CommissionMove]]:
    """Return the moves of each commission, oldest first."""
    found: dict[UUID, list[CommissionMove]] = {commission_id: [] for commission_id in commission_ids}
    if found:
        query = sa.select(CommissionMove).where(CommissionMove.commission_id.in_(list(found)))
        for move in session.scalars(query.order_by(CommissionMove.commission_id, CommissionMove.seq)):
            found[move.commission_id].append(move)
    return found


def steps(moves: Sequence[CommissionMove]) -> list[Step]:
    """Return what the state of a commission depends on."""
    return [Step(move.kind, move.standing_minor) for move in moves]


def standing(commission: Commission, moves: Sequence[CommissionMove]) -> Money:
    """Return what stands after these moves."""
    return Money(moves[-1].standing_minor if moves else 0, commission.currency)


def locked(session: Session, order_id: UUID) -> list[Commission]:
    """Return the commissions of an order in id order, each locked until the end of the transaction."""
    query = sa.select(Commission).where(Commission.order_id == order_id)
    return list(session.scalars(query.order_by(Commission.id).with_for_update()))


def append(
    session: Session,
    commission: Commission,
    earlier: Sequence[CommissionMove],
    kind: Kind,
    delta: int,
    *,
    cause: str,
    terms_id: UUID,
    now: dt.datetime,
    detail: Mapping[str, Any],
) -> CommissionMove:
    """Append a move of `delta` minor units after the `earlier` ones; the caller holds the lock.

    The database refuses it when it does not follow from the last one.
    """
    last = earlier[-1] if earlier else None
    move = CommissionMove(
        commission_id=commission.id,
        seq=last.seq + 1 if last else 1,
        kind=kind,
        delta_minor=delta,
        standing_minor=(last.standing_minor if last else 0) + delta,
        currency=commission.currency,
        cause=cause,
        terms_id=terms_id,
        at=now,
        detail=dict(detail),
    )
    session.add(move)
    session.flush()
    return move
