"""The desk decides what one move of a commission does to the books; pure, so that it can be tried on anything.

It keeps the balances and standings that it was given up to date, move by move, so a batch is decided as a whole
before anything is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from marketplace.core.errors import InvariantViolation
from marketplace.core.money import Money
from payouts.ledger import commissions
from payouts.ledger.accounts import Account
from payouts.ledger.commissions import Due, Parties
from payouts.ledger.entries import Entry, Line

# What gives: a sale, and a dispute that was won. All other moves but approvals take back.
EARNING: Final = frozenset({"earned", "reinstated"})


class ReversedBeyondEarned(InvariantViolation):
    """A move takes back more of a commission than stands."""

    code = "reversed_beyond_earned"


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a commission as tracking wrote it, with the shop's fee rate on the day of the order.

    delta: what it changes; standing: what stands after it; fee_bp: our fee in basis points of the commission; at:
    when it takes effect, which for an approval that waited for money is when the money came.
    """

    move_id: UUID
    commission_id: UUID
    seq: int
    kind: str
    delta: Money
    standing: Money
    parties: Parties
    fee_bp: int
    at: dt.datetime

    @property
    def due(self) -> Due:
        """What it changes for the shop: the commission, and the fee on what stands minus the fee standing before."""
        before, fee = self.standing - self.delta, self.standing.share_bp(self.fee_bp)
        return Due(self.delta, fee if before.is_zero else fee - before.share_bp(self.fee_bp))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the books hold of one commission: all that stands, and what of it waits for the shop's budget.

    verdict: the seq and kind of the last approval or decline in the books.
    """

    standing: Due
    unfunded: Due
    verdict: tuple[int, str] = (0, "")

    @property
    def approved(self) -> bool:
        """Tell whether what is funded has matured."""
        return self.verdict[1] == "approved"


@dataclass(frozen=True, slots=True)
class Posted:
    """What a move does: its entry (none when nothing moves), and what of it waits for the budget.

    ends_wait: this entry leaves nothing of the commission waiting, so the waiting moves are settled by it.
    """

    move: Move
    entry: Entry | None
    change: Due
    unfunded: Due
    ends_wait: bool = False


class Desk:
    """Decides moves in order against balances (positive on their normal side) and standings, both kept current."""

    def __init__(self, balances: Mapping[Account, Money], standings: Mapping[UUID, Standing]) -> None:
        # Whole minor units, positive on the account's normal side; an account has one currency.
        self._minor = {account: amount.minor for account, amount in balances.items()}
        self._standings = dict(standings)

    def decide(self, move: Move) -> Posted | None:
        """Return what the move does, or None for an approval that waits until the shop's budget pays for all.

        Raises ReversedBeyondEarned.
        """
        nothing = Due.nothing(move.parties.currency)
        held = self._standings.get(move.commission_id) or Standing(nothing, nothing)
        if move.kind == "approved":
            return self._approve(move, held)
        due = move.due
        act = self._earn if move.kind in EARNING else self._take_back
        posted = act(move, held, due)
        verdict = max(held.verdict, (move.seq, "declined")) if move.kind == "declined" else held.verdict
        # Most moves are the first of their commission, and adding to nothing is nearly half of deciding them.
        waited = not held.unfunded.is_zero
        unfunded = held.unfunded + posted.unfunded if waited else posted.unfunded
        standing = posted.change if held.standing.is_zero else held.standing + posted.change
        self._standings[move.commission_id] = Standing(standing, unfunded, verdict)
        ends_wait = waited and unfunded.is_zero
        return replace(posted, ends_wait=True) if ends_wait else posted

    def _earn(self, move: Move, held: Standing, due: Due) -> Posted:
        parties, nothing = move.parties, Due.nothing(move.parties.currency)
        funded = due.total <= self._of(parties.prepaid)
        if funded and held.approved:
            lines = commissions.accrue_approved(parties, due, self._of(parties.recovering))
        else:
            lines = commissions.accrue(parties, due, funded=funded)
        return Posted(move, self._entry(move, "accrue", lines), due, nothing if funded else due)

    def _take_back(self, move: Move, held: Standing, due: Due) -> Posted:
        parties, back = move.parties, -due
        if back.commission > held.standing.commission or back.fee > held.standing.fee:
            raise ReversedBeyondEarned(commission_id=move.commission_id, seq=move.seq)
        # What the shop did not pay for yet goes first: it costs nobody anything. The fees of the two parts were rounded
        # together, so a cent may lie on either side: no part gives more than it holds.
        waits = held.unfunded
        unfunded = Due(min(back.commission, waits.commission), min(back.fee, waits.fee))
        rest = back - unfunded
        nothing = Due.nothing(parties.currency)
        if held.approved:
            lines = commissions.reverse_before(parties, unfunded, nothing)
            lines += commissions.claw_back(parties, rest, self._of(parties.available))
            kind = "claw_back"
        else:
            lines = commissions.reverse_before(parties, unfunded, rest)
            kind = "reverse"
        return Posted(move, self._entry(move, kind, lines), due, -unfunded)

    def _approve(self, move: Move, held: Standing) -> Posted | None:
        nothing = Due.nothing(move.parties.currency)
        if not held.unfunded.is_zero:
            return None
        lines: tuple[Line, ...] = ()
        # A decline that came later, while this approval waited, or an earlier approval leave nothing to mature.
        if not held.approved and held.verdict[0] < move.seq:
            lines = commissions.mature(move.parties, held.standing, self._of(move.parties.recovering))
        posted = Posted(move, self._entry(move, "mature", lines), nothing, nothing)
        self._standings[move.commission_id] = replace(held, verdict=max(held.verdict, (move.seq, "approved")))
        return posted

    def _entry(self, move: Move, kind: str, lines: tuple[Line, ...]) -> Entry | None:
        if not lines:
            return None
        for line in lines:
            account = line.account
            self._minor[account] = self._minor.get(account, 0) + account.sign * line.amount.minor
        return Entry(
            f"move:{move.move_id}",
            kind,
            move.at,
            lines,
            source_type="commission",
            source_id=str(move.commission_id),
        )

    def _of(self, account: Account) -> Money:
        return Money(self._minor.get(account, 0), account.currency)
