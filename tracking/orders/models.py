"""Tables of orders: facts as the shop reported them. Rows are only ever added."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

MODES = ("live", "test")
CHANNELS = ("web", "pos", "phone", "agent")
LARGEST_MINOR = 100_000_000_000  # One amount; 10,000 lines of it stay far inside BIGINT.


def _is_currency(column: str = "currency") -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} ~ '^[A-Z]{{3}}$'", name=column)


class ShopOrder(Base):
    """A sale reported by a shop, once per (shop, mode, order_ref); the row never changes."""

    __tablename__ = "shop_order"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "mode", "order_ref"),
        # Lines and commissions point at all three, so that neither shop nor currency can be mixed.
        sa.UniqueConstraint("id", "shop_id", "currency"),
        # References are found by how they begin with `^@`, which row-level security lets an index serve.
        sa.Index("ix_shop_order_order_ref", "order_ref", postgresql_ops={"order_ref": "text_pattern_ops"}),
        sa.CheckConstraint("mode IN ('live', 'test')", name="mode"),
        sa.CheckConstraint("channel IN ('web', 'pos', 'phone', 'agent')", name="channel"),
        sa.CheckConstraint("is_new_by IN ('orders', 'shop')", name="is_new_by"),
        sa.CheckConstraint("(is_new IS NULL) = (is_new_by IS NULL)", name="is_new"),
        sa.CheckConstraint(
            f"shipping_net_minor BETWEEN 0 AND {LARGEST_MINOR} AND shipping_tax_minor BETWEEN 0 AND {LARGEST_MINOR}",
            name="shipping",
        ),
        _is_currency(),
        sa.ForeignKeyConstraint(["store_id", "shop_id"], ["store.id", "store.shop_id"]),
        sa.CheckConstraint(
            "store_id IS NULL OR (channel = 'pos' AND store_ref IS NOT NULL)", name="store_id"
        ),
        sa.Index(
            "ix_shop_order_store_id_ordered_at",
            "store_id",
            "ordered_at",
            postgresql_where=sa.text("store_id IS NOT NULL"),
        ),
        sa.Index("ix_shop_order_page", "shop_id", "mode", "received_at", "id"),
        sa.Index(
            "ix_shop_order_customer",
            "shop_id",
            "mode",
            "customer_key",
            "ordered_at",
            "id",
            postgresql_where=sa.text("customer_key IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    mode: Mapped[str]
    order_ref: Mapped[str]
    parent_ref: Mapped[str | None]
    source: Mapped[str]
    ordered_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
    is_reported_late: Mapped[bool]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    channel: Mapped[str]
    store_ref: Mapped[str | None]
    store_id: Mapped[uuid.UUID | None]
    customer_key: Mapped[bytes | None]
    email_key: Mapped[bytes | None]
    is_new: Mapped[bool | None]
    is_new_by: Mapped[str | None]
    code: Mapped[str | None]
    shipping_net_minor: Mapped[int]
    shipping_tax_minor: Mapped[int]


class OrderLine(Base):
    """One product line; `net_minor` is the line's total after discount and without tax."""

    __tablename__ = "order_line"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "line_ref"),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000000", name="quantity"),
        sa.CheckConstraint(
            f"net_minor BETWEEN 0 AND {LARGEST_MINOR} AND tax_minor BETWEEN 0 AND {LARGEST_MINOR}"
            f" AND (discount_minor IS NULL OR discount_minor BETWEEN 0 AND {LARGEST_MINOR})",
            name="amounts",
        ),
        sa.CheckConstraint("category_by IN ('catalogue', 'order')", name="category_by"),
        sa.ForeignKeyConstraint(
            ["order_id", "shop_id", "currency"],
            ["shop_order.id", "shop_order.shop_id", "shop_order.currency"],
        ),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    order_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID]
    position: Mapped[int]
    line_ref: Mapped[str]
    sku: Mapped[str]
    title: Mapped[str]
    category: Mapped[str | None]
    category_by: Mapped[str | None]
    quantity: Mapped[int]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    discount_minor: Mapped[int | None]
    is_gift_card: Mapped[bool]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    received_at: Mapped[dt.datetime]


class OrderToken(Base):
    """What became of one click token of an order: `accepted` with its touch, or why not.

    `link_id`, `ts` and `visitor_id` are those of the touch; PostgreSQL copies them, for who reads many orders at once.
    """

    __tablename__ = "order_token"
    __table_args__ = (
        sa.CheckConstraint("(result = 'accepted') = (touch_id IS NOT NULL)", name="result"),
        sa.Index("ix_order_token_touch", "touch_id"),
    )

    order_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop_order.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    result: Mapped[str]
    touch_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("touch.id"))
    link_id: Mapped[uuid.UUID | None] = mapped_column(server_default=sa.FetchedValue())
    ts: Mapped[dt.datetime | None] = mapped_column(server_default=sa.FetchedValue())
    visitor_id: Mapped[bytes | None] = mapped_column(server_default=sa.FetchedValue())


class OrderAnswer(Base):
    """The first answer to a report, so that a repeat gets the same one, and its content, so that a change is seen.

    `content` maps field paths to values; what identifies a person is in it as a keyed digest only.
    """

    __tablename__ = "order_answer"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "mode", "order_ref", "kind", "key"),
        sa.CheckConstraint("kind IN ('order', 'lines', 'refund', 'cancel')", name="kind"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    mode: Mapped[str]
    order_ref: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[dt.datetime] = created_at()


class OrderEcho(Base):
    """An order that a second source reported too: the first source owns it, this row only says so."""

    __tablename__ = "order_echo"

    id: Mapped[uuid.UUID] = uuid_pk()
    order_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop_order.id"))
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    source: Mapped[str]
    differing: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()))
    received_at: Mapped[dt.datetime]


class Refund(Base):
    """What a shop said came back, or that the whole order was cancelled; it may come before its order."""

    __tablename__ = "refund"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "mode", "order_ref", "kind", "refund_ref"),
        sa.CheckConstraint("mode IN ('live', 'test')", name="mode"),
        sa.CheckConstraint("kind IN ('refund', 'cancel')", name="kind"),
        sa.CheckConstraint("(kind = 'cancel') = (refund_ref = '')", name="refund_ref"),
        sa.CheckConstraint(
            f"shipping_net_minor BETWEEN 0 AND {LARGEST_MINOR}"
            f" AND (shipping_tax_minor IS NULL OR shipping_tax_minor BETWEEN 0 AND {LARGEST_MINOR})",
            name="shipping",
        ),
        _is_currency(),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    mode: Mapped[str]
    order_ref: Mapped[str]
    kind: Mapped[str]
    refund_ref: Mapped[str]
    refunded_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    shipping_net_minor: Mapped[int]
    shipping_tax_minor: Mapped[int | None]
    reason: Mapped[str | None]


class RefundLine(Base):
    """The part of a refund that belongs to one line; tax left out means: in proportion to net."""

    __tablename__ = "refund_line"
    __table_args__ = (
        sa.CheckConstraint("quantity BETWEEN 0 AND 1000000", name="quantity"),
        sa.CheckConstraint(
            f"net_minor BETWEEN 0 AND {LARGEST_MINOR}"
            f" AND (tax_minor IS NULL OR tax_minor BETWEEN 0 AND {LARGEST_MINOR})",
            name="amounts",
        ),
    )

    refund_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("refund.id"), primary_key=True)
    line_ref: Mapped[str] = mapped_column(primary_key=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    quantity: Mapped[int]
    net_minor: Mapped[int]
    tax_minor: Mapped[int | None]
    currency: Mapped[str] = mapped_column(sa.CHAR(3))


class RefundOutcome(Base):
    """What became of a refund, once: applied to its order, or parked with a reason. A refund without one waits."""

    __tablename__ = "refund_outcome"
    __table_args__ = (
        sa.CheckConstraint("state IN ('applied', 'parked')", name="state"),
        sa.CheckConstraint("(state = 'parked') = (reason IS NOT NULL)", name="reason"),
        sa.CheckConstraint("state <> 'applied' OR order_id IS NOT NULL", name="applied"),
        sa.UniqueConstraint("order_id", "position"),
    )

    refund_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("refund.id"), primary_key=True)
    shop_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("shop.id"))
    order_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("shop_order.id"))
    position: Mapped[int | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[dt.datetime]
