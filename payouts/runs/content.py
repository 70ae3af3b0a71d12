"""What a run would pay: pure rules over facts, and the hash that two people compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marketplace.core.money import Money, sum_money

MINIMUM_MAJOR_UNITS = 25


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adviser with something that no payout pays yet.

    amount: the sum of those postings; digest: which postings; owed: what the adviser still has to give back;
    blocked: why the payout account can't be paid; state: the adviser's state.
    """

    adviser_id: UUID
    amount: Money
    lines: int
    digest: str
    owed: Money
    state: str
    blocked: str | None
    destination: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """Who is paid what, who is not and why; `content_hash` names exactly this."""

    run_id: UUID
    currency: str
    included: tuple[Candidate, ...]
    excluded: tuple[tuple[Candidate, str], ...]

    @property
    def total(self) -> Money:
        """Return what the run would pay in all."""
        return sum_money((one.amount for one in self.included), self.currency)

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of what would be paid: to whom, how much, for which postings, to which bank account.

        Who is left out does not count: it changes by the hour and pays nobody.
        """
        said = [
            str(self.run_id),
            self.currency,
            [
                [str(one.adviser_id), one.amount.minor, one.digest, one.destination, one.fingerprint]
                for one in self.included
            ],
        ]
        return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the preview as it is stored and shown."""
        return {
            "included": [_shown(one) for one in self.included],
            "excluded": [_shown(one) | {"reason": reason} for one, reason in self.excluded],
        }


def _shown(one: Candidate) -> dict[str, Any]:
    return {
        "adviser_id": str(one.adviser_id),
        "amount": {"amount": str(one.amount), "currency": one.amount.currency},
        "lines": one.lines,
    }


def minimum(currency: str) -> Money:
    """Return the least that a payout pays: 25.00 in the currency, or 25 where it has no decimals."""
    return Money.parse(str(MINIMUM_MAJOR_UNITS), currency)


def exclusion(one: Candidate) -> str | None:
    """Return the one reason why an adviser is left out, the most telling first; None when the adviser is paid.

    Somebody who is leaving gets a last payout without minimum.
    """
    if one.amount.minor <= 0:
        return "nothing"
    if one.state == "banned":
        return "banned"
    if one.owed.minor > 0:
        return "receivable"
    if one.blocked is not None:
        return one.blocked
    if one.state == "active" and one.amount < minimum(one.amount.currency):
        return "below_minimum"
    return None


def decide(run_id: UUID, currency: str, candidates: Iterable[Candidate]) -> Content:
    """Split the candidates into who is paid and who is not, in the order of their ids."""
    included: list[Candidate] = []
    excluded: list[tuple[Candidate, str]] = []
    for one in sorted(candidates, key=lambda candidate: candidate.adviser_id):
        reason = exclusion(one)
        if reason is None:
            included.append(one)
        else:
            excluded.append((one, reason))
    return Content(run_id, currency, tuple(included), tuple(excluded))


def differences(previewed: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """Return in sentences what changed between two previews, for the person who has to look again."""
    before, after = _amounts(previewed.get("included", ())), _amounts(present["included"])
    reasons = {one["adviser_id"]: one["reason"] for one in present["excluded"]}
    said = [
        f"adviser {adviser} is left out now: {reasons.get(adviser, 'nothing')}"
        for adviser in before
        if adviser not in after
    ]
    said += [f"adviser {adviser} is paid now: {after[adviser]}" for adviser in after if adviser not in before]
    said += [
        f"adviser {adviser}: {before[adviser]} became {after[adviser]}"
        for adviser in before
        if adviser in after and before[adviser] != after[adviser]
    ]
    return said or ["the postings or the bank accounts behind the same amounts changed"]


def _amounts(included: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {one["adviser_id"]: one["amount"]["amount"] for one in included}
