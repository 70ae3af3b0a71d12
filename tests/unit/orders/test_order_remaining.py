"""What is left of an order after refunds, to the cent."""

import pytest

from marketplace.core.money import Money
from tracking.orders.remaining import (
    Line,
    RefundedLine,
    Return,
    Shipping,
    after,
    misfit,
    remaining,
    state_of,
)


def eur(text: str) -> Money:
    return Money.parse(text, "EUR")


def line(ref="a", quantity=2, net="100.00", tax="21.00"):
    return Line(ref, f"sku-{ref}", None, quantity, eur(net), eur(tax))


SHIPPING = Shipping(eur("5.00"), eur("1.05"))


def returned(*parts, **more):
    return Return(tuple(RefundedLine(*part) for part in parts), **more)


def test_a_partial_refund_takes_pieces_net_and_a_share_of_tax():
    left = remaining([line()], SHIPPING, [returned(("a", 1, eur("50.00")))])
    assert (left.lines[0].quantity, left.lines[0].net, left.lines[0].tax) == (1, eur("50.00"), eur("10.50"))
    assert left.shipping == SHIPPING


def test_tax_that_is_told_is_taken_as_told():
    left = remaining([line()], SHIPPING, [returned(("a", 1, eur("50.00"), eur("9.00")))])
    assert left.lines[0].tax == eur("12.00")


def test_three_thirds_leave_exactly_nothing():
    third = returned(("a", 0, eur("3.33")))
    left = remaining([line(net="9.99", tax="2.10")], SHIPPING, [third, third, third])
    assert left.lines[0].net == left.lines[0].tax == eur("0.00")
    assert left.is_gone


@pytest.mark.parametrize("part", [("a", 2, eur("0.00")), ("a", 0, eur("100.00"))])
def test_a_line_without_pieces_or_without_net_is_gone(part):
    assert remaining([line()], SHIPPING, [returned(part)]).is_gone


def test_a_line_that_never_cost_anything_is_no_line():
    assert remaining([line(net="0.00", tax="0.00")], SHIPPING, []).is_gone


@pytest.mark.parametrize(
    ("refund", "field", "reason"),
    [
        (returned(("b", 1, eur("1.00"))), "lines.0.line_ref", "unknown_line"),
        (returned(("a", 3, eur("1.00"))), "lines.0.quantity", "refund_exceeds_order"),
        (returned(("a", 1, eur("100.01"))), "lines.0.net", "refund_exceeds_order"),
        (returned(("a", 1, eur("1.00"), eur("21.01"))), "lines.0.tax", "refund_exceeds_order"),
        (returned(shipping_net=eur("5.01")), "shipping.net", "refund_exceeds_order"),
        (
            returned(shipping_net=eur("1.00"), shipping_tax=eur("1.06")),
            "shipping.tax",
            "refund_exceeds_order",
        ),
    ],
)
def test_a_refund_above_what_is_left_does_not_fit(refund, field, reason):
    found = misfit(remaining([line()], SHIPPING, []), refund)
    assert (found.field, found.reason) == (field, reason)
    with pytest.raises(ValueError, match=reason):
        after(remaining([line()], SHIPPING, []), refund)


def test_two_refunds_of_one_line_can_not_exceed_it_together():
    first = returned(("a", 1, eur("60.00")))
    left = remaining([line()], SHIPPING, [first])
    assert misfit(left, first).field == "lines.0.net"


def test_a_cancellation_takes_everything_that_is_left():
    left = remaining(
        [line(), line("b")], SHIPPING, [returned(("a", 1, eur("50.00"))), Return(is_cancel=True)]
    )
    assert left.is_gone
    assert {(one.quantity, one.net.minor, one.tax.minor) for one in left.lines} == {(0, 0, 0)}
    assert left.shipping == Shipping.none("EUR")


def test_the_state_of_an_order():
    left = remaining([line()], SHIPPING, [])
    part = returned(("a", 1, eur("50.00")))
    whole = returned(("a", 2, eur("100.00")))
    assert state_of([], left) == "received"
    assert state_of([part], after(left, part)) == "partly_refunded"
    assert state_of([whole], after(left, whole)) == "refunded"
    assert state_of([part, Return(is_cancel=True)], left) == "cancelled"
