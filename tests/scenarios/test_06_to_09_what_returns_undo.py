"""Scenarios 6 to 9: shares to the cent, and what a return undoes before and after the money was paid."""

from __future__ import annotations

import pytest

from marketplace.core import db
from marketplace.core.money import Money, allocate
from marketplace.offers import publishing
from tests.conftest import Database
from tests.integration.payouts.world import World as Books
from tests.integration.tracking.trade import line, money
from tests.integration.tracking.world import TERMS
from tests.scenarios.house import House


def shares(order: dict[str, object]) -> list[str]:
    """Return what each line of an order's only commission earns."""
    [commission] = order["commissions"]  # type: ignore[misc]
    return [one["amount"]["amount"] for one in commission["lines"]]


def test_ten_euro_over_three_equal_lines_is_334_333_333_and_the_same_line_gets_the_odd_cent(
    house: House,
) -> None:
    """Scenario 6: EUR 10.00 split in three is 3.34, 3.33, 3.33, always the same receiver of the odd cent."""
    flat = {"default": {"flat": "10.00", "per": "order"}}
    with db.transaction() as session:
        owner, offer = house.trade.world.owner, house.trade.world.offer_id
        publishing.publish(session, owner, offer, TERMS | flat, now=house.world.now())
    house.world.advance(days=8)
    for ref in ("A-1", "A-2", "A-3"):
        assert shares(house.sell(ref, *(line(str(n), "20.00") for n in range(3)))) == ["3.34", "3.33", "3.33"]
    assert shares(house.read("/orders/A-1", house.trade.key)) == ["3.34", "3.33", "3.33"]


@pytest.mark.parametrize(
    ("currency", "total", "parts"),
    [
        pytest.param("JPY", 1_000, [334, 333, 333], id="JPY"),
        pytest.param("HUF", 1, [1, 0, 0], id="HUF"),
    ],
)
def test_other_currencies_are_split_and_kept_in_their_own_units(
    database: Database, currency: str, total: int, parts: list[int]
) -> None:
    """Scenario 6: JPY and HUF likewise, each in its own smallest unit and in accounts of its own."""
    split = allocate(Money(total, currency), [1, 1, 1])
    assert [one.minor for one in split] == parts
    books = Books(database)
    try:
        shop, advisers = books.shop(currency=currency), [books.adviser() for _ in range(3)]
        books.pay_in(shop, 10 * total, currency=currency)
        for adviser, share in zip(advisers, split, strict=True):
            if share.minor:
                books.move(books.sale(shop, adviser, share.minor, currency=currency), "approved")
        books.post()
        assert [books.balance("adviser:available", one, currency) for one in advisers] == parts
        assert [books.balance("adviser:available", one) for one in advisers] == [0, 0, 0]
    finally:
        books.close()


def test_three_returns_that_are_the_whole_order_leave_exactly_nothing(house: House) -> None:
    """Scenario 7: three partial returns that together return the order reverse commission and fee to exactly 0."""
    house.world.budget(50_000)
    house.sell("A-1", line("1", "10.05", quantity=3))
    assert house.books()["adviser:pending"] == 101
    left = []
    for n in (1, 2, 3):
        house.take_back("A-1", f"R-{n}", {"line_ref": "1", "quantity": 1, "net": money("3.35")})
        books = house.books()
        left.append((books.get("adviser:pending", 0), books.get("platform:fee_pending", 0)))
    assert left == [(67, 7), (34, 3), (0, 0)]
    assert house.books() == {"stripe:platform_balance": 50_000, "shop:prepaid": 50_000}
    # A fourth one would take back more than the order, and changes nothing.
    more = {"line_ref": "1", "quantity": 0, "net": money("0.01")}
    house.world.play("app")
    house.trade.refund("A-1", "R-4", more, status=422)
    house.work()
    assert house.books() == {"stripe:platform_balance": 50_000, "shop:prepaid": 50_000}


def test_a_return_before_maturity_lowers_pending_and_frees_the_budget_at_once(house: House) -> None:
    """Scenario 8: a return before maturity lowers pending, leaves available alone, and the budget is back at once."""
    house.world.budget(50_000)
    house.approve(house.sell("A-1", line("1", "200.00")))
    house.sell("A-2", line("1", "100.00"))
    before = house.books()
    assert (before["adviser:available"], before["adviser:pending"]) == (2_000, 1_000)
    assert before["shop:prepaid"] == 50_000 - 2_200 - 1_100
    house.take_back("A-2", "R-1", {"line_ref": "1", "quantity": 1, "net": money("100.00")})
    after = house.books()
    assert (after["adviser:available"], after.get("adviser:pending", 0)) == (2_000, 0)
    assert after["shop:prepaid"] == 50_000 - 2_200
    told = house.earnings(house.anne)
    assert (told["on_hold"]["amount"]["amount"], told["payable"]["amount"]["amount"]) == ("0.00", "20.00")


def test_a_return_after_payout_is_owed_back_netted_by_the_next_sale_and_told(house: House) -> None:
    """Scenario 9: a return after payout leaves available at 0, the next accrual nets the debt, the adviser sees why."""
    house.world.budget(50_000)
    house.world.connect(house.anne.actor)
    house.approve(house.sell("A-1", line("1", "300.00")))
    assert house.pay().state == "done"
    assert house.world.transfers() == (1, 3_000)
    house.take_back("A-1", "R-1", {"line_ref": "1", "quantity": 0, "net": money("100.00")})
    books = house.books()
    assert (books.get("adviser:available", 0), books["adviser:receivable"]) == (0, 1_000)
    told = house.earnings(house.anne)
    assert told["recovering"]["amount"] == money("10.00")
    assert told["recovering"]["note"] == "Returned after it was paid; the next approvals pay it back."
    [listed] = house.read("/commissions", house.anne.bearer)["items"]
    assert (listed["amount"], listed["state"]) == (money("20.00"), "approved")
    assert [(one["kind"], one["delta"]["amount"], one["cause"]) for one in listed["moves"]] == [
        ("earned", "30.00", "order"),
        ("approved", "0.00", "shop"),
        ("reversed", "-10.00", "refund:R-1"),
    ]
    house.approve(house.sell("A-2", line("1", "250.00")))
    books = house.books()
    assert (books["adviser:available"], books.get("adviser:receivable", 0)) == (1_500, 0)
    told = house.earnings(house.anne)
    assert (told["payable"]["amount"], told["recovering"]["amount"]) == (money("15.00"), money("0.00"))
