"""Tables of attribution: decisions that only grow, who took part in each, and the versioned policy behind them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk


class AttributionPolicy(Base):
    """One numbered version of a shop's policy, or the platform's where `shop_id` is empty; never changed."""

    __tablename__ = "attribution_policy"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "version", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint("model = 'last'", name="model"),
        sa.CheckConstraint("code_rule IN ('override', 'ignore')", name="code_rule"),
        sa.CheckConstraint("guard_seconds BETWEEN 0 AND 86400", name="guard_seconds"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    version: Mapped[int]
    effective_from: Mapped[dt.datetime]
    model: Mapped[str]
    code_rule: Mapped[str]
    guard_seconds: Mapped[int]
    created_at: Mapped[dt.datetime] = created_at()


class Attribution(Base):
    """One decision about an order; of several the one with the largest `n` stands."""

    __tablename__ = "attribution"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "n"),
        sa.CheckConstraint("n >= 1", name="n"),
        sa.CheckConstraint("state IN ('provisional', 'decided', 'final')", name="state"),
        sa.CheckConstraint("decided_by IN ('intake', 'worker', 'approval')", name="decided_by"),
        sa.CheckConstraint(
            "(adviser_id IS NULL) = (terms_id IS NULL) AND (adviser_id IS NULL) = (offer_id IS NULL)"
            " AND (adviser_id IS NOT NULL OR (touch_id IS NULL AND code_id IS NULL AND link_id IS NULL))"
            " AND (adviser_id IS NULL OR touch_id IS NOT NULL OR code_id IS NOT NULL)",
            name="winner",
        ),
        sa.Index(
            "uq_attribution_final", "order_id", unique=True, postgresql_where=sa.text("state = 'final'")
        ),
        sa.Index(
            "ix_attribution_intake",
            "order_id",
            "n",
            postgresql_where=sa.text("state = 'provisional' AND decided_by = 'intake'"),
        ),
        sa.Index(
            "ix_attribution_waiting",
            "order_id",
            "n",
            postgresql_where=sa.text("state = 'provisional' AND decided_by = 'worker'"),
        ),
        sa.Index(
            "ix_attribution_unscreened",
            "order_id",
            "n",
            postgresql_where=sa.text("decided_by = 'worker' AND receipt -> 'unscreened' <> '[]'"),
        ),
        sa.Index("ix_attribution_adviser_id", "adviser_id"),
        sa.Index("ix_attribution_touch_id", "touch_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    order_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop_order.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    n: Mapped[int]
    state: Mapped[str]
    decided_by: Mapped[str]
    model: Mapped[str]
    policy_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attribution_policy.id"))
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("adviser.id"))
    offer_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("offer.id"))
    link_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("tracked_link.id"))
    touch_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("touch.id"))
    code_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("discount_code.id"))
    terms_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("commission_terms.id"))
    receipt: Mapped[dict[str, Any]] = mapped_column(JSONB)
    decided_at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()


class OrderParticipant(Base):
    """An adviser whose click or code a decision looked at, and what it said: "won", or the rule by which they lost.

    A trigger writes it from the decision's receipt, in the statement that writes the decision; nobody else can. The
    times are the order's, so that an index holds an adviser's orders newest first.
    """

    __tablename__ = "order_participant"
    __table_args__ = (
        sa.ForeignKeyConstraint(["order_id", "n"], ["attribution.order_id", "attribution.n"]),
        sa.Index("ix_order_participant_received", "adviser_id", "received_at", "order_id"),
        sa.Index(
            "ix_order_participant_lost",
            "adviser_id",
            "ordered_at",
            "order_id",
            postgresql_where=sa.text("result <> 'won'"),
        ),
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    result: Mapped[str]
    ordered_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
