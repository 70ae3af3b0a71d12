"""Tables of shops (contract, domains, members, invitations) and of advisers with the history of their state."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk


class Shop(Base):
    """A shop with its legal details, its one currency and the way it asks consent."""

    __tablename__ = "shop"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("state IN ('draft', 'live', 'closing', 'closed')", name="state"),
        CheckConstraint("consent_mode IN ('none', 'exempt', 'strict')", name="consent_mode"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    legal_name: Mapped[str] = mapped_column(Text)
    registration_no: Mapped[str] = mapped_column(Text)
    vat_no: Mapped[str | None] = mapped_column(Text)
    country: Mapped[str] = mapped_column(CHAR(2))
    currency: Mapped[str] = mapped_column(CHAR(3))
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    consent_mode: Mapped[str] = mapped_column(Text, server_default="none")
    created_at: Mapped[dt.datetime] = created_at()


class ShopContract(Base):
    """What the platform charges a shop, in numbered versions that never change; `fee_bp` of the commission."""

    __tablename__ = "shop_contract"
    __table_args__ = (
        UniqueConstraint("shop_id", "version"),
        CheckConstraint("fee_bp BETWEEN 0 AND 10000", name="fee_bp"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    version: Mapped[int] = mapped_column()
    fee_bp: Mapped[int] = mapped_column()
    effective_from: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


PROOFS = ("file", "meta", "dns")


class ShopDomain(Base):
    """A host that a shop says is its own, as an A-label; one shop at most can have proved it.

    One that waits can be withdrawn; its token is kept for when it is named again.
    """

    __tablename__ = "shop_domain"
    __table_args__ = (
        UniqueConstraint("shop_id", "host"),
        CheckConstraint("proof IN ('file', 'meta', 'dns')", name="proof"),
        CheckConstraint("verified_at IS NULL OR withdrawn_at IS NULL", name="withdrawn_at"),
        Index(
            "uq_shop_domain_verified_host",
            "host",
            unique=True,
            postgresql_where=text("verified_at IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    host: Mapped[str] = mapped_column(Text)
    proof: Mapped[str] = mapped_column(Text)
    proof_token: Mapped[str] = mapped_column(Text)
    verified_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class Membership(Base):
    """A person works for a shop, as owner or staff, until removed."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'staff')", name="role"),
        # Somebody of finance or admin is never a member of a shop.
        CheckConstraint("user_role = 'member'", name="user_role"),
        ForeignKeyConstraint(["user_id", "user_role"], ["user_account.id", "user_account.role"]),
        Index(
            "uq_membership_present",
            "user_id",
            "shop_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index("ix_membership_shop_id", "shop_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column()
    user_role: Mapped[str] = mapped_column(Text, server_default="member")
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    role: Mapped[str] = mapped_column(Text)
    removed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class Invitation(Base):
    """An owner asks the reader of one mailbox to join a shop; its token works once."""

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("role IN ('owner', 'staff')", name="role"),
        Index("ix_invitation_shop_id", "shop_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    invited_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user_account.id"))
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class Adviser(Base):
    """A person who advises and earns; `code` stands in public addresses and never changes."""

    __tablename__ = "adviser"
    __table_args__ = (
        UniqueConstraint("user_id"),
        UniqueConstraint("code"),
        CheckConstraint("kind IN ('expert', 'celebrity', 'user', 'friend')", name="kind"),
        CheckConstraint(
            "vat_status IN ('unknown', 'private', 'small_business', 'registered')",
            name="vat_status",
        ),
        CheckConstraint("vat_status <> 'registered' OR vat_no IS NOT NULL", name="vat_no"),
        CheckConstraint("state IN ('active', 'banned', 'closing', 'closed')", name="state"),
        CheckConstraint("user_role = 'member'", name="user_role"),
        ForeignKeyConstraint(["user_id", "user_role"], ["user_account.id", "user_account.role"]),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column()
    user_role: Mapped[str] = mapped_column(Text, server_default="member")
    code: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(CHAR(2))
    kind: Mapped[str] = mapped_column(Text)
    vat_status: Mapped[str] = mapped_column(Text, server_default="unknown")
    vat_no: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="active")
    headline: Mapped[str | None] = mapped_column(Text)
    biography_nl: Mapped[str | None] = mapped_column(Text)
    biography_en: Mapped[str | None] = mapped_column(Text)
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    home_page: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = created_at()


class AdviserState(Base):
    """From when an adviser was in which state; append-only, so that a past sale is judged by its own day."""

    __tablename__ = "adviser_state"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'banned', 'closing', 'closed')", name="state"),
        Index("ix_adviser_state_adviser_id_from_at", "adviser_id", "from_at"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    state: Mapped[str] = mapped_column(Text)
    from_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()
