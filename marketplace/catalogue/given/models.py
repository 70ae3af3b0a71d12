"""The table of pages: where products that were read from a page come from, and when each is looked at again."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime


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
