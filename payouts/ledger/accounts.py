"""The chart of accounts: which kinds exist, on which side they stand, and which may never go below zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from marketplace.core.errors import InvariantViolation

SHARDS: Final = 16


class UnknownAccountKind(InvariantViolation):
    """An account was asked for that the chart does not have, or with an owner where it has none."""

    code = "unknown_account_kind"


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of the chart.

    name: `group:noun`; normal: the side on which a positive balance stands, D or C; floored: whether the balance may
    not pass zero to the other side; owned: whether each shop or adviser has its own; shards: balance rows, so that
    many postings at once don't wait for one row (only where no floor has to be checked).
    """

    name: str
    normal: str
    floored: bool
    owned: bool
    shards: int
    meaning: str

    @property
    def sign(self) -> int:
        """Return what a signed balance is multiplied with to be positive on the normal side."""
        return 1 if self.normal == "D" else -1


def _own(name: str, normal: str, meaning: str, *, floored: bool = True) -> Kind:
    return Kind(name, normal, floored, True, 1, meaning)


def _hot(name: str, normal: str, meaning: str) -> Kind:
    return Kind(name, normal, False, False, SHARDS, meaning)


CHART: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        _own("shop:prepaid", "C", "budget that the shop paid in and that no commission uses yet"),
        _own("shop:receivable", "D", "what the shop still has to pay in for commissions that were earned"),
        _own("adviser:pending", "C", "earned, still within the time for returns or not funded"),
        _own("adviser:available", "C", "approved and funded: can be paid out"),
        _own("adviser:in_transit", "C", "reserved by an approved payout; ends at zero"),
        _own("adviser:receivable", "D", "returns after a payout; the next commissions pay it back"),
        _hot("platform:fee_pending", "C", "our fee on commissions that are pending"),
        _hot("platform:fee_revenue", "C", "our fee on commissions that were approved"),
        _hot("platform:stripe_cost", "D", "what Stripe charges us"),
        _hot("platform:writeoff", "D", "what finance gave up"),
        _hot("platform:rounding", "D", "what rounding left over"),
        _hot("tax:vat_output", "C", "VAT that we owe"),
        _hot("tax:vat_reverse_charge", "C", "VAT that the receiver owes"),
        _hot("tax:wht", "C", "tax withheld"),
        _hot("stripe:platform_balance", "D", "our balance at Stripe, available and pending"),
        _hot("stripe:unallocated", "C", "money seen at Stripe that nobody explained yet"),
        _hot("stripe:payout_in_transit", "D", "our own payout on its way to the bank; ends at zero"),
        _hot("bank:main", "D", "our bank account"),
        _hot("fx", "C", "the two halves of an exchange meet here"),
        _hot("fx_gain_loss", "C", "what an exchange won or lost"),
        _own("memo:connected_balance", "D", "off our books: at the adviser's Stripe account", floored=False),
        _own("memo:connected_owed", "C", "off our books: what Stripe owes the adviser", floored=False),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """One account: a kind of the chart, whose it is (a shop or adviser, or nobody's), and its one currency.

    `code` is its name in the books: `kind:owner:CUR`, or `kind:CUR` without an owner.
    Raises UnknownAccountKind when the chart has no such kind, or it is owned and no owner is given, or the reverse.
    """

    kind: str
    owner: UUID | None
    currency: str
    # Made once, because posting a thousand entries asks for it ten thousand times.
    code: str = field(init=False)

    def __post_init__(self) -> None:
        kind = CHART.get(self.kind)
        if kind is None or kind.owned != (self.owner is not None):
            raise UnknownAccountKind(kind=self.kind, owner=self.owner)
        owner = f":{self.owner}" if self.owner is not None else ""
        object.__setattr__(self, "code", f"{self.kind}{owner}:{self.currency}")

    def __eq__(self, other: object) -> bool:
        return self.code == other.code if isinstance(other, Account) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.code)

    @property
    def sign(self) -> int:
        """Return what a signed balance is multiplied with to be positive on the normal side."""
        return CHART[self.kind].sign
