"""Tables of where products come from by themselves: feeds that are fetched, and pages that are looked at again."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk


class FeedSource(Base):
    """An address from which a shop's feed is fetched: how often, when next, and how it went last.

    `next_at` is business time and empty when nothing is due: a paused source, or one that is fetched by hand.
    `hour` is of the shop's own time zone. `lease_until` is wall time: until then one worker has it, under `lease`.
    """

    __tablename__ = "feed_source"
    __table_args__ = (
        CheckConstraint("every IN ('hourly', 'daily', 'weekly', 'manual')", name="every"),
        CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
        CheckConstraint("state IN ('active', 'paused')", name="state"),
        CheckConstraint("(state = 'paused') = (paused_code IS NOT NULL)", name="paused"),
        CheckConstraint("state = 'active' OR next_at IS NULL", name="paused_is_not_due"),
        Index("ix_feed_source_next_at", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
        Index("ix_feed_source_shop_id_id", "shop_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    url: Mapped[str] = mapped_column(Text)
    every: Mapped[str] = mapped_column(Text)
    hour: Mapped[int] = mapped_column(server_default="4")
    is_complete: Mapped[bool] = mapped_column(server_default=sa.true())
    state: Mapped[str] = mapped_column(Text, server_default="active")
    paused_code: Mapped[str | None] = mapped_column(Text)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # What the last good answer said, for the next request; forgotten when the address changes.
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_feed_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("feed_job.id", name="fk_feed_source_last_feed_id_feed_job", use_alter=True)
    )
    failures: Mapped[int] = mapped_column(server_default="0")
    lease: Mapped[uuid.UUID | None] = mapped_column()
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(server_default="0")
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[dt.datetime] = created_at()


class FeedFetch(Base):
    """How one fetch of a source ended; written once it has, and never changed."""

    __tablename__ = "feed_fetch"
    __table_args__ = (
        CheckConstraint("outcome IN ('queued', 'unchanged', 'failed')", name="outcome"),
        CheckConstraint("(outcome = 'queued') = (feed_id IS NOT NULL)", name="feed"),
        CheckConstraint("(outcome = 'failed') = (failure_code IS NOT NULL)", name="failure"),
        Index("ix_feed_fetch_source_id_id", "source_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    source_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed_source.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    began_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(Text)
    # None where nothing answered.
    status: Mapped[int | None] = mapped_column()
    size: Mapped[int | None] = mapped_column()
    feed_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("feed_job.id"))
    failure_code: Mapped[str | None] = mapped_column(Text)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    failure_fix: Mapped[str | None] = mapped_column(Text)


class ProductPage(Base):
    """The page that a product was read from, and when it is looked at again.

    `next_at` is business time, empty once nobody looks any more; `asked_at` is wall time of the last request, so that
    a host is not asked more often than once a second.
    """

    __tablename__ = "product_page"
    __table_args__ = (
        Index("ix_product_page_next_at", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
        Index("ix_product_page_host_asked_at", "host", "asked_at"),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    url: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    # What the shop's people say themselves, by the names of a feed's fields; it goes before what the page says.
    own_words: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    next_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    asked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    lease: Mapped[uuid.UUID | None] = mapped_column()
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(server_default="0")
    failure_code: Mapped[str | None] = mapped_column(Text)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    failure_fix: Mapped[str | None] = mapped_column(Text)
