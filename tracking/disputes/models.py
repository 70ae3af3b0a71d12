"""Tables of disputes: their terms, one row per dispute with where it stands, and what was said, appended only."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

ENDED = "('decided', 'withdrawn', 'closed')"


class DisputePolicy(Base):
    """The terms of disputes from an instant on: how long each side has, and up to which amount silence decides.

    Versions are only added. `silence_limits` has whole minor units by currency; one that it doesn't name has zero.
    """

    __tablename__ = "dispute_policy"
    __table_args__ = (
        sa.CheckConstraint(
            "open_days BETWEEN 1 AND 366 AND answer_days BETWEEN 1 AND 366 AND escalate_days BETWEEN 1 AND 366",
            name="days",
        ),
        sa.CheckConstraint("jsonb_typeof(silence_limits) = 'object'", name="silence_limits"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    version: Mapped[int] = mapped_column(unique=True)
    effective_from: Mapped[dt.datetime]
    open_days: Mapped[int]
    answer_days: Mapped[int]
    escalate_days: Mapped[int]
    silence_limits: Mapped[dict[str, int]] = mapped_column(JSONB)
    created_at: Mapped[dt.datetime] = created_at()


class Dispute(Base):
    """One dispute about one decline: where it stands, by when who must act, and what it moved in the end.

    `due_at`: when the clock does something about it; NULL while it waits for people, or when all is done.
    `amount_minor` is what the decline took. `told_seq` is the last event about which mails are queued.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        sa.ForeignKeyConstraint(["commission_id", "currency"], ["commission.id", "commission.currency"]),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint(
            "state IN ('open', 'rejected', 'escalated', 'decided', 'withdrawn', 'closed')", name="state"
        ),
        sa.CheckConstraint("outcome IN ('adviser', 'shop')", name="outcome"),
        sa.CheckConstraint("ended_by IN ('adviser', 'shop', 'platform', 'silence')", name="ended_by"),
        sa.CheckConstraint(
            f"(state IN {ENDED}) = (outcome IS NOT NULL)"
            " AND (outcome IS NULL) = (ended_by IS NULL) AND (outcome IS NULL) = (ended_at IS NULL)",
            name="ended",
        ),
        sa.CheckConstraint("state = 'decided' OR outcome IS DISTINCT FROM 'adviser'", name="won"),
        sa.CheckConstraint(
            "money IN ('reinstated', 'nothing_remains', 'attributed_to_somebody_else')", name="money"
        ),
        sa.CheckConstraint(
            "(money IS NULL) = (settled_at IS NULL)"
            " AND coalesce(money = 'reinstated', false) = (reinstated_minor IS NOT NULL)"
            " AND (money IS NULL OR outcome IS NOT DISTINCT FROM 'adviser')",
            name="settled",
        ),
        sa.CheckConstraint("reinstated_minor > 0", name="reinstated"),
        sa.CheckConstraint("told_seq BETWEEN 0 AND last_seq", name="told"),
        sa.Index("ix_dispute_due", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
        sa.Index("ix_dispute_untold", "id", postgresql_where=sa.text("told_seq < last_seq")),
        sa.Index("ix_dispute_shop_page", "shop_id", "opened_at", "id"),
        sa.Index("ix_dispute_adviser_page", "adviser_id", "opened_at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    commission_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    policy_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("dispute_policy.id"))
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    amount_minor: Mapped[int]
    state: Mapped[str]
    outcome: Mapped[str | None]
    ended_by: Mapped[str | None]
    opened_at: Mapped[dt.datetime]
    answer_by: Mapped[dt.datetime]
    escalate_by: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime | None]
    last_seq: Mapped[int] = mapped_column(sa.Integer())
    told_seq: Mapped[int] = mapped_column(sa.Integer(), server_default="0", default=0)
    money: Mapped[str | None]
    reinstated_minor: Mapped[int | None]
    settled_at: Mapped[dt.datetime | None]


class DisputeEvent(Base):
    """Something that was said or decided in a dispute, by whom, with its words; appended, never changed."""

    __tablename__ = "dispute_event"
    __table_args__ = (
        sa.UniqueConstraint("dispute_id", "seq"),
        sa.CheckConstraint("seq >= 1 AND (seq = 1) = (kind = 'opened')", name="seq"),
        sa.CheckConstraint(
            "(kind, party) IN (('opened', 'adviser'), ('accepted', 'shop'), ('rejected', 'shop'),"
            " ('escalated', 'adviser'), ('escalated', 'clock'), ('withdrawn', 'adviser'), ('decided', 'platform'),"
            " ('decided', 'clock'), ('closed', 'clock'))",
            name="kind",
        ),
        sa.CheckConstraint(
            "(outcome IS NULL OR outcome IN ('adviser', 'shop')) AND (kind = 'decided') = (outcome IS NOT NULL)",
            name="outcome",
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    dispute_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("dispute.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    seq: Mapped[int] = mapped_column(sa.Integer())
    kind: Mapped[str]
    party: Mapped[str]
    outcome: Mapped[str | None]
    reason: Mapped[str | None]
    statement: Mapped[str | None]
    links: Mapped[list[str]] = mapped_column(JSONB, server_default=sa.text("'[]'"))
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()
