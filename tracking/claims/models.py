"""Tables of claims: one row per claim with where it stands, and what was said, appended only."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

OPEN = "('open', 'escalated')"


class Claim(Base):
    """One purchase that an adviser misses: what they know of it, where it stands, and the order that was found for it.

    `due_at`: when the clock looks at it; NULL while nobody is waited for by a time. `order_id` and the three facts
    beside it stand once the order is found: the adviser reads these, because an order without their advice is not
    theirs to read.
    """

    __tablename__ = "claim"
    __table_args__ = (
        sa.UniqueConstraint("adviser_id", "shop_id", "order_ref"),
        sa.CheckConstraint(
            "state IN ('open', 'escalated', 'found', 'refused', 'withdrawn', 'closed')", name="state"
        ),
        sa.CheckConstraint("ended_by IN ('adviser', 'shop', 'platform', 'clock')", name="ended_by"),
        sa.CheckConstraint(
            f"(state IN {OPEN}) = (ended_at IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL)",
            name="ended",
        ),
        sa.CheckConstraint(
            "(state = 'found') = (order_id IS NOT NULL) AND (order_id IS NULL) = (found_ref IS NULL)"
            " AND (order_id IS NULL) = (ordered_at IS NULL) AND (order_id IS NULL) = (reported_at IS NULL)",
            name="found",
        ),
        sa.CheckConstraint(
            "(amount_minor IS NULL) = (currency IS NULL) AND (amount_minor IS NULL OR amount_minor > 0)",
            name="amount",
        ),
        sa.CheckConstraint("order_ref <> ''", name="order_ref"),
        sa.Index("ix_claim_due", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
        sa.Index("ix_claim_open", "shop_id", "order_ref", postgresql_where=sa.text(f"state IN {OPEN}")),
        sa.Index("ix_claim_shop_page", "shop_id", "claimed_at", "id"),
        sa.Index("ix_claim_adviser_page", "adviser_id", "claimed_at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    bought_on: Mapped[dt.date]
    order_ref: Mapped[str | None]
    currency: Mapped[str | None] = mapped_column(sa.CHAR(3))
    amount_minor: Mapped[int | None]
    state: Mapped[str]
    claimed_at: Mapped[dt.datetime]
    answer_by: Mapped[dt.datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime | None]
    last_seq: Mapped[int] = mapped_column(sa.Integer())
    order_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop_order.id"))
    found_ref: Mapped[str | None]
    ordered_at: Mapped[dt.datetime | None]
    reported_at: Mapped[dt.datetime | None]


class ClaimEvent(Base):
    """Something that was said in a claim, by whom, with its words; appended, never changed.

    `until`: the term that it gives the shop.
    """

    __tablename__ = "claim_event"
    __table_args__ = (
        sa.UniqueConstraint("claim_id", "seq"),
        sa.CheckConstraint("seq >= 1 AND (seq = 1) = (kind = 'claimed')", name="seq"),
        sa.CheckConstraint(
            "(kind, party) IN (('claimed', 'adviser'), ('found', 'shop'), ('found', 'clock'), ('refused', 'shop'),"
            " ('withdrawn', 'adviser'), ('escalated', 'clock'), ('asked', 'platform'), ('closed', 'platform'))",
            name="kind",
        ),
        sa.CheckConstraint(
            "(until IS NOT NULL) = (kind IN ('claimed', 'asked')) AND until > at", name="until"
        ),
        sa.CheckConstraint("(reason IS NOT NULL) = (kind = 'refused')", name="reason"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    claim_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("claim.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    seq: Mapped[int] = mapped_column(sa.Integer())
    kind: Mapped[str]
    party: Mapped[str]
    reason: Mapped[str | None]
    statement: Mapped[str | None]
    until: Mapped[dt.datetime | None]
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()
