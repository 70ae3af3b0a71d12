"""The entries of paying out and of Stripe's own movements, as pure functions: facts in, one balanced entry out.

A payout is told by its parts, (shop, amount) pairs that sum to what the adviser gets: each adviser line names the
shop for which it is. A part may be negative, when a shop's returns were more than its commissions; the sum may not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from marketplace.core.errors import NegativePayable
from marketplace.core.money import Money, sum_money
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, Line, credit, debit, lines_of, maybe_credit, maybe_debit

Parts = Sequence[tuple[UUID, Money]]


def platform(kind: str, currency: str) -> Account:
    """Return an account that has no owner."""
    return Account(kind, None, currency)


def total_of(parts: Parts) -> Money:
    """Return the sum of the parts. Raises NegativePayable when it is not above zero."""
    if not parts:
        raise NegativePayable(total="nothing")
    total = sum_money((amount for _shop, amount in parts), parts[0][1].currency)
    if total.minor <= 0:
        raise NegativePayable(total=str(total))
    return total


def _moved(parts: Parts, taken: Account, given: Account) -> tuple[Line, ...]:
    taken_lines = [maybe_debit(taken, amount, shop) for shop, amount in parts]
    given_lines = [maybe_credit(given, amount, shop) for shop, amount in parts]
    return lines_of(*taken_lines, *given_lines)


def reserve(payout_id: UUID, adviser_id: UUID, parts: Parts, *, at: dt.datetime, actor: str = "") -> Entry:
    """Return the entry that sets a payout's money apart when its run is approved: available to in transit."""
    currency = total_of(parts).currency
    lines = _moved(
        parts,
        Account("adviser:available", adviser_id, currency),
        Account("adviser:in_transit", adviser_id, currency),
    )
    return Entry(
        f"reserve:{payout_id}",
        "reserve",
        at,
        lines,
        actor=actor,
        source_type="payout",
        source_id=str(payout_id),
    )


def released(
    payout_id: UUID,
    adviser_id: UUID,
    parts: Parts,
    *,
    attempt: int,
    at: dt.datetime,
    reverses: int | None = None,
) -> Entry:
    """Return the entry that gives a reserved payout back, tied to the attempt that was definitely refused."""
    currency = total_of(parts).currency
    lines = _moved(
        parts,
        Account("adviser:in_transit", adviser_id, currency),
        Account("adviser:available", adviser_id, currency),
    )
    return Entry(
        f"release:{payout_id}:a{attempt}", "released", at, lines, reverses, "", "payout", str(payout_id)
    )


def paid_back(
    payout_id: UUID, adviser_id: UUID, parts: Parts, owed: Money, *, attempt: int, at: dt.datetime
) -> Entry:
    """Return the entry by which money that a payout gave back settles what the adviser owes (`owed`, above zero).

    At most what was given back is taken, in the order of the parts, each for its own shop.
    """
    left, taken = min(owed, total_of(parts)), []
    for shop_id, amount in parts:
        here = min(left, amount)
        if here.minor > 0:
            taken.append((shop_id, here))
            left = left - here
    lines = _moved(
        taken,
        Account("adviser:available", adviser_id, owed.currency),
        Account("adviser:receivable", adviser_id, owed.currency),
    )
    return Entry(
        f"pay_back:{payout_id}:a{attempt}", "paid_back", at, lines, None, "", "payout", str(payout_id)
    )


def _connected(adviser_id: UUID, amount: Money, *, back: bool) -> tuple[Line, Line]:
    balance = Account("memo:connected_balance", adviser_id, amount.currency)
    owed = Account("memo:connected_owed", adviser_id, amount.currency)
    return (
        (debit(owed, amount), credit(balance, amount))
        if back
        else (debit(balance, amount), credit(owed, amount))
    )


def sent(payout_id: UUID, adviser_id: UUID, parts: Parts, *, transfer_id: str, at: dt.datetime) -> Entry:
    """Return the entry of a transfer that Stripe accepted; from here the payout is paid, and not yet in the bank."""
    total = total_of(parts)
    in_transit = Account("adviser:in_transit", adviser_id, total.currency)
    lines = lines_of(
        *(maybe_debit(in_transit, amount, shop) for shop, amount in parts),
        credit(platform("stripe:platform_balance", total.currency), total),
        *_connected(adviser_id, total, back=False),
    )
    return Entry(
        f"sent:{transfer_id}",
        "sent",
        at,
        lines,
        source_type="payout",
        source_id=str(payout_id),
        meta={"transfer_id": transfer_id},
    )


def sent_without_payout(
    transfer_id: str, adviser_id: UUID, parts: Parts, rest: tuple[UUID, Money], *, at: dt.datetime, actor: str
) -> Entry:
    """Return the entry of a transfer that Stripe made and whose payout the books lost.

    parts: what is taken from the adviser's available money, per shop, each above zero and perhaps none; rest: the shop
    and the amount that the adviser was paid beyond that and owes back. The memo of the connected account stays as it
    is, because nobody can say any more where that money went.
    """
    currency = rest[1].currency
    available = Account("adviser:available", adviser_id, currency)
    owed = Account("adviser:receivable", adviser_id, currency)
    total = sum_money((amount for _shop, amount in [*parts, rest]), currency)
    lines = lines_of(
        *(maybe_debit(available, amount, shop) for shop, amount in parts),
        maybe_debit(owed, rest[1], rest[0]),
        credit(platform("stripe:platform_balance", currency), total),
    )
    return Entry(
        f"sent:{transfer_id}",
        "sent_without_payout",
        at,
        lines,
        actor=actor,
        source_type="transfer",
        source_id=transfer_id,
        meta={"transfer_id": transfer_id},
    )


def in_bank(
    payout_id: UUID,
    adviser_id: UUID,
    amount: Money,
    *,
    stripe_payout_id: str,
    at: dt.datetime,
    reverses: int | None = None,
) -> Entry:
    """Return the entry of money that reached the adviser's bank: the memo of `sent` is taken back."""
    return Entry(
        f"in_bank:{payout_id}:{stripe_payout_id}",
        "in_bank",
        at,
        _connected(adviser_id, amount, back=True),
        reverses,
        "",
        "payout",
        str(payout_id),
        {"stripe_payout_id": stripe_payout_id},
    )


def bank_failed(
    payout_id: UUID,
    adviser_id: UUID,
    amount: Money,
    *,
    stripe_payout_id: str,
    at: dt.datetime,
    reverses: int | None = None,
) -> Entry:
    """Return the entry of a bank that sent the money back after all: it is at the connected account again."""
    return Entry(
        f"bank_failed:{payout_id}:{stripe_payout_id}",
        "bank_failed",
        at,
        _connected(adviser_id, amount, back=False),
        reverses,
        "",
        "payout",
        str(payout_id),
        {"stripe_payout_id": stripe_payout_id},
    )


def transfer_reversed(
    payout_id: UUID,
    adviser_id: UUID,
    parts: Parts,
    *,
    reversal_id: str,
    at: dt.datetime,
    reverses: int | None = None,
) -> Entry:
    """Return the entry of a transfer that was taken back at Stripe: in transit again, until `released` or resent."""
    total = total_of(parts)
    in_transit = Account("adviser:in_transit", adviser_id, total.currency)
    lines = lines_of(
        debit(platform("stripe:platform_balance", total.currency), total),
        *(maybe_credit(in_transit, amount, shop) for shop, amount in parts),
        *_connected(adviser_id, total, back=True),
    )
    return Entry(
        f"transfer_reversed:{reversal_id}",
        "transfer_reversed",
        at,
        lines,
        reverses,
        "",
        "payout",
        str(payout_id),
        {"reversal_id": reversal_id},
    )


def stripe_fee(balance_tx_id: str, amount: Money, *, at: dt.datetime) -> Entry:
    """Return the entry of a fee that Stripe took from our balance; a negative amount is a fee given back."""
    lines = (
        debit(platform("platform:stripe_cost", amount.currency), amount),
        credit(platform("stripe:platform_balance", amount.currency), amount),
    )
    return Entry(
        f"stripe_fee:{balance_tx_id}", "stripe_fee", at, lines, None, "", "balance_tx", balance_tx_id
    )


def unallocated(balance_tx_id: str, amount: Money, *, at: dt.datetime) -> Entry:
    """Return the entry of money that moved at Stripe and that nothing of ours explains; above zero it came in."""
    lines = (
        debit(platform("stripe:platform_balance", amount.currency), amount),
        credit(platform("stripe:unallocated", amount.currency), amount),
    )
    return Entry(
        f"unallocated:{balance_tx_id}", "unallocated", at, lines, None, "", "balance_tx", balance_tx_id
    )


def withdrawn(balance_tx_id: str, amount: Money, *, at: dt.datetime) -> Entry:
    """Return the entry of our own payout from Stripe, which is on its way to our bank."""
    lines = (
        debit(platform("stripe:payout_in_transit", amount.currency), amount),
        credit(platform("stripe:platform_balance", amount.currency), amount),
    )
    return Entry(f"withdrawn:{balance_tx_id}", "withdrawn", at, lines, None, "", "balance_tx", balance_tx_id)


def banked(bank_line_id: str, amount: Money, *, at: dt.datetime) -> Entry:
    """Return the entry of our own payout that the bank statement shows."""
    lines = (
        debit(platform("bank:main", amount.currency), amount),
        credit(platform("stripe:payout_in_transit", amount.currency), amount),
    )
    return Entry(f"banked:{bank_line_id}", "banked", at, lines, None, "", "bank_line", bank_line_id)
