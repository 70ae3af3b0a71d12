"""Tables of products: what shops sell, and what it cost when."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.catalogue.feeds.models import FeedJob
from marketplace.catalogue.indexing import index_text
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core.db import Base, UtcDateTime, created_at, uuid_pk
from marketplace.core.money import Money


class Product(Base):
    """What a shop sells, as its newest feed says; retired when a complete feed no longer has it.

    `category` is the path that commission rules look at, as "A > B > C", empty when unknown. `warnings` are
    codes of the notes of its row, such as foreign_currency.
    """

    __tablename__ = "product"
    __table_args__ = (
        UniqueConstraint("shop_id", "sku"),
        CheckConstraint("price_minor >= 0", name="price"),
        CheckConstraint("sale_price_minor BETWEEN 0 AND price_minor", name="sale_price"),
        CheckConstraint("source IN ('feed', 'page', 'hand')", name="source"),
        Index("ix_product_shop_id_page_digest", "shop_id", "page_digest"),
        Index("ix_product_shop_id_id", "shop_id", "id"),
        Index(
            "ix_product_words",
            "words",
            postgresql_using="gin",
            postgresql_where=sa.text("retired_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
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
    feed_job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(FeedJob.id))
    # Where it comes from, and when price and stock were last seen there (not known of what was there before).
    source: Mapped[str] = mapped_column(Text, server_default="feed")
    seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = created_at()
    # What it is found by (indexing.index_text): whoever writes a product writes this. Nobody reads it by the row.
    folded: Mapped[str] = mapped_column(Text, server_default="", deferred=True)
    words: Mapped[str] = mapped_column(
        TSVECTOR, sa.Computed("product_words(folded)", persisted=True), deferred=True
    )

    @property
    def price(self) -> Money:
        """Return the price, in the currency of the feed."""
        return Money(self.price_minor, self.currency)

    @property
    def sale_price(self) -> Money | None:
        """Return the reduced price when there is one."""
        return None if self.sale_price_minor is None else Money(self.sale_price_minor, self.currency)

    @property
    def google_category_id(self) -> int | None:
        """Return Google's number of the category, when it is one of Google's that this process knows."""
        found = self._google()
        return None if found is None else found.id

    @property
    def google_category_names(self) -> dict[str, str | None] | None:
        """Return Google's path of the category in English and Dutch, or None."""
        found = self._google()
        return None if found is None else {"en": found.path, "nl": found.dutch_path}

    def _google(self) -> taxonomy.Category | None:
        known = taxonomy.known()
        return known.find(self.google_category or "") or known.find(self.category)


class ProductPrice(Base):
    """A price that a product has had since `from_at`, until the next one of it; written by triggers of `product`."""

    __tablename__ = "product_price"
    __table_args__ = (Index("ix_product_price_product_id_from_at", "product_id", "from_at"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column()
    shop_id: Mapped[uuid.UUID] = mapped_column()
    price_minor: Mapped[int] = mapped_column()
    sale_price_minor: Mapped[int | None] = mapped_column()
    currency: Mapped[str] = mapped_column(CHAR(3))
    from_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    @property
    def price(self) -> Money:
        """Return the price without reduction."""
        return Money(self.price_minor, self.currency)

    @property
    def sale_price(self) -> Money | None:
        """Return the reduced price when there is one."""
        return None if self.sale_price_minor is None else Money(self.sale_price_minor, self.currency)


@sa.event.listens_for(Product, "before_insert")
@sa.event.listens_for(Product, "before_update")
def _fold(_mapper: Any, _connection: Any, product: Product) -> None:
    """Let every product that is written as an object be found; a feed, which writes sets, folds by itself."""
    product.folded = index_text(
        title=product.title,
        brand=product.brand,
        sku=product.sku,
        gtin=product.gtin,
        category=product.category,
        product_type=product.product_type,
        description=product.description,
    )
