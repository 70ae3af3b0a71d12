"""Tables of feeds: what was sent or fetched, its rows while it is read, the report, and where feeds are fetched."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk


class FeedJob(Base):
    """A feed that a shop sent: queued, running, then done or failed; its counts can be read meanwhile."""

    __tablename__ = "feed_job"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'failed') = (failure_code IS NOT NULL)", name="failure"),
        CheckConstraint("(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="finished"),
        # Feeds of one shop are applied one after another, also when two workers look at once.
        Index("uq_feed_job_running", "shop_id", unique=True, postgresql_where=sa.text("state = 'running'")),
        Index("ix_feed_job_open", "id", postgresql_where=sa.text("state IN ('queued', 'running')")),
        Index("ix_feed_job_shop_id_id", "shop_id", "id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    is_complete: Mapped[bool] = mapped_column(server_default=sa.true())
    size: Mapped[int] = mapped_column()
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    bytes_read: Mapped[int] = mapped_column(server_default="0")
    rows_read: Mapped[int] = mapped_column(server_default="0")
    rows_total: Mapped[int | None] = mapped_column()
    added: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")
    retired: Mapped[int] = mapped_column(server_default="0")
    failure_code: Mapped[str | None] = mapped_column(Text)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    failure_fix: Mapped[str | None] = mapped_column(Text)
    # Where the text of the feed broke off, both from 1.
    failure_line: Mapped[int | None] = mapped_column()
    failure_column: Mapped[int | None] = mapped_column()
    # What the sender said the encoding is, and how the feed was read: see rows.notes.ReadAs.
    charset: Mapped[str | None] = mapped_column(Text)
    read_as: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # How often a worker took this feed; one that was given up on finds that its number is an old one.
    attempt: Mapped[int] = mapped_column(server_default="0")
    queued_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user_account.id"))
    # Set where it was fetched and not sent.
    source_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("feed_source.id"))
    queued_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Wall time, because moving the demo's clock must not make a working worker look dead.
    heartbeat_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()


class FeedChunk(Base):
    """A piece of a feed's bytes, at most 1 MB; removed once the feed is done or failed."""

    __tablename__ = "feed_chunk"

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed_job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class FeedStaged(Base):
    """A good row of a feed that is being read; applied with all others in one transaction, then removed.

    Only the worker may touch it, which fills it with COPY. The table is unlogged: after a crash of the server it is
    empty, the feed is found stalled and read anew.
    """

    __tablename__ = "feed_staged"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy reads it once.

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed_job.id"), primary_key=True)
    row_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    product_id: Mapped[uuid.UUID] = mapped_column()
    sku: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    link: Mapped[str] = mapped_column(Text)
    page_digest: Mapped[bytes] = mapped_column(LargeBinary)
    image_link: Mapped[str | None] = mapped_column(Text)
    brand: Mapped[str | None] = mapped_column(Text)
    gtin: Mapped[str | None] = mapped_column(Text)
    price_minor: Mapped[int] = mapped_column()
    currency: Mapped[str] = mapped_column(CHAR(3))
    sale_price_minor: Mapped[int | None] = mapped_column()
    availability: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    google_category: Mapped[str | None] = mapped_column(Text)
    product_type: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text))
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    folded: Mapped[str] = mapped_column(Text, server_default="")


class FeedRow(Base):
    """What became of one row of a feed, with the notes that say why; refusals come first among the notes."""

    __tablename__ = "feed_row"
    __table_args__ = (
        CheckConstraint("outcome IN ('added', 'changed', 'unchanged', 'refused')", name="outcome"),
        Index("ix_feed_row_job_id_outcome", "job_id", "outcome", "row_number"),
        # Retiring looks up each product here; without this it would compare every row with every product.
        Index("ix_feed_row_job_id_sku", "job_id", "sku"),
    )

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed_job.id"), primary_key=True)
    row_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    sku: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


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
