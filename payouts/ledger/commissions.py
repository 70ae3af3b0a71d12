"""The entries of funding and of commissions, as pure functions: facts in, lines that sum to zero out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from marketplace.core.money import Money
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, Line, credit, debit, lines_of, maybe_credit, maybe_debit

# A batch asks for the same few accounts again and again, and the name of one takes longer to make than to find.
_account = lru_cache(maxsize=16_384)(Account)


@dataclass(frozen=True, slots=True)
class Parties:
    """The accounts between which the money of one commission moves: a shop's, an adviser's and ours."""

    shop_id: UUID
    adviser_id: UUID
    currency: str

    @property
    def prepaid(self) -> Account:
        """The shop's budget."""
        return _account("shop:prepaid", self.shop_id, self.currency)

    @property
    def owed(self) -> Account:
        """What the shop still has to pay in."""
        return _account("shop:receivable", self.shop_id, self.currency)

    @property
    def pending(self) -> Account:
        """What the adviser earned and can't be paid yet."""
        return _account("adviser:pending", self.adviser_id, self.currency)

    @property
    def available(self) -> Account:
        """What the adviser can be paid."""
        return _account("adviser:available", self.adviser_id, self.currency)

    @property
    def recovering(self) -> Account:
        """What the adviser owes back after returns."""
        return _account("adviser:receivable", self.adviser_id, self.currency)

    @property
    def fee_pending(self) -> Account:
        """Our fee on what is pending."""
        return _account("platform:fee_pending", None, self.currency)

    @property
    def fee_revenue(self) -> Account:
        """Our fee on what was approved."""
        return _account("platform:fee_revenue", None, self.currency)


@dataclass(frozen=True, slots=True)
class Due:
    """What a shop pays for advice: the adviser's commission, and our fee on top."""

    commission: Money
    fee: Money

    @classmethod
    @lru_cache(maxsize=256)
    def nothing(cls, currency: str) -> Due:
        """Return nothing, of a currency."""
        return cls(Money.zero(currency), Money.zero(currency))

    @property
    def total(self) -> Money:
        """What it takes from the shop's budget."""
        return self.commission + self.fee

    @property
    def is_zero(self) -> bool:
        """Tell whether neither is anything."""
        return self.commission.is_zero and self.fee.is_zero

    def __add__(self, other: Due) -> Due:
        return Due(self.commission + other.commission, self.fee + other.fee)

    def __sub__(self, other: Due) -> Due:
        return Due(self.commission - other.commission, self.fee - other.fee)

    def __neg__(self) -> Due:
        return Due(-self.commission, -self.fee)


def fund(funding_id: UUID, shop_id: UUID, gross: Money, fee: Money, *, at: dt.datetime) -> Entry:
    """Return the entry of a shop's payment: the budget grows by the gross, Stripe's fee is our cost."""
    currency = gross.currency
    lines = lines_of(
        maybe_debit(Account("stripe:platform_balance", None, currency), gross - fee),
        maybe_debit(Account("platform:stripe_cost", None, currency), fee),
        credit(Account("shop:prepaid", shop_id, currency), gross, shop_id),
    )
    return Entry(f"fund:{funding_id}", "fund", at, lines, source_type="funding", source_id=str(funding_id))


def fund_returned(
    funding_id: UUID, shop_id: UUID, amount: Money, prepaid: Money, *, key: str, at: dt.datetime
) -> Entry:
    """Return the entry of a payment that Stripe gave back (refund, dispute, bounced debit).

    prepaid: the shop's budget now, of which at most that much is taken; what was spent already the shop owes again.
    """
    taken = min(amount, prepaid)
    lines = lines_of(
        maybe_debit(Account("shop:prepaid", shop_id, amount.currency), taken, shop_id),
        maybe_debit(Account("shop:receivable", shop_id, amount.currency), amount - taken, shop_id),
        credit(Account("stripe:platform_balance", None, amount.currency), amount),
    )
    return Entry(
        f"fund_returned:{key}", "fund_returned", at, lines, source_type="funding", source_id=str(funding_id)
    )


def accrue(parties: Parties, due: Due, *, funded: bool) -> tuple[Line, ...]:
    """Return the lines of a commission earned: wholly from the budget, or wholly against what the shop owes."""
    source, shop = (parties.prepaid if funded else parties.owed), parties.shop_id
    return lines_of(
        maybe_debit(source, due.total, shop),
        maybe_credit(parties.pending, due.commission, shop),
        maybe_credit(parties.fee_pending, due.fee),
    )


def accrue_approved(parties: Parties, due: Due, recovering: Money) -> tuple[Line, ...]:
    """Return the lines of more earned by a commission that was approved before: payable at once."""
    netted, shop = min(due.commission, recovering), parties.shop_id
    return lines_of(
        maybe_debit(parties.prepaid, due.total, shop),
        maybe_credit(parties.recovering, netted, shop),
        maybe_credit(parties.available, due.commission - netted, shop),
        maybe_credit(parties.fee_revenue, due.fee),
    )


def release(parties: Parties, due: Due) -> tuple[Line, ...]:
    """Return the lines of budget that pays for a commission that waited for it."""
    return (
        debit(parties.prepaid, due.total, parties.shop_id),
        credit(parties.owed, due.total, parties.shop_id),
    )


def mature(parties: Parties, due: Due, recovering: Money) -> tuple[Line, ...]:
    """Return the lines of a commission approved: payable, after what the adviser owes (`recovering`) is paid back."""
    netted, shop = min(due.commission, recovering), parties.shop_id
    return lines_of(
        maybe_debit(parties.pending, due.commission, shop),
        maybe_credit(parties.recovering, netted, shop),
        maybe_credit(parties.available, due.commission - netted, shop),
        maybe_debit(parties.fee_pending, due.fee),
        maybe_credit(parties.fee_revenue, due.fee),
    )


def reverse_before(parties: Parties, unfunded: Due, funded: Due) -> tuple[Line, ...]:
    """Return the lines of a return before approval: the debt shrinks first, then the budget is free again."""
    both, shop = unfunded + funded, parties.shop_id
    return lines_of(
        maybe_debit(parties.pending, both.commission, shop),
        maybe_debit(parties.fee_pending, both.fee),
        maybe_credit(parties.owed, unfunded.total, shop),
        maybe_credit(parties.prepaid, funded.total, shop),
    )


def claw_back(parties: Parties, due: Due, available: Money) -> tuple[Line, ...]:
    """Return the lines of a return after approval: from what is payable (`available`), the rest is owed back."""
    taken, shop = min(due.commission, available), parties.shop_id
    return lines_of(
        maybe_debit(parties.available, taken, shop),
        maybe_debit(parties.recovering, due.commission - taken, shop),
        maybe_debit(parties.fee_revenue, due.fee),
        maybe_credit(parties.prepaid, due.total, shop),
    )
