"""The books for people: one account with its running balance, one entry with what it belongs to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.errors import NotFound
from marketplace.core.money import Money
from payouts.ledger.accounts import CHART, Account
from payouts.ledger.models import AccountRow, BalanceRow, EntryRow, PostingRow

LONGEST_NUMBER = 18
_COMMISSIONS = sa.text(
    "SELECT a.entry_id, a.commission_id, a.kind FROM accrual a WHERE a.entry_id = ANY(:entries)"
    " UNION SELECT a.funded_entry_id, a.commission_id, 'funded' FROM accrual a WHERE a.funded_entry_id = ANY(:entries)"
)
_PAYOUTS = sa.text(
    "SELECT p.id, p.run_id, r.number FROM payout p JOIN payout_run r ON r.id = p.run_id WHERE p.id = ANY(:ids)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """An account as an address names it, and its balance now, positive on its normal side."""

    account: Account
    row_id: int
    balance: Money
    postings: int

    @property
    def meaning(self) -> str:
        """Return what the chart says of it."""
        return CHART[self.account.kind].meaning

    @property
    def is_debit(self) -> bool:
        """Tell whether a positive balance stands on the debit side."""
        return CHART[self.account.kind].normal == "D"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an account: what it changed, positive where the balance grew, and what stood after it."""

    entry_id: int
    line: int
    kind: str
    at: dt.datetime
    change: Money
    after: Money
    shop_id: UUID | None
    source_type: str
    source_id: str


def named(session: Session, code: str) -> Named:
    """Return the account that `kind/owner or -/currency` names. Raises NotFound for one that was never opened."""
    parts = code.split("/")
    if len(parts) != 3 or parts[0] not in CHART:
        raise NotFound("account", code)
    kind, owner, currency = parts
    row = session.execute(
        sa.select(
            AccountRow,
            sa.func.sum(BalanceRow.balance_minor).cast(sa.BigInteger),
            sa.func.sum(BalanceRow.postings).cast(sa.BigInteger),
        )
        .join(BalanceRow, BalanceRow.account_id == AccountRow.id)
        .where(AccountRow.code == ":".join([kind, *([] if owner == "-" else [owner]), currency]))
        .group_by(AccountRow.id)
    ).one_or_none()
    if row is None:
        raise NotFound("account", code)
    found, total, count = row
    account = Account(found.kind, found.owner, found.currency)
    return Named(account, found.id, Money(account.sign * total, found.currency), count)


def postings(session: Session, of: Named, before: tuple[int, int] | None, limit: int) -> list[Posting]:
    """Return up to limit + 1 lines of an account, newest first, below (entry, line); each with the balance after it."""
    place = sa.tuple_(PostingRow.entry_id, PostingRow.line)
    statement = (
        sa.select(PostingRow, EntryRow)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .where(PostingRow.account_id == of.row_id)
        .order_by(PostingRow.entry_id.desc(), PostingRow.line.desc())
        .limit(limit + 1)
    )
    newer = 0
    if before is not None:
        statement = statement.where(place < sa.tuple_(*before))
        later = sa.select(sa.func.coalesce(sa.func.sum(PostingRow.amount_minor), 0)).where(
            PostingRow.account_id == of.row_id, place >= sa.tuple_(*before)
        )
        newer = int(session.scalar(later) or 0)
    sign, currency = of.account.sign, of.account.currency
    after, found = of.balance.minor - sign * newer, []
    for row, entry in session.execute(statement):
        change = sign * row.amount_minor
        found.append(
            Posting(
                row.entry_id, row.line, entry.kind, entry.effective_at, Money(change, currency),
                Money(after, currency), row.shop_id, entry.source_type, entry.source_id,
            )
        )  # fmt: skip
        after -= change
    return found


def entry(session: Session, entry_id: str) -> EntryRow:
    """Return the entry that a number in an address names. Raises NotFound."""
    is_number = entry_id.isascii() and entry_id.isdigit() and len(entry_id) <= LONGEST_NUMBER
    found = session.get(EntryRow, int(entry_id)) if is_number else None
    if found is None:
        raise NotFound("entry", entry_id)
    return found


def taken_back_by(session: Session, entry_id: int) -> Sequence[EntryRow]:
    """Return the entries that take this one back, in whole or part, oldest first."""
    return session.scalars(
        sa.select(EntryRow).where(EntryRow.reverses == entry_id).order_by(EntryRow.id)
    ).all()


def movement(session: Session, entry_id: int) -> Any:
    """Return the object at Stripe that an entry stands for, or None: (source_id, kind, amount_minor, currency)."""
    statement = sa.text(
        "SELECT source_id, kind, amount_minor, currency FROM stripe_movement WHERE entry_id = :entry"
    )
    return session.execute(statement, {"entry": entry_id}).one_or_none()


def commissions_of(session: Session, entry_ids: Iterable[int]) -> dict[int, UUID]:
    """Return the commission of each entry that one made; others are left out."""
    wanted = list(entry_ids)
    return (
        {row.entry_id: row.commission_id for row in session.execute(_COMMISSIONS, {"entries": wanted})}
        if wanted
        else {}
    )


def runs_of(session: Session, payout_ids: Iterable[str]) -> dict[str, tuple[UUID, str]]:
    """Return run and its number of each payout, by the payout's id as text."""
    wanted = []
    for one in payout_ids:
        try:
            wanted.append(UUID(one))
        except ValueError:
            continue
    if not wanted:
        return {}
    return {str(row.id): (row.run_id, row.number) for row in session.execute(_PAYOUTS, {"ids": wanted})}


def balanced(session: Session) -> list[tuple[str, Money, Money]]:
    """Return for each currency the sum of all debit and of all credit balances; the books are even when these are."""
    rows = session.execute(
        sa.text(
            "SELECT a.currency, coalesce(sum(q.total) FILTER (WHERE q.total > 0), 0)::bigint AS debit,"
            " coalesce(-sum(q.total) FILTER (WHERE q.total < 0), 0)::bigint AS credit FROM account a"
            " JOIN (SELECT account_id, sum(balance_minor) AS total FROM balance GROUP BY account_id) q"
            "   ON q.account_id = a.id GROUP BY a.currency ORDER BY a.currency"
        )
    )
    return [(row.currency, Money(row.debit, row.currency), Money(row.credit, row.currency)) for row in rows]
