"""An entry and its lines, before they are posted: plain values that refuse to be unbalanced."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from marketplace.core.errors import CurrencyMismatch, InvariantViolation, UnbalancedEntry
from marketplace.core.money import Money
from payouts.ledger.accounts import Account


class AdviserLineWithoutShop(InvariantViolation):
    """A line on an adviser's account does not say for which shop; self-billing is per shop and adviser."""

    code = "adviser_line_without_shop"


@dataclass(frozen=True, slots=True)
class Line:
    """One posting: an account and a signed amount, debit above zero and credit below.

    shop_id: the shop for which this is; required on an adviser's accounts.
    Raises CurrencyMismatch, AdviserLineWithoutShop, or UnbalancedEntry for an amount of zero.
    """

    account: Account
    amount: Money
    shop_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.account.currency != self.amount.currency:
            raise CurrencyMismatch(left=self.account.currency, right=self.amount.currency)
        if self.amount.is_zero:
            raise UnbalancedEntry(account=self.account.code, why="a line of nothing")
        if self.account.kind.startswith("adviser:") and self.shop_id is None:
            raise AdviserLineWithoutShop(account=self.account.code)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the books: at least two lines that sum to zero in each currency.

    idem: the key under which it is posted once; kind: what happened; effective_at: business time; reverses: the id
    of the entry that this takes back, in part or whole; actor, source_type, source_id: who caused it, and by what.
    Raises UnbalancedEntry.
    """

    idem: str
    kind: str
    effective_at: dt.datetime
    lines: tuple[Line, ...]
    reverses: int | None = None
    actor: str = ""
    source_type: str = ""
    source_id: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.amount.currency] = sums.get(line.amount.currency, 0) + line.amount.minor
        if len(self.lines) < 2 or any(sums.values()):
            raise UnbalancedEntry(idem=self.idem, lines=len(self.lines), sums=sums)

    def fingerprint(self) -> bytes:
        """Return 32 bytes that are equal for two entries that say the same; when and by whom does not count."""
        said = [self.kind, str(self.reverses or ""), self.source_type, self.source_id]
        said += [f"{line.account.code} {line.amount.minor} {line.shop_id or ''}" for line in self.lines]
        # Lengths keep two texts apart that only together look the same.
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in said).encode()).digest()


def debit(account: Account, amount: Money, shop_id: UUID | None = None) -> Line:
    """Return a line that debits `amount`; of a negative amount, one that credits it."""
    return Line(account, amount, shop_id)


def credit(account: Account, amount: Money, shop_id: UUID | None = None) -> Line:
    """Return a line that credits `amount`; of a negative amount, one that debits it."""
    return Line(account, -amount, shop_id)


def lines_of(*parts: Line | None) -> tuple[Line, ...]:
    """Return the lines that are there: an entry leaves out what is nothing."""
    return tuple(part for part in parts if part is not None)


def maybe_debit(account: Account, amount: Money, shop_id: UUID | None = None) -> Line | None:
    """Return a debit, or None when the amount is zero."""
    return None if amount.is_zero else debit(account, amount, shop_id)


def maybe_credit(account: Account, amount: Money, shop_id: UUID | None = None) -> Line | None:
    """Return a credit, or None when the amount is zero."""
    return None if amount.is_zero else credit(account, amount, shop_id)
