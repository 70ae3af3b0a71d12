"""Read the books: accounts with their balances, entries with their lines; newest entries first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.money import Money
from marketplace.core.paging import narrowed
from payouts.ledger.accounts import CHART
from payouts.ledger.models import AccountRow, BalanceRow, EntryRow, PostingRow


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts: by kind, owner and currency; None asks for all."""

    kind: str | None = None
    owner: UUID | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries: that touch an account, of a kind, of a source, effective in a half-open time; None: all.

    account_kind, amount: that one line is on such an account, and one of this much, on whichever side.
    """

    account: str | None = None
    kind: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    account_kind: str | None = None
    amount: Money | None = None


def accounts(session: Session, wanted: AccountFilter, after: int, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` accounts with an id above `after`, balances positive on their normal side."""
    balance = sa.func.sum(BalanceRow.balance_minor).cast(sa.BigInteger)
    postings = sa.func.sum(BalanceRow.postings).cast(sa.BigInteger)
    statement = (
        sa.select(AccountRow, balance, postings)
        .join(BalanceRow, BalanceRow.account_id == AccountRow.id)
        .where(AccountRow.id > after)
        .group_by(AccountRow.id)
        .order_by(AccountRow.id)
        .limit(limit)
    )
    if wanted.kind is not None:
        statement = statement.where(AccountRow.kind == wanted.kind)
    if wanted.owner is not None:
        statement = statement.where(AccountRow.owner == wanted.owner)
    if wanted.currency is not None:
        statement = statement.where(AccountRow.currency == wanted.currency)
    return [
        {
            "id": row.id,
            "code": row.code,
            "kind": row.kind,
            "owner": row.owner,
            "normal": "debit" if row.normal == "D" else "credit",
            "meaning": CHART[row.kind].meaning,
            "balance": Money(CHART[row.kind].sign * total, row.currency),
            "postings": count,
        }
        for row, total, count in session.execute(statement)
    ]


def entries(session: Session, wanted: EntryFilter, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` entries with an id below `before`, newest first, each with its lines in order."""
    statement = sa.select(EntryRow).order_by(EntryRow.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(EntryRow.id < before)
    if wanted.account is not None:
        touching = (
            sa.select(PostingRow.entry_id)
            .join(AccountRow, AccountRow.id == PostingRow.account_id)
            .where(AccountRow.code == wanted.account, PostingRow.entry_id == EntryRow.id)
        )
        statement = statement.where(touching.exists())
    if wanted.account_kind is not None or wanted.amount is not None:
        statement = statement.where(_with_line(wanted).exists())
    statement = narrowed(
        statement,
        {
            EntryRow.kind: wanted.kind,
            EntryRow.source_type: wanted.source_type,
            EntryRow.source_id: wanted.source_id,
        },
    )
    if wanted.since is not None:
        statement = statement.where(EntryRow.effective_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(EntryRow.effective_at < wanted.until)
    rows = session.scalars(statement).all()
    lines = _lines(session, [row.id for row in rows])
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "effective_at": row.effective_at,
            "posted_at": row.posted_at,
            "reverses": row.reverses,
            "actor": row.actor,
            "source_type": row.source_type,
            "source_id": row.source_id,
            "lines": lines.get(row.id, []),
        }
        for row in rows
    ]


def _with_line(wanted: EntryFilter) -> sa.Select[Any]:
    """Return the lines of an entry that are on a kind of account and of an amount, as far as the filter says."""
    lines = sa.select(PostingRow.entry_id).where(PostingRow.entry_id == EntryRow.id)
    if wanted.account_kind is not None:
        lines = lines.join(AccountRow, AccountRow.id == PostingRow.account_id).where(
            AccountRow.kind == wanted.account_kind
        )
    if wanted.amount is not None:
        lines = lines.where(
            sa.func.abs(PostingRow.amount_minor) == wanted.amount.minor,
            PostingRow.currency == wanted.amount.currency,
        )
    return lines


def _lines(session: Session, entry_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    rows = session.execute(
        sa.select(PostingRow, AccountRow.code)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .where(PostingRow.entry_id.in_(entry_ids))
        .order_by(PostingRow.entry_id, PostingRow.line)
    )
    lines: dict[int, list[dict[str, Any]]] = {}
    for row, code in rows:
        amount = Money(abs(row.amount_minor), row.currency)
        side = "debit" if row.amount_minor > 0 else "credit"
        lines.setdefault(row.entry_id, []).append({"account": code, side: amount, "shop_id": row.shop_id})
    return lines
