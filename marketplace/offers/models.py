"""Tables of offers, their immutable terms and the partnerships of advisers, each with its history."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk

OFFER_STATES = "state IN ('draft', 'open', 'paused', 'closed')"
PARTNERSHIP_STATES = "state IN ('applied', 'approved', 'accepted', 'declined', 'left')"
# Why a shop refuses an adviser, or ends with one; `other` needs a note.
PARTING_REASONS = ("no_fit", "place_unknown", "enough", "terms_broken", "not_disclosed", "other")
# How advisers join: the shop answers each application, or who accepts the terms is in.
ON_APPROVAL, AT_ONCE = "on_approval", "at_once"
JOININGS = (ON_APPROVAL, AT_ONCE)
_JOININGS = f"joining IN ('{ON_APPROVAL}', '{AT_ONCE}')"
_PARTINGS = "reason IN (" + ", ".join(f"'{one}'" for one in PARTING_REASONS) + ")"


class Offer(Base):
    """A shop's open invitation to advise on what it sells, in the shop's currency.

    `notice_days` is promised to advisers: a later version of the terms takes effect that long after it is
    published.
    """

    __tablename__ = "offer"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("id", "shop_id", "currency"),
        CheckConstraint(OFFER_STATES, name="state"),
        CheckConstraint("notice_days BETWEEN 0 AND 90", name="notice_days"),
        CheckConstraint(_JOININGS, name="joining"),
        Index("ix_offer_shop_id_id", "shop_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(CHAR(3))
    notice_days: Mapped[int] = mapped_column()
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    created_at: Mapped[dt.datetime] = created_at()
    joining: Mapped[str] = mapped_column(Text, server_default=ON_APPROVAL)


class OfferState(Base):
    """From when an offer was in which state and joined how; append-only, as a past click is judged by its instant."""

    __tablename__ = "offer_state"
    __table_args__ = (
        CheckConstraint(OFFER_STATES, name="state"),
        CheckConstraint(_JOININGS, name="joining"),
        Index("ix_offer_state_offer_id_from_at", "offer_id", "from_at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    state: Mapped[str] = mapped_column(Text)
    from_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = created_at()
    joining: Mapped[str] = mapped_column(Text, server_default=ON_APPROVAL)


class CommissionTerms(Base):
    """A numbered promise of commission that never changes; `sha256` is of the document's canonical JSON."""

    __tablename__ = "commission_terms"
    __table_args__ = (
        UniqueConstraint("offer_id", "version"),
        ForeignKeyConstraint(
            ["offer_id", "shop_id", "currency"], ["offer.id", "offer.shop_id", "offer.currency"]
        ),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("window_days BETWEEN 1 AND 365", name="window_days"),
        CheckConstraint("hold_days BETWEEN 0 AND 180", name="hold_days"),
        CheckConstraint("effective_from >= published_at", name="effective_from"),
        CheckConstraint("length(sha256) = 32", name="sha256"),
        Index("ix_commission_terms_offer_id_effective_from", "offer_id", "effective_from", "version"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    offer_id: Mapped[uuid.UUID] = mapped_column()
    shop_id: Mapped[uuid.UUID] = mapped_column()
    currency: Mapped[str] = mapped_column(CHAR(3))
    version: Mapped[int] = mapped_column()
    effective_from: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user_account.id"))
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    window_days: Mapped[int] = mapped_column()
    hold_days: Mapped[int] = mapped_column()
    created_at: Mapped[dt.datetime] = created_at()


class Partnership(Base):
    """An adviser and an offer: applied, approved by the shop, accepted by the adviser, left, or declined."""

    __tablename__ = "partnership"
    __table_args__ = (
        UniqueConstraint("offer_id", "adviser_id"),
        CheckConstraint(PARTNERSHIP_STATES, name="state"),
        CheckConstraint(
            "state <> 'accepted' OR (accepted_at IS NOT NULL AND accepted_terms_id IS NOT NULL)",
            name="accepted",
        ),
        CheckConstraint(_PARTINGS, name="reason"),
        Index("ix_partnership_shop_id_id", "shop_id", "id"),
        Index("ix_partnership_adviser_id_id", "adviser_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    state: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    approved_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    accepted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    declined_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    accepted_terms_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("commission_terms.id"))
    created_at: Mapped[dt.datetime] = created_at()
    # Why the shop refused, or ended it, while that stands.
    reason: Mapped[str | None]
    note: Mapped[str | None]


class PartnershipEvent(Base):
    """One step of a partnership; append-only. `terms_id` is the version in force when it was accepted."""

    __tablename__ = "partnership_event"
    __table_args__ = (
        CheckConstraint(PARTNERSHIP_STATES, name="state"),
        CheckConstraint("(state = 'accepted') = (terms_id IS NOT NULL)", name="terms"),
        CheckConstraint(_PARTINGS, name="reason"),
        Index("ix_partnership_event_offer_id_adviser_id", "offer_id", "adviser_id", "from_at", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    partnership_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("partnership.id"))
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    state: Mapped[str] = mapped_column(Text)
    from_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(Text)
    terms_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("commission_terms.id"))
    created_at: Mapped[dt.datetime] = created_at()
    reason: Mapped[str | None]
    note: Mapped[str | None]
