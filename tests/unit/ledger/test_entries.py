"""An entry refuses to be unbalanced before PostgreSQL has to."""

import datetime as dt
import uuid

import pytest

from marketplace.core.errors import CurrencyMismatch, NegativePayable, UnbalancedEntry
from marketplace.core.money import Money
from payouts.ledger import postings
from payouts.ledger.accounts import CHART, Account, UnknownAccountKind
from payouts.ledger.commissions import Due, Parties, accrue, claw_back, fund, mature, reverse_before
from payouts.ledger.entries import AdviserLineWithoutShop, Entry, credit, debit

NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
SHOP, ADVISER = uuid.UUID(int=1), uuid.UUID(int=2)
BANK, STRIPE = Account("bank:main", None, "EUR"), Account("stripe:platform_balance", None, "EUR")


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_an_entry_needs_two_lines_that_sum_to_zero() -> None:
    with pytest.raises(UnbalancedEntry):
        Entry("a", "test", NOW, (debit(BANK, eur(5)),))
    with pytest.raises(UnbalancedEntry):
        Entry("a", "test", NOW, (debit(BANK, eur(5)), credit(STRIPE, eur(4))))


def test_amounts_of_two_currencies_never_balance_each_other() -> None:
    dollars = Account("bank:main", None, "USD")
    with pytest.raises(UnbalancedEntry):
        Entry("a", "test", NOW, (debit(BANK, eur(5)), credit(dollars, Money(5, "USD"))))
    with pytest.raises(CurrencyMismatch):
        debit(dollars, eur(5))


def test_a_line_of_nothing_is_refused() -> None:
    with pytest.raises(UnbalancedEntry):
        debit(BANK, eur(0))


def test_an_adviser_line_names_its_shop() -> None:
    with pytest.raises(AdviserLineWithoutShop):
        credit(Account("adviser:pending", ADVISER, "EUR"), eur(5))


@pytest.mark.parametrize(
    ("kind", "owner"), [("shop:prepaid", None), ("bank:main", SHOP), ("shop:savings", SHOP)]
)
def test_an_account_off_the_chart_is_refused(kind: str, owner: uuid.UUID | None) -> None:
    with pytest.raises(UnknownAccountKind):
        Account(kind, owner, "EUR")


def test_account_codes_say_kind_owner_and_currency() -> None:
    assert Account("shop:prepaid", SHOP, "EUR").code == f"shop:prepaid:{SHOP}:EUR"
    assert BANK.code == "bank:main:EUR"


def test_only_accounts_without_a_floor_are_spread_over_rows() -> None:
    assert all(kind.shards == 1 for kind in CHART.values() if kind.floored)


def test_the_fingerprint_ignores_when_and_by_whom_and_nothing_else() -> None:
    lines = (debit(BANK, eur(5)), credit(STRIPE, eur(5)))
    first = Entry("a", "test", NOW, lines, actor="x")
    assert first.fingerprint() == Entry("a", "test", NOW + dt.timedelta(1), lines, actor="y").fingerprint()
    more = (debit(BANK, eur(6)), credit(STRIPE, eur(6)))
    others = [
        Entry("a", "other", NOW, lines),
        Entry("a", "test", NOW, more),
        Entry("a", "test", NOW, lines, reverses=1),
        Entry("a", "test", NOW, lines, source_id="1"),
    ]
    assert len({one.fingerprint() for one in (first, *others)}) == 5


def test_the_payout_builders_move_what_they_say() -> None:
    other = uuid.UUID(int=3)
    parts = [(SHOP, eur(900)), (other, eur(-200))]
    payout = uuid.UUID(int=9)
    taken = postings.reserve(payout, ADVISER, parts, at=NOW)
    assert _moved(taken) == {"adviser:available": 700, "adviser:in_transit": -700}
    sent = postings.sent(payout, ADVISER, parts, transfer_id="tr_1", at=NOW)
    assert _moved(sent) == {
        "adviser:in_transit": 700,
        "stripe:platform_balance": -700,
        "memo:connected_balance": 700,
        "memo:connected_owed": -700,
    }
    arrived = postings.in_bank(payout, ADVISER, eur(700), stripe_payout_id="po_1", at=NOW)
    assert _moved(arrived) == {"memo:connected_balance": -700, "memo:connected_owed": 700}
    refused = postings.bank_failed(payout, ADVISER, eur(700), stripe_payout_id="po_1", at=NOW)
    assert _moved(refused) == {"memo:connected_balance": 700, "memo:connected_owed": -700}
    freed = postings.released(payout, ADVISER, parts, attempt=1, at=NOW)
    assert _moved(freed) == {"adviser:in_transit": 700, "adviser:available": -700}
    back = postings.transfer_reversed(payout, ADVISER, parts, reversal_id="trr_1", at=NOW)
    assert _moved(back) == {name: -amount for name, amount in _moved(sent).items()}


def test_a_payout_of_nothing_or_less_is_refused() -> None:
    for parts in ([], [(SHOP, eur(0))], [(SHOP, eur(100)), (SHOP, eur(-101))]):
        with pytest.raises(NegativePayable):
            postings.reserve(uuid.UUID(int=9), ADVISER, parts, at=NOW)


def test_the_stripe_builders_move_what_they_say() -> None:
    assert _moved(postings.stripe_fee("txn_1", eur(30), at=NOW)) == {
        "platform:stripe_cost": 30,
        "stripe:platform_balance": -30,
    }
    assert _moved(postings.unallocated("txn_2", eur(-30), at=NOW)) == {
        "stripe:platform_balance": -30,
        "stripe:unallocated": 30,
    }
    assert _moved(postings.withdrawn("txn_3", eur(30), at=NOW)) == {
        "stripe:payout_in_transit": 30,
        "stripe:platform_balance": -30,
    }
    assert _moved(postings.banked("line_1", eur(30), at=NOW)) == {
        "bank:main": 30,
        "stripe:payout_in_transit": -30,
    }


def test_the_commission_builders_leave_out_what_is_nothing() -> None:
    parties = Parties(SHOP, ADVISER, "EUR")
    free = Due(eur(1000), eur(0))
    assert len(accrue(parties, free, funded=True)) == 2
    assert len(mature(parties, free, recovering=eur(0))) == 2
    assert len(mature(parties, free, recovering=eur(400))) == 3
    assert len(reverse_before(parties, Due(eur(0), eur(0)), free)) == 2
    assert len(claw_back(parties, free, available=eur(600))) == 3
    assert _moved(fund(uuid.UUID(int=8), SHOP, eur(5000), eur(0), at=NOW)) == {
        "stripe:platform_balance": 5000,
        "shop:prepaid": -5000,
    }


def _moved(entry: Entry) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in entry.lines:
        sums[line.account.kind] = sums.get(line.account.kind, 0) + line.amount.minor
    return sums
