"""Tables of judgements: reviews of products, with the purchase that proves one, and reports of pages."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

REPORT_REASONS = (
    "hidden_ad",
    "misleading",
    "wrong_facts",
    "illegal",
    "hateful",
    "privacy",
    "copied",
    "other",
)
SILENT = {"eager_defaults": False}


class Review(Base):
    """What somebody thinks of a product; `proof` says whether a purchase was claimed and found with the shop."""

    __tablename__ = "review"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        sa.CheckConstraint("language IN ('nl', 'en')", name="language"),
        sa.CheckConstraint("proof IN ('none', 'asked', 'found', 'not_found')", name="proof"),
        sa.CheckConstraint("state IN ('shown', 'hidden')", name="state"),
        sa.CheckConstraint("state <> 'hidden' OR reason IS NOT NULL", name="reason"),
        sa.Index("ix_review_product_id_id", "product_id", "id"),
        sa.Index("ix_review_shop_id_id", "shop_id", "id"),
        sa.Index("ix_review_asked", "id", postgresql_where=sa.text("proof = 'asked'")),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    product_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("product.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("user_account.id"))
    language: Mapped[str]
    stars: Mapped[int]
    title: Mapped[str]
    body: Mapped[str]
    reviewer_name: Mapped[str]
    proof: Mapped[str] = mapped_column(server_default="none")
    state: Mapped[str] = mapped_column(server_default="shown")
    reason: Mapped[str | None]
    reviewed_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = created_at()


class ReviewProof(Base):
    """The order that a reviewer names; only the worker, who looks it up, may read it."""

    __tablename__ = "review_proof"
    __mapper_args__ = SILENT
    __table_args__ = (sa.CheckConstraint("email_sha256 ~ '^[0-9a-f]{64}$'", name="email_sha256"),)

    review_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("review.id"), primary_key=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    order_ref: Mapped[str]
    email_sha256: Mapped[str]


class PageReport(Base):
    """Somebody says that a page is wrong; the platform decides with a reason, and `receipt` lets them follow it."""

    __tablename__ = "page_report"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.ForeignKeyConstraint(["page_id", "adviser_id"], ["advice_page.id", "advice_page.adviser_id"]),
        sa.CheckConstraint(
            sa.text(f"reason IN ({', '.join(repr(one) for one in REPORT_REASONS)})"), name="reason"
        ),
        sa.CheckConstraint("state IN ('received', 'upheld', 'rejected')", name="state"),
        sa.CheckConstraint(
            "(state = 'received') = (decided_at IS NULL) AND (state = 'received') = (decision IS NULL)"
            " AND (state = 'received') = (decided_by IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint("email IS NULL OR consented_at IS NOT NULL", name="consented"),
        sa.UniqueConstraint("receipt_hash"),
        sa.Index("ix_page_report_page_id", "page_id"),
        sa.Index("ix_page_report_open", "id", postgresql_where=sa.text("state = 'received'")),
        sa.Index(
            "ix_page_report_untold",
            "id",
            postgresql_where=sa.text("told_state <> state AND email IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    page_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    statement: Mapped[str]
    email: Mapped[str | None]
    consented_at: Mapped[dt.datetime | None]
    language: Mapped[str]
    receipt_hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    state: Mapped[str] = mapped_column(server_default="received")
    # Up to which state the reporter was written to.
    told_state: Mapped[str] = mapped_column(server_default="received")
    decision: Mapped[str | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("user_account.id"))
    decided_at: Mapped[dt.datetime | None]
    reported_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = created_at()
