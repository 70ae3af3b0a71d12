"""What a run would pay: who is in it, who is not and why, and the hash that two people compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marketplace.core.money import Money
from marketplace.core.paging import encode_cursor

MINIMUM_MAJOR_UNITS = 25


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adviser with something that no payout pays yet.

    amount: the sum of those postings; lines: how many they are; reason: why the adviser is left out, None when paid.
    """

    adviser_id: UUID
    amount: Money
    lines: int
    reason: str | None

    def shown(self) -> dict[str, Any]:
        """Return the candidate as a preview shows it."""
        said = {
            "adviser_id": str(self.adviser_id),
            "amount": {"amount": str(self.amount), "currency": self.amount.currency},
            "lines": self.lines,
        }
        return said if self.reason is None else said | {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class Part:
    """Some candidates of a preview in the order of their ids; `more` says that others follow."""

    candidates: tuple[Candidate, ...]
    more: bool

    @property
    def included(self) -> tuple[Candidate, ...]:
        """Return those who are paid."""
        return tuple(one for one in self.candidates if one.reason is None)

    @property
    def excluded(self) -> tuple[Candidate, ...]:
        """Return those who are left out, each with its reason."""
        return tuple(one for one in self.candidates if one.reason is not None)

    def as_json(self) -> dict[str, Any]:
        """Return the part as it is stored and shown; `next` is the cursor of what follows, None at the end."""
        return {
            "included": [one.shown() for one in self.included],
            "excluded": [one.shown() for one in self.excluded],
            "next": encode_cursor(self.candidates[-1].adviser_id) if self.more else None,
        }


@dataclass(frozen=True, slots=True)
class Content:
    """Who is paid what, who is not and why; `content_hash` names exactly who is paid, how much, for what and where.

    cutoff: the entry up to which counts what comes in; payouts, left_out: how many advisers in all; first: the first
    of them, the others are read page by page.
    """

    run_id: UUID
    cutoff: int
    content_hash: str
    total: Money
    payouts: int
    left_out: int
    first: Part

    @property
    def included(self) -> tuple[Candidate, ...]:
        """Return those of the first part who are paid."""
        return self.first.included

    @property
    def excluded(self) -> tuple[Candidate, ...]:
        """Return those of the first part who are left out."""
        return self.first.excluded

    def as_json(self) -> dict[str, Any]:
        """Return the first part of the preview as it is stored and shown."""
        return self.first.as_json()


@dataclass(frozen=True, slots=True)
class Change:
    """What is different for an adviser since the preview; no amount means not paid."""

    adviser_id: UUID
    before: Money | None
    after: Money | None
    reason: str | None

    def __str__(self) -> str:
        """Return the change as a sentence, for the person who has to look again."""
        if self.after is None:
            return f"adviser {self.adviser_id} is left out now: {self.reason or 'nothing'}"
        if self.before is None:
            return f"adviser {self.adviser_id} is paid now: {self.after}"
        if self.before != self.after:
            return f"adviser {self.adviser_id}: {self.before} became {self.after}"
        return f"adviser {self.adviser_id}: the postings or the bank account behind the same amount changed"


def minimum(currency: str) -> Money:
    """Return the least that a payout pays: 25.00 in the currency, or 25 where it has no decimals."""
    return Money.parse(str(MINIMUM_MAJOR_UNITS), currency)
