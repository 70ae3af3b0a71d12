"""Which rule decides about a product: exclusion > product > category (longest path) > default (D15)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import Money
from marketplace.offers.rates import EXCLUDED, Excluded, Flat, Percent, RuleBook, read_rate, read_rule

DEFAULT = Percent(1000)
BOOK = RuleBook(
    DEFAULT,
    tuple(
        read_rule(rule, "EUR")
        for rule in (
            {"sku": "PAN", "rate": {"percent_bp": 2000}},
            {"sku": "GONE", "exclude": True},
            {"sku": "KNIFE", "rate": {"percent_bp": 2500}},
            {"category": "Home", "rate": {"percent_bp": 500}},
            {"category": "Home > Kitchen", "rate": {"flat": "5.00", "per": "item"}},
            {"category": "Home > Kitchen > Knives", "exclude": True},
        )
    ),
)


@pytest.mark.parametrize(
    ("sku", "category", "source", "outcome"),
    [
        ("X", None, "default", DEFAULT),
        ("X", "Garden", "default", DEFAULT),
        ("X", "Homes > Kitchen", "default", DEFAULT),
        ("X", "Home", "category", Percent(500)),
        ("X", "home >  GARDEN", "category", Percent(500)),
        ("X", "Home > Kitchen > Pans", "category", Flat(Money(500, "EUR"), "item")),
        ("X", "Home > Kitchen > Knives > Bread", "exclusion", EXCLUDED),
        ("PAN", "Home > Kitchen", "product", Percent(2000)),
        ("pan", None, "default", DEFAULT),
        ("GONE", "Garden", "exclusion", EXCLUDED),
        ("KNIFE", "Home > Kitchen > Knives", "exclusion", EXCLUDED),
    ],
)
def test_precedence(sku: str, category: str | None, source: str, outcome: object) -> None:
    match = BOOK.match(sku, category)
    assert (match.source, match.outcome) == (source, outcome)
    assert (match.rule is None) == (source == "default")


def test_a_flat_rate_is_per_order_unless_it_says_per_item() -> None:
    assert read_rate({"flat": "5.00", "per": "order"}, "EUR") == Flat(Money(500, "EUR"), "order")


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(" > ".join)
outcomes = st.just(EXCLUDED) | st.integers(0, 10_000).map(Percent)


@given(
    st.dictionaries(paths, outcomes, max_size=6),
    st.dictionaries(st.sampled_from("xyz"), outcomes),
    st.sampled_from("xyz"),
    paths,
)
def test_precedence_holds_for_any_rules_in_any_order(
    by_category: dict[str, Percent | Excluded], by_sku: dict[str, Percent | Excluded], sku: str, path: str
) -> None:
    from marketplace.offers.rates import Rule

    rules = [Rule(None, name, outcome) for name, outcome in by_category.items()]
    rules += [Rule(name, None, outcome) for name, outcome in by_sku.items()]
    got = RuleBook(DEFAULT, tuple(rules)).match(sku, path)
    assert got == RuleBook(DEFAULT, tuple(reversed(rules))).match(sku, path)
    above = [name for name in by_category if path == name or path.startswith(name + " > ")]
    if by_sku.get(sku) == EXCLUDED or EXCLUDED in [by_category[name] for name in above]:
        assert got.outcome == EXCLUDED
    elif sku in by_sku:
        assert got.outcome == by_sku[sku]
    else:
        assert got.outcome == (by_category[max(above, key=len)] if above else DEFAULT)
