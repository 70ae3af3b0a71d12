"""Lists of payouts and their statements, as their adviser reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import tenancy
from marketplace.core.actor import Actor
from marketplace.core.money import Money
from payouts.settlement.payout_models import Payout
from payouts.statements.models import Statement


@dataclass(frozen=True, slots=True)
class Paid:
    """A payout with its statement, which is there once it was sent, and how many orders it pays."""

    payout: Payout
    statement: Statement | None
    orders: int

    @property
    def amount(self) -> Money:
        """Return what is paid."""
        return self.payout.amount


def visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Return which statements an actor may see: the platform all, an adviser their own."""
    return (
        sa.true() if actor.is_platform else tenancy.adviser(actor, "statements.listed", Statement.adviser_id)
    )


def paid(session: Session, actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[Paid]:
    """Return up to limit + 1 payouts of the acting adviser, newest first, before the id `before`.

    One that was given back is no longer in the list: its money goes with the next payout.
    """
    query = (
        sa.select(Payout, Statement, sa.func.jsonb_array_length(Statement.document["orders"]))
        .join(Statement, Statement.payout_id == Payout.id, isouter=True)
        .where(tenancy.adviser(actor, "payouts.listed", Payout.adviser_id), Payout.state != "released")
        .order_by(Payout.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(Payout.id < before)
    return [Paid(payout, statement, count or 0) for payout, statement, count in session.execute(query)]


def sums(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Return by currency how many payouts of the acting adviser were sent, their sum, and what is in the bank."""
    arrived = Payout.state == "in_bank"
    query = (
        sa.select(
            Payout.currency,
            sa.func.count().label("payouts"),
            sa.func.sum(Payout.amount_minor).cast(sa.BigInteger).label("sent"),
            sa.func.coalesce(sa.func.sum(Payout.amount_minor).filter(arrived), 0)
            .cast(sa.BigInteger)
            .label("arrived"),
        )
        .where(
            tenancy.adviser(actor, "payouts.summed", Payout.adviser_id),
            Payout.state.in_(("paid", "in_bank", "bank_failed")),
        )
        .group_by(Payout.currency)
        .order_by(Payout.currency)
    )
    return [
        {
            "payouts": row.payouts,
            "sent": Money(row.sent, row.currency),
            "arrived": Money(row.arrived, row.currency),
        }
        for row in session.execute(query)
    ]
