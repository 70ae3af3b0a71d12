"""Tables of links: tracked links with the counts of their clicks, and the discount codes that need no click."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, UtcDateTime, uuid_pk


class TrackedLink(Base):
    """An adviser's way to a shop's page; `kind` link has a code below /t/, kind offer stands below /o/.

    Only whether it is switched off, and by whom, ever changes: a link that once led somewhere never leads elsewhere.
    """

    __tablename__ = "tracked_link"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("path"),
        CheckConstraint("kind IN ('link', 'offer')", name="kind"),
        CheckConstraint("kind <> 'offer' OR product_id IS NULL", name="offer_has_no_product"),
        CheckConstraint("disabled_by IN ('adviser', 'admin')", name="disabled_by"),
        Index(
            "uq_tracked_link_offer",
            "offer_id",
            "adviser_id",
            unique=True,
            postgresql_where=text("kind = 'offer'"),
        ),
        Index("ix_tracked_link_adviser_id_id", "adviser_id", "id"),
        Index("ix_tracked_link_shop_id_id", "shop_id", "id"),
        Index("ix_tracked_link_partnership_id", "partnership_id"),
        Index("ix_tracked_link_product_id", "product_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    partnership_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("partnership.id"))
    product_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("product.id"))
    kind: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    target_url: Mapped[str] = mapped_column(Text)
    placement: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    disabled_by: Mapped[str | None] = mapped_column(Text)


class LinkRest(Base):
    """A time in which a link was switched off that is on again: its clicks earn nothing, whenever that is asked."""

    __tablename__ = "link_rest"
    __table_args__ = (
        CheckConstraint("to_at >= from_at", name="to_at"),
        Index("ix_link_rest_link_id_from_at", "link_id", "from_at"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tracked_link.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    from_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    to_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class DiscountCode(Base):
    """A code that a shopper types in at the shop; it points to one adviser and offer from creation to revocation."""

    __tablename__ = "discount_code"
    __table_args__ = (
        CheckConstraint("code = upper(code)", name="code"),
        CheckConstraint("revoked_at >= created_at", name="revoked_at"),
        # A revoked code may be given out again; who held it when is told by the two instants.
        Index(
            "uq_discount_code_present",
            "shop_id",
            "code",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        # The code that we made for an adviser's card: one at a time for each offer.
        Index(
            "uq_discount_code_spoken",
            "offer_id",
            "adviser_id",
            unique=True,
            postgresql_where=text("is_spoken AND revoked_at IS NULL"),
        ),
        Index("ix_discount_code_shop_id_code", "shop_id", "code"),
        Index("ix_discount_code_adviser_id", "adviser_id"),
        Index("ix_discount_code_offer_id", "offer_id"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shop.id"))
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offer.id"))
    adviser_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adviser.id"))
    code: Mapped[str] = mapped_column(Text)
    is_spoken: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class ClickTally(Base):
    """Counts per link, day and name: raw, unique, billable, and each reason why clicks did not qualify.

    The shipper adds to it in the transaction that stores the clicks.
    """

    __tablename__ = "click_tally"
    __table_args__ = (
        PrimaryKeyConstraint("link_id", "day", "name"),
        CheckConstraint("clicks > 0", name="clicks"),
    )

    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tracked_link.id"))
    day: Mapped[dt.date] = mapped_column()
    name: Mapped[str] = mapped_column(Text)
    clicks: Mapped[int] = mapped_column()
