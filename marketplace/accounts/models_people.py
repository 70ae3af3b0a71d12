"""Tables of people and of what proves them: passwords, second factor, sessions, single-use tokens and API keys."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk


class UserAccount(Base):
    """One person; finance and admin are roles of the platform and exclude everything else."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("role IN ('member', 'finance', 'admin')", name="role"),
        CheckConstraint("locale IN ('nl', 'en')", name="locale"),
        # Memberships and advisers point at (id, role) with role 'member': so the database itself refuses that
        # somebody of finance or admin is anything else, also when two requests race.
        UniqueConstraint("id", "role"),
        UniqueConstraint("email_key"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, server_default="nl")
    role: Mapped[str] = mapped_column(Text, server_default="member")
    password_hash: Mapped[str] = mapped_column(Text)
    session_key: Mapped[str] = mapped_column(Text)
    email_verified_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Both secrets are sealed with the application's key; a secret counts only once a code has confirmed it.
    totp_secret: Mapped[str | None] = mapped_column(Text)
    totp_pending: Mapped[str | None] = mapped_column(Text)
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    suspended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()

    @property
    def totp_enrolled(self) -> bool:
        """Tell whether a second factor was confirmed."""
        return self.totp_secret is not None

    @property
    def is_staff(self) -> bool:
        """Tell whether this is a person of the platform, who must have a second factor."""
        return self.role in ("finance", "admin")


class RecoveryCode(Base):
    """A single-use code for somebody who lost the second factor; only its digest is kept."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    burned_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class AuthSession(Base):
    """A sign-in that still counts: a browser's cookie or a program's token, of which only the digest is kept."""

    __tablename__ = "auth_session"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("kind IN ('cookie', 'token')", name="kind"),
        Index("ix_auth_session_user_id", "user_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    kind: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # A copy of the person's session key: a new key there ends every session at once.
    session_key: Mapped[str] = mapped_column(Text)
    password_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    totp_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    address_net: Mapped[str | None] = mapped_column(Text)
    last_seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class EmailToken(Base):
    """A single-use proof that somebody reads a mailbox: to verify an address or to choose a new password."""

    __tablename__ = "email_token"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("purpose IN ('verify', 'reset')", name="purpose"),
        Index("ix_email_token_user_id", "user_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    purpose: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # The password of the sign-up that this link proves; emptied when the link is used.
    password_hash: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class ApiKey(Base):
    """A program's key: acts as its owner, for one shop or one adviser, live or test; only its digest is kept."""

    __tablename__ = "api_key"
    __table_args__ = (
        UniqueConstraint("key_hash"),
        CheckConstraint("mode IN ('live', 'test')", name="mode"),
        CheckConstraint("shop_id IS NULL OR adviser_id IS NULL", name="one_tenant"),
        Index("ix_api_key_user_id", "user_id"),
        Index("ix_api_key_shop_id", "shop_id"),
        Index("ix_api_key_adviser_id", "adviser_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    shop_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adviser.id"))
    name: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class Agreement(Base):
    """Somebody agreed to one version of a text, known by its hash; never changed, never removed."""

    __tablename__ = "agreement"
    __table_args__ = (
        CheckConstraint("kind IN ('terms', 'data_processing', 'self_billing')", name="kind"),
        CheckConstraint("shop_id IS NULL OR adviser_id IS NULL", name="one_tenant"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
        # Agreeing twice to the same text is one agreement.
        Index(
            "uq_agreement_once",
            "kind",
            "version",
            "user_id",
            "shop_id",
            "adviser_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    kind: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(Text)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user_account.id"))
    shop_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adviser.id"))
    accepted_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
