"""Tables of dialogue: questions and answers, and who asked; what is useful, who follows; saved answers."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.community.models_judging import PageReport as PageReport
from marketplace.community.models_judging import Review as Review
from marketplace.community.models_judging import ReviewProof as ReviewProof
from marketplace.core.db import Base, created_at, uuid_pk

# Rows that anybody may write and not everybody may read: nothing is asked back.
SILENT = {"eager_defaults": False}


class Question(Base):
    """What a reader asked an adviser or a shop; readers see it once it is answered."""

    __tablename__ = "question"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.ForeignKeyConstraint(["page_id", "adviser_id"], ["advice_page.id", "advice_page.adviser_id"]),
        sa.CheckConstraint("state IN ('waiting', 'answered', 'set_aside', 'hidden')", name="state"),
        sa.CheckConstraint("language IN ('nl', 'en')", name="language"),
        sa.CheckConstraint("adviser_id IS NOT NULL OR shop_id IS NOT NULL", name="asked_of"),
        sa.CheckConstraint("page_id IS NULL OR adviser_id IS NOT NULL", name="page"),
        sa.CheckConstraint("(product_id IS NULL) = (shop_id IS NULL)", name="product"),
        sa.CheckConstraint("state NOT IN ('set_aside', 'hidden') OR reason IS NOT NULL", name="reason"),
        sa.Index("ix_question_page_id_id", "page_id", "id"),
        sa.Index("ix_question_adviser_id_id", "adviser_id", "id"),
        sa.Index("ix_question_shop_id_id", "shop_id", "id"),
        sa.Index("ix_question_product_id_id", "product_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    page_id: Mapped[uuid.UUID | None]
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("adviser.id"))
    product_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("product.id"))
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    language: Mapped[str]
    body: Mapped[str]
    asker_name: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str | None]
    asked_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = created_at()


class QuestionAsker(Base):
    """To whom an answer is sent: an account, or an address whose owner agreed to one mail about this question."""

    __tablename__ = "question_asker"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.CheckConstraint("(user_id IS NULL) <> (email IS NULL)", name="reader"),
        sa.CheckConstraint("email IS NULL OR consented_at IS NOT NULL", name="consented"),
    )

    question_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("question.id"), primary_key=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("user_account.id"))
    email: Mapped[str | None]
    consented_at: Mapped[dt.datetime | None]


class Answer(Base):
    """What the adviser said to a question, or the shop, which is always shown as the shop."""

    __tablename__ = "answer"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.CheckConstraint("by_role IN ('adviser', 'shop')", name="by_role"),
        sa.CheckConstraint(
            "(by_role = 'adviser') = (adviser_id IS NOT NULL) AND (by_role = 'shop') = (shop_id IS NOT NULL)",
            name="by",
        ),
        sa.CheckConstraint("state IN ('shown', 'hidden')", name="state"),
        sa.CheckConstraint("state <> 'hidden' OR reason IS NOT NULL", name="reason"),
        sa.Index("ix_answer_question_id_id", "question_id", "id"),
        sa.Index("ix_answer_untold", "id", postgresql_where=sa.text("told_at IS NULL")),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    question_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("question.id"))
    by_role: Mapped[str]
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("adviser.id"))
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user_account.id"))
    body: Mapped[str]
    product_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("product.id"))
    state: Mapped[str] = mapped_column(server_default="shown")
    reason: Mapped[str | None]
    answered_at: Mapped[dt.datetime]
    told_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = created_at()


class SavedAnswer(Base):
    """A text that an adviser answers with more than once."""

    __tablename__ = "saved_answer"
    __table_args__ = (sa.Index("ix_saved_answer_adviser_id", "adviser_id"),)

    id: Mapped[uuid.UUID] = uuid_pk()
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    title: Mapped[str]
    body: Mapped[str]
    saved_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class UsefulVote(Base):
    """One reader found one thing useful; `reader` is a digest of a random key, and tells nobody who it was."""

    __tablename__ = "useful_vote"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(page_id, answer_id, review_id) = 1", name="about_one"),
        sa.CheckConstraint("length(reader) = 32", name="reader"),
        sa.UniqueConstraint("page_id", "reader"),
        sa.UniqueConstraint("answer_id", "reader"),
        sa.UniqueConstraint("review_id", "reader"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    page_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("advice_page.id"))
    answer_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("answer.id"))
    review_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("review.id"))
    reader: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[dt.datetime]
    taken_back_at: Mapped[dt.datetime | None]


class Follow(Base):
    """Somebody wants to know of an adviser's new pages: an account, or an address that was confirmed by mail."""

    __tablename__ = "follow"
    __mapper_args__ = SILENT
    __table_args__ = (
        sa.CheckConstraint("(user_id IS NULL) <> (email IS NULL)", name="reader"),
        sa.CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_key"),
        sa.CheckConstraint("state IN ('pending', 'confirmed', 'ended')", name="state"),
        sa.CheckConstraint("language IN ('nl', 'en')", name="language"),
        sa.UniqueConstraint("adviser_id", "user_id"),
        sa.UniqueConstraint("adviser_id", "email_key"),
        sa.UniqueConstraint("token_hash"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("user_account.id"))
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    language: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="pending")
    token_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    asked_at: Mapped[dt.datetime]
    confirmed_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    # Pages published up to then were told, or were there before.
    told_until: Mapped[dt.datetime | None]
