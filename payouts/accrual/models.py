"""The tables of accrual. `accrual` itself lies with funding, because new budget must find what waits for it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core.db import Base, UtcDateTime
from payouts.funding.models import Accrual

__all__ = ["Accrual", "AccrualDue", "AccrualSetAside"]


class AccrualSetAside(Base):
    """That a move could not be posted: why, as a code without values, how often, and when it is tried again.

    It is open until the move is in the books (view `accrual_stuck`); the row stays as history. Times are wall time.
    """

    __tablename__ = "accrual_set_aside"
    __table_args__ = (sa.CheckConstraint("tries > 0", name="tries"),)

    move_id: orm.Mapped[UUID] = orm.mapped_column(sa.ForeignKey("commission_move.id"), primary_key=True)
    commission_id: orm.Mapped[UUID] = orm.mapped_column(sa.ForeignKey("commission.id"), index=True)
    code: orm.Mapped[str]
    tries: orm.Mapped[int] = orm.mapped_column(sa.Integer(), server_default="1")
    first_at: orm.Mapped[dt.datetime] = orm.mapped_column(UtcDateTime, server_default=sa.func.now())
    last_at: orm.Mapped[dt.datetime] = orm.mapped_column(UtcDateTime, server_default=sa.func.now())
    retry_at: orm.Mapped[dt.datetime] = orm.mapped_column(UtcDateTime)


class AccrualDue(Base):
    """The queue: a live move that is not in the books yet. Triggers put it in and take it out, nobody else.

    It says nothing that `commission_move` without `accrual` does not say; an invariant compares the two.
    """

    __tablename__ = "accrual_due"

    # Shops whose ids end alike; the key goes by lane, then by age.
    lane: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger(), primary_key=True, autoincrement=False)
    move_id: orm.Mapped[UUID] = orm.mapped_column(primary_key=True)
    commission_id: orm.Mapped[UUID] = orm.mapped_column(index=True)
    is_approval: orm.Mapped[bool]
