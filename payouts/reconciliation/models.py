"""Tables of reconciliation: what Stripe says moved, each import of it, and the certificates made from it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.accounts.models import Adviser, Shop, UserAccount
from marketplace.core import db
from payouts.ledger.models import EntryRow


class BalanceTxRow(db.Base):
    """One movement of our balance at Stripe, as Stripe wrote it; appended once by its id and never changed."""

    __tablename__ = "balance_tx"

    id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    type: orm.Mapped[str]
    reporting_category: orm.Mapped[str]
    amount_minor: orm.Mapped[int]
    fee_minor: orm.Mapped[int]
    net_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    source_id: orm.Mapped[str | None] = orm.mapped_column(index=True)
    source: orm.Mapped[dict[str, Any]] = orm.mapped_column(JSONB, default=dict, server_default="{}")
    description: orm.Mapped[str | None]
    created: orm.Mapped[dt.datetime] = orm.mapped_column(index=True)
    available_on: orm.Mapped[dt.datetime]
    imported_at: orm.Mapped[dt.datetime]

    __table_args__ = (sa.CheckConstraint("net_minor = amount_minor - fee_minor", name="net"),)


class ReconImport(db.Base):
    """One import of balance transactions: asked for, then finished with what Stripe's balance was at that moment.

    `reached` is the time from which the next import has nothing to fear: it starts an overlap before it.
    """

    __tablename__ = "recon_import"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    asked_at: orm.Mapped[dt.datetime]
    asked_by: orm.Mapped[str]
    state: orm.Mapped[str] = orm.mapped_column(default="asked", server_default="asked")
    finished_at: orm.Mapped[dt.datetime | None]
    reached: orm.Mapped[dt.datetime | None]
    seen: orm.Mapped[int | None]
    new: orm.Mapped[int | None]

    __table_args__ = (
        sa.CheckConstraint("state IN ('asked', 'finished')", name="state"),
        sa.CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name="finished_when"),
    )


class TransferBooking(db.Base):
    """What finance says of a transfer whose payout the books lost: whose money it was. Two people, then one entry.

    `shop_id` carries what the adviser owes when nothing of theirs is left to take it from.
    """

    __tablename__ = "transfer_booking"

    transfer_id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    adviser_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Adviser.id))
    shop_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(Shop.id))
    amount_minor: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    note: orm.Mapped[str] = orm.mapped_column(server_default="")
    asked_by: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    asked_at: orm.Mapped[dt.datetime]
    approved_by: orm.Mapped[uuid.UUID | None] = orm.mapped_column(sa.ForeignKey(UserAccount.id))
    approved_at: orm.Mapped[dt.datetime | None]
    entry_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey(EntryRow.id), unique=True)
    posted_at: orm.Mapped[dt.datetime | None]

    __table_args__ = (
        sa.CheckConstraint("amount_minor > 0", name="positive"),
        sa.CheckConstraint("approved_by <> asked_by", name="second_person"),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL) AND (entry_id IS NULL) = (posted_at IS NULL)"
            " AND (entry_id IS NULL OR approved_by IS NOT NULL)",
            name="in_order",
        ),
    )


class Certificate(db.Base):
    """What ledger and Stripe said at one moment in one currency, and what of the gap is explained; never changed.

    `difference_minor` is what nobody explains yet: Stripe's balance less the ledger's less the explained.
    `last_entry_id` is the newest entry on the platform balance that was counted.
    """

    __tablename__ = "recon_certificate"

    id: orm.Mapped[uuid.UUID] = db.uuid_pk()
    import_id: orm.Mapped[uuid.UUID] = orm.mapped_column(sa.ForeignKey(ReconImport.id))
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    at: orm.Mapped[dt.datetime]
    ledger_minor: orm.Mapped[int]
    stripe_minor: orm.Mapped[int]
    movements_minor: orm.Mapped[int]
    explained_minor: orm.Mapped[int]
    difference_minor: orm.Mapped[int]
    movements: orm.Mapped[int]
    last_entry_id: orm.Mapped[int]
    explained: orm.Mapped[list[Any]] = orm.mapped_column(JSONB, default=list, server_default="[]")

    __table_args__ = (
        sa.UniqueConstraint("import_id", "currency"),
        sa.CheckConstraint(
            "difference_minor = stripe_minor - ledger_minor - explained_minor", name="difference"
        ),
        sa.Index("ix_recon_certificate_newest", "currency", "id"),
    )
