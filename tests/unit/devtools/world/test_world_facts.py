"""The facts in docs/demo.md: what the plan comes to by plain arithmetic stands there, and they are written in place."""

from decimal import Decimal

import pytest

from marketplace.devtools import facts_command
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.world import events, expected, totals
from marketplace.devtools.world.plan import plan
from marketplace.devtools.world.totals import BEGIN, END, Sold, Table

KITCHEN, BEANS = "Home & Garden > Kitchen & Dining", "Food, Beverages & Tobacco > Beverages > Coffee"
TERMS = {
    "default": {"percent_bp": 1000},
    "rules": [
        {"category": KITCHEN, "rate": {"percent_bp": 800}},
        {"category": f"{KITCHEN} > Coffee Grinders", "rate": {"flat": "5.00", "per": "order"}},
        {"sku": "BK-005", "rate": {"flat": "40.00", "per": "item"}},
        {"sku": "BK-006", "exclude": True},
    ],
    "minimum": "1.00",
    "maximum": "90.00",
}


def line(net, sku="BK-001", category=BEANS, pieces=1):
    amount = Decimal(net)
    return events.SoldLine("1", sku, "x", category, pieces, amount, Decimal(0)), pieces, amount


def test_what_the_document_says_of_orders_commissions_advisers_and_disputes_is_what_the_plan_comes_to():
    document = facts_command.DOCUMENT.read_text(encoding="utf-8")
    worked = expected.tables(plan())
    assert len(worked) == 4
    for table in worked:
        assert table.written() in document, f"{table.title}: write it with ./dev facts --write"


def test_the_document_names_the_orders_of_each_story():
    document = facts_command.DOCUMENT.read_text(encoding="utf-8")
    stories: dict[str, list[str]] = {}
    for one in plan().events:
        if isinstance(one, events.Order) and one.story is not None:
            stories.setdefault(one.story, []).append(one.ref)
    for story, refs in stories.items():
        assert f"| {story} | {', '.join(refs)} |" in document
    assert f"`GET /api/v1/orders/{stories['stan'][0]}`" in document


@pytest.mark.parametrize(
    ("lines", "earned"),
    [
        ([line("100.00")], "10.00"),
        ([line("10.05")], "1.01"),
        ([line("100.00", category=f"{KITCHEN} > Cups")], "8.00"),
        ([line("100.00", category="Home & Garden > Kitchen & Dining Rooms")], "10.00"),
        ([line("30.00", category=f"{KITCHEN} > Coffee Grinders"), line("50.00", category=f"{KITCHEN} > Coffee Grinders")], "5.00"),
        ([line("1300.00", sku="BK-005", category=KITCHEN, pieces=2)], "80.00"),
        ([line("3900.00", sku="BK-005", category=KITCHEN, pieces=3)], "90.00"),
        ([line("2.00")], "1.00"),
        ([line("50.00", sku="BK-006")], "0.00"),
        ([], "0.00"),
    ],
)  # fmt: skip
def test_plain_arithmetic_of_terms(lines, earned):
    assert expected.earned(TERMS, lines) == Decimal(earned)


def test_tests_are_counted_apart_and_found_orders_have_no_commission():
    orders, commissions, advisers = totals.sales_tables(
        [
            Sold("A", "web", "Bo", state="approved", commission=Decimal("2.50")),
            Sold("A", "pos", None),
            Sold("B", "web", "Bo", state="pending", commission=Decimal("1.00")),
            Sold("B", "web", None, is_test=True),
        ]
    )
    assert orders.rows == (
        ("A", "2", "1", "1", "1", "1", "0"),
        ("B", "1", "1", "0", "1", "0", "1"),
        ("together", "3", "2", "1", "2", "1", "1"),
    )
    assert commissions.rows[:2] == (("pending", "1", "1.00"), ("approved", "1", "2.50"))
    assert advisers.rows == (("Bo", "2", "3.50"),)


def test_facts_are_written_in_their_place_and_nothing_else_changes(tmp_path):
    document = tmp_path / "demo.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    fresh = totals.written([Table("T", ("a", "b"), (("x", "1"),))])
    facts_command.write(document, fresh)
    text = document.read_text(encoding="utf-8")
    assert totals.in_document(text) == fresh
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "| x | 1 |" in text and "old" not in text


def test_a_document_without_a_place_for_facts_is_refused():
    with pytest.raises(DevtoolsError, match="facts: begin"):
        totals.in_document("nothing here")
