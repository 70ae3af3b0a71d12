"""The tables of funding: payments of shops, and the commissions that budget is spent on."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk
from payouts.ledger.models import EntryRow


class Funding(Base):
    """One payment of a shop into its budget: planned → open → paid, or expired, or failed."""

    __tablename__ = "funding"
    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("state IN ('planned', 'open', 'paid', 'expired', 'failed')", name="state"),
        sa.CheckConstraint("(state = 'paid') = (entry_id IS NOT NULL)", name="paid_is_posted"),
        sa.Index("ix_funding_shop_id_id", "shop_id", "id"),
    )

    id: orm.Mapped[UUID] = uuid_pk()
    shop_id: orm.Mapped[UUID] = orm.mapped_column(sa.ForeignKey("shop.id"))
    amount_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    state: orm.Mapped[str]
    actor: orm.Mapped[str]
    stripe_session_id: orm.Mapped[str | None] = orm.mapped_column(unique=True)
    stripe_payment_intent: orm.Mapped[str | None] = orm.mapped_column(unique=True)
    url: orm.Mapped[str | None]
    entry_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey(EntryRow.id))
    planned_at: orm.Mapped[dt.datetime]
    paid_at: orm.Mapped[dt.datetime | None]
    created_at: orm.Mapped[dt.datetime] = created_at()


class Accrual(Base):
    """That one move of a commission is in the books, and what of it still waits for the shop's budget.

    The signed parts `unfunded_*` went against what the shop owes; `funded_entry_id` is the entry that ended the
    wait, by budget or by a return. Nothing else ever changes. The table lies here, below the room that fills it,
    because new budget must find what waits for it.
    """

    __tablename__ = "accrual"
    __table_args__ = (
        sa.UniqueConstraint("commission_id", "seq"),
        sa.CheckConstraint(
            "kind IN ('earned', 'approved', 'declined', 'reversed', 'reinstated')", name="kind"
        ),
        sa.CheckConstraint(
            "funded = (unfunded_commission_minor = 0 AND unfunded_fee_minor = 0)", name="funded_is_whole"
        ),
        sa.CheckConstraint("NOT funded OR funded_entry_id IS NULL", name="funded_once"),
        sa.CheckConstraint(
            "entry_id IS NOT NULL OR (commission_minor = 0 AND fee_minor = 0 AND funded)", name="posted"
        ),
        sa.Index(
            "ix_accrual_waiting",
            "shop_id",
            "currency",
            "move_id",
            postgresql_where=sa.text("NOT funded AND funded_entry_id IS NULL"),
        ),
        sa.Index("ix_accrual_adviser_id_move_id", "adviser_id", "move_id"),
    )

    # That the move is there, says the same and has the entry is asked by a trigger once a statement.
    move_id: orm.Mapped[UUID] = orm.mapped_column(primary_key=True)
    commission_id: orm.Mapped[UUID]
    seq: orm.Mapped[int] = orm.mapped_column(sa.Integer())
    kind: orm.Mapped[str]
    shop_id: orm.Mapped[UUID]
    adviser_id: orm.Mapped[UUID]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    entry_id: orm.Mapped[int | None]
    funded: orm.Mapped[bool]
    funded_entry_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey(EntryRow.id))
    commission_minor: orm.Mapped[int]
    fee_minor: orm.Mapped[int]
    unfunded_commission_minor: orm.Mapped[int]
    unfunded_fee_minor: orm.Mapped[int]
    posted_at: orm.Mapped[dt.datetime] = orm.mapped_column(UtcDateTime, server_default=sa.func.now())
