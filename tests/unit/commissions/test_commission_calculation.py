"""Terms to money per line: bases, precedence, rounding, flat amounts, limits."""

import datetime as dt
import uuid

import pytest

from marketplace.core.money import Money
from marketplace.offers.rates import EXCLUDED, Flat, Percent, Rule
from marketplace.offers.terms import Base, Terms
from tracking.commissions.calculation import CommissionTooLarge, commission_for
from tracking.orders.remaining import Line, Shipping

NONE = Shipping.none("EUR")


def eur(text):
    return Money.parse(text, "EUR")


def make_terms(
    default=None, rules=(), *, tax=False, shipping=False, gift_cards=False, minimum=None, maximum=None
):
    return Terms(
        id=uuid.uuid4(),
        offer_id=uuid.uuid4(),
        version=3,
        effective_from=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        window=dt.timedelta(days=30),
        hold=dt.timedelta(days=30),
        default=default or Percent(1000),
        rules=tuple(rules),
        base=Base(tax, shipping, gift_cards),
        minimum=eur(minimum) if minimum else None,
        maximum=eur(maximum) if maximum else None,
        own_shop=False,
        currency="EUR",
    )


def line(ref, net="100.00", *, sku=None, category=None, quantity=1, tax="21.00", gift=False):
    return Line(ref, sku or ref, category, quantity, eur(net), eur(tax), gift)


def amounts(calculation):
    return {share.line_ref: str(share.amount) for share in calculation.lines}


def test_ten_percent_of_net_by_default():
    found = commission_for(
        [line("a"), line("b", "50.00")], Shipping(eur("5.00"), eur("1.05")), make_terms(), "EUR"
    )
    assert (str(found.total), amounts(found)) == ("15.00", {"a": "10.00", "b": "5.00"})
    assert (found.terms_version, found.limit) == (3, None)


def test_tax_and_shipping_count_where_the_base_says_so():
    terms = make_terms(tax=True, shipping=True)
    found = commission_for([line("a")], Shipping(eur("5.00"), eur("1.05")), terms, "EUR")
    assert amounts(found) == {"a": "12.10", None: "0.61"}
    assert found.total == eur("12.71")


def test_each_line_is_rounded_half_up_by_itself():
    found = commission_for(
        [line("a", "0.05"), line("b", "0.05"), line("c", "0.04")], NONE, make_terms(), "EUR"
    )
    assert amounts(found) == {"a": "0.01", "b": "0.01", "c": "0.00"}


def test_exclusion_beats_product_beats_category_beats_default():
    rules = [
        Rule(None, "Home > Kitchen", Percent(500)),
        Rule(None, "Home", Percent(200)),
        Rule("pan", None, Percent(2000)),
        Rule(None, "Home > Knives", EXCLUDED),
        Rule("knife", None, Percent(2000)),
    ]
    lines = [
        line("1", sku="pan", category="Home > Kitchen > Pans"),
        line("2", sku="pot", category="home > kitchen > Pots"),
        line("3", sku="sofa", category="Home > Living"),
        line("4", sku="knife", category="Home > Knives > Chef"),
        line("5", sku="book", category="Books"),
        line("6", sku="what"),
    ]
    found = commission_for(lines, NONE, make_terms(rules=rules), "EUR")
    assert amounts(found) == {"1": "20.00", "2": "5.00", "3": "2.00", "4": "0.00", "5": "10.00", "6": "10.00"}
    assert [share.source for share in found.lines] == [
        "product",
        "category",
        "category",
        "exclusion",
        "default",
        "default",
    ]
    assert found.lines[3].rate is None


def test_a_flat_amount_per_order_counts_once_and_is_spread_by_base():
    found = commission_for(
        [line("a", "10.00"), line("b", "20.00"), line("c", "70.00")],
        NONE,
        make_terms(Flat(eur("5.01"), "order")),
        "EUR",
    )
    assert amounts(found) == {"a": "0.50", "b": "1.00", "c": "3.51"}
    assert found.total == eur("5.01")


def test_a_flat_amount_per_order_counts_once_for_each_rule():
    rules = [Rule(None, "Books", Flat(eur("2.00"), "order"))]
    lines = [line("a"), line("b", category="Books"), line("c", category="Books > Old")]
    found = commission_for(lines, NONE, make_terms(Flat(eur("5.00"), "order"), rules), "EUR")
    assert amounts(found) == {"a": "5.00", "b": "1.00", "c": "1.00"}


def test_a_flat_amount_per_item_counts_each_piece():
    found = commission_for([line("a", quantity=3)], NONE, make_terms(Flat(eur("1.50"), "item")), "EUR")
    assert found.total == eur("4.50")


def test_gift_cards_earn_only_where_the_base_says_so():
    lines = [line("a"), line("g", "50.00", gift=True)]
    assert amounts(commission_for(lines, NONE, make_terms(), "EUR")) == {"a": "10.00", "g": "0.00"}
    assert commission_for(lines, NONE, make_terms(gift_cards=True), "EUR").total == eur("15.00")


def test_minimum_and_maximum_hold_for_the_order_and_are_spread_by_largest_remainder():
    lines = [line("a", "10.00"), line("b", "10.00"), line("c", "10.00")]
    low = commission_for(lines, NONE, make_terms(minimum="5.00"), "EUR")
    assert (low.limit, amounts(low)) == ("minimum", {"a": "1.67", "b": "1.67", "c": "1.66"})
    high = commission_for(lines, NONE, make_terms(maximum="2.00"), "EUR")
    assert (high.limit, amounts(high)) == ("maximum", {"a": "0.67", "b": "0.67", "c": "0.66"})
    assert str(high.before_limits) == "3.00"
    assert [str(share.computed) for share in high.lines] == ["1.00", "1.00", "1.00"]


def test_a_minimum_over_a_rate_of_zero_is_spread_by_base():
    lines = [line("a", "10.00"), line("b", "30.00")]
    assert amounts(commission_for(lines, NONE, make_terms(Percent(0), minimum="1.00"), "EUR")) == {
        "a": "0.25",
        "b": "0.75",
    }


@pytest.mark.parametrize(
    "terms",
    [
        make_terms(minimum="5.00"),
        make_terms(Flat(eur("5.00"), "order"), shipping=True),
        make_terms(Flat(eur("5.00"), "item")),
        make_terms(tax=True, shipping=True, minimum="5.00"),
    ],
)
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line("a", "0.00", tax="0.00")],
        [line("a", quantity=0, net="50.00")],
        [line("g", gift=True)],
    ],
)
def test_an_order_without_lines_left_earns_exactly_nothing(terms, lines):
    found = commission_for(lines, Shipping(eur("5.00"), eur("1.05")), terms, "EUR")
    assert found.total == eur("0.00")
    assert all(share.amount.is_zero for share in found.lines)


def test_excluded_lines_alone_call_up_no_minimum_no_flat_amount_and_no_shipping():
    rules = [Rule("a", None, EXCLUDED)]
    terms = make_terms(rules=rules, minimum="5.00", shipping=True)
    assert commission_for([line("a")], Shipping(eur("5.00"), eur("1.05")), terms, "EUR").total.is_zero


def test_terms_that_give_more_than_can_be_booked_are_refused():
    terms = make_terms(Flat(eur("999999999999999.00"), "item"))
    with pytest.raises(CommissionTooLarge):
        commission_for([line("a", quantity=1_000_000)], NONE, terms, "EUR")


def test_a_receipt_shows_the_arithmetic():
    found = commission_for([line("a", "33.33")], NONE, make_terms(maximum="3.00"), "EUR").to_json()
    assert found["lines"] == [
        {
            "line_ref": "a",
            "sku": "a",
            "base": {"amount": "33.33", "currency": "EUR"},
            "source": "default",
            "rule": None,
            "rate": {"percent_bp": 1000},
            "computed": {"amount": "3.33", "currency": "EUR"},
            "amount": {"amount": "3.00", "currency": "EUR"},
        }
    ]
    assert (found["limit"], found["terms_version"]) == ("maximum", 3)
