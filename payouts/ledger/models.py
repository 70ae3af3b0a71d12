"""The tables of the ledger. Only `ledger_open_accounts` and the posting trigger write accounts and balances."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names

from marketplace.core.db import Base, UtcDateTime


class Xid8(sa.types.UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """Return the type's name in SQL."""
        return "XID8"


# Comparing the models with a migrated database reads the columns back, and must know the type by its name.
ischema_names["xid8"] = Xid8


class AccountKind(Base):
    """One line of the chart of accounts, as the database enforces it; equal to `accounts.CHART`."""

    __tablename__ = "account_kind"

    kind: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    normal: orm.Mapped[str] = orm.mapped_column(sa.CHAR(1))
    floor_zero: orm.Mapped[bool]
    owned: orm.Mapped[bool]
    shards: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger())


class AccountRow(Base):
    """An account that was opened; it never changes."""

    __tablename__ = "account"
    __table_args__ = (sa.Index("ix_account_owner", "owner", "kind"),)

    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(always=True), primary_key=True)
    code: orm.Mapped[str] = orm.mapped_column(unique=True)
    # That the chart has the kind is asked by a trigger once a statement.
    kind: orm.Mapped[str]
    owner: orm.Mapped[UUID | None]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    normal: orm.Mapped[str] = orm.mapped_column(sa.CHAR(1))
    floor_zero: orm.Mapped[bool]
    shards: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger())


class EntryRow(Base):
    """One event in the books; sealed when its transaction ends, by the pair (xact, cluster)."""

    __tablename__ = "entry"
    __table_args__ = (
        sa.Index("ix_entry_reverses", "reverses", postgresql_where=sa.text("reverses IS NOT NULL")),
        sa.Index("ix_entry_source", "source_type", "source_id"),
    )

    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(always=True), primary_key=True)
    idem: orm.Mapped[str] = orm.mapped_column(unique=True)
    request_hash: orm.Mapped[bytes] = orm.mapped_column(sa.LargeBinary())
    kind: orm.Mapped[str]
    lines: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger())
    reverses: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("entry.id"))
    effective_at: orm.Mapped[dt.datetime]
    posted_at: orm.Mapped[dt.datetime] = orm.mapped_column(UtcDateTime, server_default=sa.func.now())
    xact: orm.Mapped[Any] = orm.mapped_column(Xid8(), server_default=sa.func.pg_current_xact_id())
    cluster: orm.Mapped[int] = orm.mapped_column(server_default=sa.func.ledger_cluster())
    actor: orm.Mapped[str] = orm.mapped_column(server_default="")
    source_type: orm.Mapped[str] = orm.mapped_column(server_default="")
    source_id: orm.Mapped[str] = orm.mapped_column(server_default="")
    meta: orm.Mapped[Any] = orm.mapped_column(JSONB(), server_default=sa.text("'{}'::jsonb"))
    # Its lines came in the same statement, at the end of which it was checked; functions of the owner write such.
    whole: orm.Mapped[bool] = orm.mapped_column(server_default=sa.false())


class PostingRow(Base):
    """One line of an entry: an account and a signed amount, debit above zero."""

    __tablename__ = "posting"
    __table_args__ = (sa.Index("ix_posting_account_id_entry_id", "account_id", "entry_id"),)

    # The posting trigger takes lines for entries of its own transaction only, and for accounts that exist in their
    # own currency; it fires always, which is more than foreign keys do.
    entry_id: orm.Mapped[int] = orm.mapped_column(primary_key=True, autoincrement=False)
    line: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger(), primary_key=True)
    account_id: orm.Mapped[int]
    currency: orm.Mapped[str] = orm.mapped_column(sa.CHAR(3))
    amount_minor: orm.Mapped[int]
    shop_id: orm.Mapped[UUID | None]


class BalanceRow(Base):
    """What the postings of an account add up to; several rows (shards) for accounts that everybody posts to."""

    __tablename__ = "balance"
    __table_args__ = (
        sa.CheckConstraint(
            "NOT floor_zero OR CASE normal WHEN 'D' THEN balance_minor >= 0 ELSE balance_minor <= 0 END",
            name="floor",
        ),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    # That the account exists is asked by a trigger once a statement.
    account_id: orm.Mapped[int] = orm.mapped_column(primary_key=True, autoincrement=False)
    shard: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger(), primary_key=True)
    normal: orm.Mapped[str] = orm.mapped_column(sa.CHAR(1))
    floor_zero: orm.Mapped[bool]
    balance_minor: orm.Mapped[int]
    postings: orm.Mapped[int]
