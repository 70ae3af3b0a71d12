"""Money never loses, gains or mixes anything."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.errors import CurrencyMismatch
from marketplace.core.money import Money, allocate, divide_half_up, exponent, sum_money

# Fifteen digits is what a decimal string may have.
AMOUNTS = st.integers(1 - 10**15, 10**15 - 1)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "USD"])
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "money"


@given(AMOUNTS, CURRENCIES, WEIGHTS)
def test_parts_of_a_split_sum_to_the_whole_and_stay_within_one_unit(minor, currency, weights):
    total = Money(minor, currency)
    parts = allocate(total, weights)
    assert sum_money(parts, currency) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor * sum(weights) - minor * weight) < sum(weights)
        assert weight or part.is_zero
    assert allocate(-total, weights) == [-part for part in parts]


@given(AMOUNTS, CURRENCIES)
def test_text_and_back_gives_the_same_money(minor, currency):
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money


@given(AMOUNTS, st.integers(0, 10_000))
def test_a_share_and_its_mirror_image_round_alike(minor, basis_points):
    share = Money(minor, "EUR").share_bp(basis_points)
    assert -share == Money(-minor, "EUR").share_bp(basis_points)
    assert abs(share.minor * 10_000 - minor * basis_points) <= 5_000


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_adding_is_associative_and_subtracting_undoes_it(a, b, c):
    x, y, z = (Money(minor, "EUR") for minor in (a, b, c))
    assert (x + y) + z == x + (y + z)
    assert (x + y) - y == x


def test_half_a_cent_goes_away_from_zero():
    assert [divide_half_up(n, 2) for n in (1, 3, -1, -3)] == [1, 2, -1, -2]


def test_currencies_never_mix():
    with pytest.raises(CurrencyMismatch):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        assert Money(1, "EUR") < Money(2, "USD")
    assert Money(1, "EUR") != Money(1, "USD")


@pytest.mark.parametrize("wrong", [1.0, "1", True, None])
def test_money_is_made_of_whole_numbers_only(wrong):
    with pytest.raises(TypeError):
        Money(wrong, "EUR")
    with pytest.raises(TypeError):
        Money(1, "EUR").times(wrong)
    with pytest.raises(TypeError):
        Money(1, "EUR") + wrong


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.",
        ".5",
        "1.005",
        "1e3",
        "+1",
        " 1",
        "1 ",
        "١٢",
        "１２",
        "1,00",
        "NaN",
        "9" * 16,
        "--1",
        "1.00\n",
    ],
)
def test_only_plain_exact_decimals_are_read(text):
    with pytest.raises(ValueError, match="decimal"):
        Money.parse(text, "EUR")


def test_currencies_keep_their_own_decimals():
    assert (exponent("EUR"), exponent("JPY"), exponent("KWD")) == (2, 0, 3)
    assert str(Money(-5, "EUR")) == "-0.05"
    assert str(Money(129, "JPY")) == "129"
    with pytest.raises(ValueError, match="decimals"):
        Money.parse("1.0", "JPY")


@pytest.mark.skipif(not SHARED.is_dir(), reason="published examples are not beside this checkout")
def test_splits_agree_with_published_examples():
    for example in json.loads((SHARED / "largest_remainder_examples.json").read_text()):
        parts = allocate(Money(example["total"], "EUR"), example["weights"])
        assert [part.minor for part in parts] == example["result"], example["source"]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [1, 10, 100], [1, 9, 90]),
        (5, [70, 30], [4, 1]),
        (5, [30, 70], [2, 3]),
    ],
)
def test_splits_give_the_odd_unit_to_the_largest_remainder_first_of_equals(total, weights, parts):
    assert [part.minor for part in allocate(Money(total, "EUR"), weights)] == parts
