"""Tables of stores: a shop's own place with its address and hours, and the advisers who work there."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

STATES = ("open", "closed")


class Store(Base):
    """A place where a shop sells over the counter; `code` is what its till calls it, and never changes.

    `opening_hours` maps monday to sunday to [{"from": "09:00", "to": "17:30"}, ...]; a day without spans is closed.
    """

    __tablename__ = "store"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "code"),
        # Orders and links to advisers point at both, so that no shop can be given another one's store.
        sa.UniqueConstraint("id", "shop_id"),
        sa.CheckConstraint("code ~ '^[A-Z0-9]{2,12}$'", name="code"),
        sa.CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude"),
        sa.CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude"),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="place"),
        sa.CheckConstraint("state IN ('open', 'closed')", name="state"),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL) AND closed_at >= opened_at", name="closed_at"
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    code: Mapped[str]
    name: Mapped[str]
    street: Mapped[str]
    postcode: Mapped[str]
    city: Mapped[str]
    country: Mapped[str] = mapped_column(sa.CHAR(2))
    latitude: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 6))
    longitude: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    phone: Mapped[str | None]
    opening_hours: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="open")
    opened_at: Mapped[dt.datetime]
    closed_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = created_at()


class StoreAdviser(Base):
    """From when until when an adviser works in a store."""

    __tablename__ = "store_adviser"
    __table_args__ = (
        sa.ForeignKeyConstraint(["store_id", "shop_id"], ["store.id", "store.shop_id"]),
        sa.CheckConstraint("until_at >= from_at", name="until_at"),
        sa.Index(
            "uq_store_adviser_present",
            "store_id",
            "adviser_id",
            unique=True,
            postgresql_where=sa.text("until_at IS NULL"),
        ),
        sa.Index("ix_store_adviser_adviser_id", "adviser_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    store_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    from_at: Mapped[dt.datetime]
    until_at: Mapped[dt.datetime | None]
