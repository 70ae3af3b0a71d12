"""Tables of pictures: each drawn anew in three widths, and which of them is whose product's, from where."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

KINDS = ("product", "page", "portrait")


class Picture(Base):
    """A picture that we keep; what it shows never changes, so that browsers may keep it too.

    One of a product belongs to its shop, any other to the adviser who sent it. `sha256` is of the file that came;
    `width` and `height` are its own, in pixels.
    """

    __tablename__ = "picture"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('product', 'page', 'portrait')", name="kind"),
        sa.CheckConstraint(
            "(kind = 'product') = (shop_id IS NOT NULL) AND (kind = 'product') = (adviser_id IS NULL)",
            name="owner",
        ),
        sa.CheckConstraint("kind <> 'page' OR alt IS NOT NULL", name="alt"),
        sa.CheckConstraint("kind <> 'product' OR removed_at IS NULL", name="removed"),
        sa.CheckConstraint("width > 0 AND height > 0", name="size"),
        # Variants of a product share their picture.
        sa.Index(
            "uq_picture_shop_id_sha256",
            "shop_id",
            "sha256",
            unique=True,
            postgresql_where=sa.text("kind = 'product'"),
        ),
        sa.Index(
            "uq_picture_portrait",
            "adviser_id",
            unique=True,
            postgresql_where=sa.text("kind = 'portrait' AND removed_at IS NULL"),
        ),
        sa.Index(
            "ix_picture_adviser_id_id", "adviser_id", "id", postgresql_where=sa.text("adviser_id IS NOT NULL")
        ),
        sa.Index("ix_picture_removed_at", "removed_at", postgresql_where=sa.text("removed_at IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    kind: Mapped[str]
    shop_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("adviser.id"))
    sha256: Mapped[bytes] = mapped_column(sa.LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    alt: Mapped[str | None]
    removed_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = created_at()


class PictureFile(Base):
    """A picture in one of the widths that pages ask for (160, 480, 960), as WebP."""

    __tablename__ = "picture_file"
    __table_args__ = (sa.CheckConstraint("width IN (160, 480, 960)", name="width"),)

    picture_id: Mapped[uuid.UUID] = mapped_column(
        sa.ForeignKey("picture.id", ondelete="CASCADE"), primary_key=True
    )
    width: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    webp: Mapped[bytes] = mapped_column(sa.LargeBinary)


class ProductPicture(Base):
    """The picture of a product, the address that it was fetched from, and when it is looked at again.

    All instants are wall time: strangers' servers know no other. `next_at` is empty once nobody asks any more, until
    the product names another address. `picture_id` stays what it was until another picture came or never will.
    """

    __tablename__ = "product_picture"
    __table_args__ = (
        sa.CheckConstraint("(failures = 0) = (failure_code IS NULL)", name="failure"),
        sa.Index("ix_product_picture_picture_id", "picture_id"),
        sa.Index("ix_product_picture_shop_id", "shop_id"),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("product.id"), primary_key=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    picture_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("picture.id"))
    source_url: Mapped[str]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    next_at: Mapped[dt.datetime | None]
    asked_at: Mapped[dt.datetime]
    lease: Mapped[uuid.UUID | None]
    lease_until: Mapped[dt.datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failure_code: Mapped[str | None]
    failure_reason: Mapped[str | None]
