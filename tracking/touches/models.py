"""Tables of touches: raw clicks that expire, the touches that decisions looked at, counts, and how far edges are."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at


class Click(Base):
    """One answered click, in a partition per UTC day, kept for 90 days; nothing references it (decisions D5).

    It holds no address and no user agent: `dedup` tells visitors of one day apart, `visitor_id` is there by consent.
    """

    __tablename__ = "click"
    __table_args__ = (
        PrimaryKeyConstraint("click_id", "ts"),
        Index("ix_click_ts", "ts", postgresql_using="brin"),
        Index(
            "ix_click_shop_id_visitor_id_ts",
            "shop_id",
            "visitor_id",
            "ts",
            postgresql_where=text("visitor_id IS NOT NULL"),
        ),
        {"postgresql_partition_by": "RANGE (ts)"},
    )

    click_id: Mapped[uuid.UUID] = mapped_column()
    ts: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    link_id: Mapped[uuid.UUID] = mapped_column()
    shop_id: Mapped[uuid.UUID] = mapped_column()
    adviser_id: Mapped[uuid.UUID] = mapped_column()
    kind: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    dedup: Mapped[bytes] = mapped_column(LargeBinary)
    visitor_id: Mapped[bytes | None] = mapped_column(LargeBinary)
    own: Mapped[bool] = mapped_column()
    placement: Mapped[str | None] = mapped_column(Text)
    referrer_host: Mapped[str | None] = mapped_column(Text)
    agent_family: Mapped[str] = mapped_column(Text)
    edge: Mapped[str] = mapped_column(Text)


class ClickFirst(Base):
    """The first qualified click of a visitor on a link on a day has been counted; kept for two days."""

    __tablename__ = "click_first"
    __table_args__ = (
        PrimaryKeyConstraint("day", "link_id", "dedup"),
        {"postgresql_partition_by": "RANGE (day)"},
    )

    day: Mapped[dt.date] = mapped_column()
    link_id: Mapped[uuid.UUID] = mapped_column()
    dedup: Mapped[bytes] = mapped_column(LargeBinary)


class OwnDevice(Base):
    """On this day a signed-in adviser came from here; clicks that look the same are the adviser's own."""

    __tablename__ = "own_device"
    __table_args__ = (PrimaryKeyConstraint("day", "adviser_id", "dedup"),)

    day: Mapped[dt.date] = mapped_column()
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    dedup: Mapped[bytes] = mapped_column(LargeBinary)


class Touch(Base):
    """A click that a decision looked at, kept as long as the ledger; `id` is the click's id."""

    __tablename__ = "touch"
    __table_args__ = (
        CheckConstraint("source IN ('token', 'click')", name="source"),
        Index(
            "ix_touch_shop_id_visitor_id_ts",
            "shop_id",
            "visitor_id",
            "ts",
            "id",
            postgresql_include=["link_id"],
            postgresql_where=text("visitor_id IS NOT NULL"),
        ),
        Index("ix_touch_link_id", "link_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(PG_UUID(), primary_key=True)
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tracked_link.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    ts: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    visitor_id: Mapped[bytes | None] = mapped_column(LargeBinary)
    source: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[dt.datetime] = created_at()


class TouchScreening(Base):
    """What the edge said of a touch's click; written when the shipped click is seen, once."""

    __tablename__ = "touch_screening"
    __table_args__ = (
        Index("ix_touch_screening_refused", "touch_id", postgresql_where=text("verdict <> 'qualified'")),
    )

    touch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("touch.id"), primary_key=True)
    verdict: Mapped[str] = mapped_column(Text)
    own: Mapped[bool] = mapped_column()
    edge: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[dt.datetime] = created_at()


class EdgeMark(Base):
    """Every click of an edge up to and including `mark` (business time) is here; last heard of at `seen_at` (wall)."""

    __tablename__ = "edge_mark"

    edge: Mapped[str] = mapped_column(Text, primary_key=True)
    mark: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
