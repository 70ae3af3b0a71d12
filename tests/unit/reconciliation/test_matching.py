"""Stripe's movements against the books: what agrees, what is explained, and every cent of the rest."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import Money
from payouts.reconciliation.certificate import age_bucket, figures
from payouts.reconciliation.matching import Booked, Movement, compare
from payouts.reconciliation.report import business_days

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
OLD = NOW - dt.timedelta(hours=2)


def moved(tx: str, net: int, source_id: str | None = None, **facts: object) -> Movement:
    values: dict[str, object] = {"type": "transfer", "currency": "EUR", "created": OLD, "source": {}}
    return Movement(tx_id=tx, source_id=source_id, net_minor=net, **(values | facts))  # type: ignore[arg-type]


def booked(entry: int, amount: int, source: str | None = None, **facts: object) -> Booked:
    values: dict[str, object] = {"kind": "sent", "currency": "EUR", "at": OLD}
    return Booked(entry_id=entry, source_id=source, amount_minor=amount, **(values | facts))  # type: ignore[arg-type]


def test_equal_sides_have_no_difference() -> None:
    assert compare([moved("t1", -500, "tr_1")], [booked(1, -500, "tr_1")], {}, NOW) == []


def test_a_cost_is_met_under_its_own_id() -> None:
    assert compare([moved("t1", -30, None, type="stripe_fee")], [booked(1, -30, "t1")], {}, NOW) == []


def test_a_transfer_made_by_hand_is_missing_in_the_ledger() -> None:
    [found] = compare([moved("t1", -500, "tr_hand")], [], {}, NOW)
    assert (found.kind, found.ref, found.amount_minor, found.explained) == (
        "missing_in_ledger",
        "t1",
        -500,
        None,
    )


def test_a_second_transfer_in_a_paid_group_is_a_duplicate() -> None:
    group = {"transfer_group": "payout_1"}
    movements = [moved("t1", -500, "tr_1", source=group), moved("t2", -500, "tr_2", source=group)]
    [found] = compare(movements, [booked(1, -500, "tr_1")], {}, NOW)
    assert (found.kind, found.ref, found.amount_minor) == ("duplicate", "t2", -500)


def test_an_entry_that_stripe_does_not_know() -> None:
    [found] = compare([], [booked(3, -500, "tr_1")], {}, NOW)
    assert (found.kind, found.amount_minor, found.explained) == ("missing_in_stripe", 500, None)


def test_a_cent_off_is_found() -> None:
    [found] = compare([moved("t1", -501, "tr_1")], [booked(1, -500, "tr_1")], {}, NOW)
    assert (found.kind, found.amount_minor) == ("amount_diff", -1)


@pytest.mark.parametrize(("minutes", "explained"), [(0, True), (14, True), (15, False), (600, False)])
def test_in_transit_is_explained_for_a_quarter_of_an_hour(minutes: int, explained: bool) -> None:
    asked = NOW - dt.timedelta(minutes=minutes)
    movement = moved("t1", -500, "tr_1", created=asked, source={"transfer_group": "payout_1"})
    [found] = compare([movement], [], {"payout_1": asked}, NOW)
    assert (found.explained is not None) is explained
    sums = figures(Money(0, "EUR"), Money(-500, "EUR"), Money(-500, "EUR"), [found])
    assert sums.difference == Money(0 if explained else -500, "EUR")


def test_a_paid_page_whose_webhook_is_on_its_way_is_explained() -> None:
    movement = moved("t1", 975, "ch_1", type="charge", created=NOW, source={"funding_id": "f1"})
    [found] = compare([movement], [], {"f1": None}, NOW)
    assert found.explained is not None


_AMOUNTS = st.dictionaries(
    st.sampled_from([f"tr_{n}" for n in range(8)]), st.integers(-(10**6), 10**6).filter(bool), max_size=8
)


@given(stripe=_AMOUNTS, ours=_AMOUNTS, flying=st.booleans())
def test_the_differences_are_the_whole_gap(
    stripe: dict[str, int], ours: dict[str, int], flying: bool
) -> None:
    movements = [
        moved(f"txn_{key}", net, key, created=NOW, source={"transfer_group": key})
        for key, net in stripe.items()
    ]
    entries = [booked(n, amount, key) for n, (key, amount) in enumerate(ours.items(), start=1)]
    in_flight: dict[str, dt.datetime | None] = dict.fromkeys(stripe) if flying else {}
    found = compare(movements, entries, in_flight, NOW)
    gap = sum(stripe.values()) - sum(ours.values())
    assert sum(one.amount_minor for one in found) == gap
    sums = figures(
        Money(sum(ours.values()), "EUR"),
        Money(sum(stripe.values()), "EUR"),
        Money(sum(stripe.values()), "EUR"),
        found,
    )
    assert sums.difference.minor == sum(one.amount_minor for one in found if one.explained is None)
    assert len({(one.kind, one.ref) for one in found}) == len(found)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "0-1"), (1, "0-1"), (2, "2-5"), (5, "2-5"), (6, "6-10"), (11, "11-30"), (31, ">30")],
)
def test_age_classes(days: int, bucket: str) -> None:
    assert age_bucket(days) == bucket


def test_business_days_skip_the_weekend() -> None:
    friday = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
    assert business_days(friday, friday) == 0
    assert business_days(friday, friday + dt.timedelta(days=2)) == 0
    assert business_days(friday, friday + dt.timedelta(days=3)) == 1
    assert business_days(friday, friday + dt.timedelta(days=14)) == 10
    # Counted day by day for a year, from each day of the week.
    for start in range(7):
        first = friday + dt.timedelta(days=start)
        expected = 0
        for n in range(1, 366):
            expected += (first + dt.timedelta(days=n)).weekday() < 5
            assert business_days(first, first + dt.timedelta(days=n)) == expected
