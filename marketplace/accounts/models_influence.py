"""Tables of evidence: what an adviser says makes them what they are, what became of it, and every step."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

STATES = "state IN ('stated', 'in_review', 'verified', 'refused', 'expired', 'withdrawn')"
OPEN = "state IN ('stated', 'in_review', 'verified')"


class InfluenceEvidence(Base):
    """Evidence of an adviser for a kind of influence; of kind user it names an order that its shop confirms."""

    __tablename__ = "influence_evidence"
    __table_args__ = (
        sa.UniqueConstraint("id", "adviser_id"),
        sa.CheckConstraint("kind IN ('expert', 'celebrity', 'user', 'friend')", name="kind"),
        sa.CheckConstraint(STATES, name="state"),
        sa.CheckConstraint(
            "(kind = 'user') = (shop_id IS NOT NULL) AND (shop_id IS NULL) = (order_ref IS NULL)",
            name="purchase",
        ),
        sa.CheckConstraint("kind <> 'celebrity' OR link IS NOT NULL", name="link"),
        sa.CheckConstraint("state <> 'refused' OR reason IS NOT NULL", name="reason"),
        sa.CheckConstraint(
            "state NOT IN ('verified', 'expired') OR verified_at IS NOT NULL", name="verified_at"
        ),
        # One order makes one person a buyer.
        sa.Index(
            "uq_influence_evidence_order",
            "shop_id",
            "order_ref",
            unique=True,
            postgresql_where=sa.text("state = 'verified'"),
        ),
        sa.Index(
            "uq_influence_evidence_open",
            "adviser_id",
            "kind",
            "statement",
            unique=True,
            postgresql_where=sa.text(OPEN),
        ),
        sa.Index(
            "ix_influence_evidence_valid_until", "valid_until", postgresql_where=sa.text("state = 'verified'")
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    kind: Mapped[str]
    statement: Mapped[str]
    link: Mapped[str | None]
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    order_ref: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    stated_at: Mapped[dt.datetime]
    verified_at: Mapped[dt.datetime | None]
    valid_until: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = created_at()


class InfluenceEvidenceEvent(Base):
    """One step of evidence: who moved it to which state when, and why; append-only.

    `by_user_id` is None when time did it.
    """

    __tablename__ = "influence_evidence_event"
    __table_args__ = (
        sa.UniqueConstraint("evidence_id", "n"),
        sa.ForeignKeyConstraint(
            ["evidence_id", "adviser_id"], ["influence_evidence.id", "influence_evidence.adviser_id"]
        ),
        sa.CheckConstraint(STATES, name="state"),
        sa.CheckConstraint("by_role IN ('adviser', 'admin', 'shop', 'time')", name="by_role"),
        sa.CheckConstraint("(by_role = 'time') = (by_user_id IS NULL)", name="by_user_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    evidence_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    n: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str | None]
    by_role: Mapped[str]
    by_user_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("user_account.id"))
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()
