"""Tables of commissions: one row per order and adviser, and the moves whose sum is the amount."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk


class Commission(Base):
    """What one adviser has from one order; the amount is the sum of its moves, never a column."""

    __tablename__ = "commission"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "adviser_id"),
        sa.UniqueConstraint("id", "currency"),
        sa.ForeignKeyConstraint(
            ["order_id", "shop_id", "currency"],
            ["shop_order.id", "shop_order.shop_id", "shop_order.currency"],
        ),
        sa.CheckConstraint("mode IN ('live', 'test')", name="mode"),
        sa.Index("ix_commission_shop_page", "shop_id", "created_at", "id"),
        sa.Index("ix_commission_adviser_page", "adviser_id", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    order_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    offer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("offer.id"))
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    mode: Mapped[str]
    created_at: Mapped[dt.datetime]


class CommissionMove(Base):
    """One step of a commission: `delta` in minor units, and what stands after it. Appended, never changed.

    A trigger refuses a move whose `seq` or `standing_minor` does not follow from the one before.
    """

    __tablename__ = "commission_move"
    __table_args__ = (
        sa.UniqueConstraint("commission_id", "seq"),
        sa.CheckConstraint("seq >= 1", name="seq"),
        sa.CheckConstraint("standing_minor >= 0", name="standing"),
        sa.CheckConstraint(
            "CASE kind WHEN 'earned' THEN delta_minor > 0 WHEN 'approved' THEN delta_minor = 0"
            " WHEN 'declined' THEN delta_minor < 0 AND standing_minor = 0"
            " WHEN 'reversed' THEN delta_minor < 0"
            " WHEN 'reinstated' THEN delta_minor > 0 AND standing_minor = delta_minor ELSE false END",
            name="kind",
        ),
        sa.ForeignKeyConstraint(["commission_id", "currency"], ["commission.id", "commission.currency"]),
        # Approved once, declined once, reinstated once; and the due sweep finds by these what nobody approved yet.
        sa.Index(
            "uq_commission_move_verdict",
            "commission_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("kind IN ('approved', 'declined', 'reinstated')"),
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    commission_id: Mapped[uuid.UUID]
    seq: Mapped[int] = mapped_column(sa.Integer())
    kind: Mapped[str]
    delta_minor: Mapped[int]
    standing_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    cause: Mapped[str]
    terms_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("commission_terms.id"))
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
