"""The catalogues of the demo's shops: enough of everything, nothing twice, and feeds that lose the rows they say."""

import re
from collections import Counter
from decimal import Decimal

import pytest
from stdnum import ean

from marketplace.catalogue.feeds.formats.reading import feed_rows
from marketplace.catalogue.rows.reading import ReadRow, read_row
from marketplace.catalogue.taxonomy.google import bundled
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.world.feeds import REFUSED, feed
from marketplace.devtools.world.shelf import ARRIVES, LEAVES, STEADY, shelf
from marketplace.devtools.world.shops import SHOPS, ShopFacts, catalogue, product, shop, shop_of_host
from marketplace.offers.documents import read_document

EVERYTHING = [one for each in SHOPS for one in catalogue(each.key)]
# What begins a product's drawing, and between which amounts such a thing may cost.
RANGES = {
    "bag": ("7.50", "32"), "grinder": ("29", "549"), "machine": ("149", "1895"), "tent": ("200", "600"),
    "backpack": ("19.95", "279"), "jacket": ("50", "300"), "sleeping": ("19.95", "379"), "map": ("9.95", "19.95"),
    "guide": ("9.95", "29.95"), "book": ("9.95", "22.50"),
}  # fmt: skip
PRESENT = {
    "BK-001": ("27.50", "Food, Beverages & Tobacco > Beverages > Coffee"),
    "BK-002": ("12.95", "Food, Beverages & Tobacco > Beverages > Coffee"),
    "BK-003": ("89.00", "Home & Garden > Kitchen & Dining > Coffee Grinders"),
    "BK-004": ("45.00", "Home & Garden > Kitchen & Dining > Coffee Makers"),
    "BK-005": ("649.00", "Home & Garden > Kitchen & Dining > Espresso Machines"),
    "BK-006": ("50.00", "Arts & Entertainment > Gift Giving > Gift Cards"),
}


def rows_of(facts: ShopFacts, day: int) -> list[ReadRow]:
    hosts = frozenset(facts.hosts)
    return [read_row(row, shop_currency="EUR", hosts=hosts) for row in feed_rows([feed(facts.key, day)])]


def test_three_shops_have_at_least_150_products_each() -> None:
    assert [one.key for one in SHOPS] == ["coffee", "hiking", "books"]
    assert min(len(catalogue(one.key)) for one in SHOPS) >= 150
    assert {one.feed_format for one in SHOPS} == {"rss", "csv", "atom"}


def test_no_sku_title_description_or_sentence_stands_there_twice() -> None:
    for words in ("sku", "title", "description", "slug"):
        seen = Counter(getattr(one, words) for one in EVERYTHING)
        assert [word for word, times in seen.items() if times > 1] == []
    sentences = Counter(
        sentence for one in EVERYTHING for sentence in re.split(r"(?<=[.?!])\s+", one.description)
    )
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


def test_descriptions_are_two_to_four_whole_sentences() -> None:
    for one in EVERYTHING:
        sentences = re.split(r"(?<=[.?!])\s+", one.description)
        assert 2 <= len(sentences) <= 4, one.sku
        assert one.description[-1] in ".?!" and all(
            sentence[0].isupper() or sentence[:2] == "'s" for sentence in sentences
        ), one.sku
        assert 60 <= len(one.description) <= 400, one.sku


def test_prices_lie_where_such_things_cost() -> None:
    for one in EVERYTHING:
        low, high = RANGES.get(one.drawing.partition(":")[0], ("4.95", "400"))
        assert Decimal(low) <= one.price <= Decimal(high), (one.sku, one.price)
        assert one.sale_price is None or one.sale_price < one.price
    boots = [
        one
        for one in EVERYTHING
        if one.category_path == "Apparel & Accessories > Shoes" and "schoen" in one.title.lower()
    ]
    assert all(Decimal(89) <= one.price <= Decimal(349) for one in boots)


def test_every_gtin_has_its_check_digit_and_belongs_to_nobody() -> None:
    numbers = [one.gtin for one in EVERYTHING if one.gtin is not None]
    # Numbers that begin with 2 are for use inside a shop.
    assert all(ean.is_valid(number) and number.startswith("2") for number in numbers)
    assert len(set(numbers)) == len(numbers) > 400
    assert len(numbers) < len(EVERYTHING)


def test_categories_have_the_numbers_that_google_gives_them() -> None:
    known = bundled()
    for one in EVERYTHING:
        found = known.find(one.category_path)
        if one.category_id is None:
            assert found is None, one.category_path
        elif found is not None:
            assert found.id == one.category_id, one.category_path
    assert sum(one.category_id is not None for one in EVERYTHING) >= 470


def test_the_coffee_shop_keeps_what_terms_speak_of() -> None:
    found = {
        one.sku: (str(one.price), one.category_path) for one in catalogue("coffee") if one.sku in PRESENT
    }
    assert found == PRESENT


def test_part_of_the_world_is_in_english() -> None:
    assert Counter(one.language for one in catalogue("hiking"))["en"] >= 35
    assert {one.language for one in catalogue("coffee")} == {"nl"}


@pytest.mark.parametrize("facts", SHOPS, ids=lambda one: one.key)
def test_terms_can_be_published(facts: ShopFacts) -> None:
    for offer in facts.offers:
        read_document(offer.terms, facts.currency)
        if offer.later_terms is not None:
            assert read_document(offer.later_terms, facts.currency) != read_document(
                offer.terms, facts.currency
            )


def test_one_shop_changes_its_terms() -> None:
    assert sum(offer.later_terms is not None for one in SHOPS for offer in one.offers) == 1


def test_a_shop_is_found_by_its_key_and_its_hosts() -> None:
    assert shop_of_host("WWW.uilenkaft.example") is shop("books")
    assert shop_of_host("uilenkaft.example.org") is None
    assert product("kp-001") is catalogue("hiking")[0]
    with pytest.raises(DevtoolsError, match="no shop 'cheese'"):
        catalogue("cheese")


@pytest.mark.parametrize("day", [0, 45, 90])
@pytest.mark.parametrize("facts", SHOPS, ids=lambda one: one.key)
def test_a_feed_loses_exactly_the_rows_that_it_says(facts: ShopFacts, day: int) -> None:
    rows = rows_of(facts, day)
    assert sum(row.facts is None for row in rows) == REFUSED[facts.key]
    # One product stands there twice, and in one feed a row has lost its id.
    assert len(rows) == len(shelf(facts.key, day)) + 1 + (facts.key == "books")


def test_feeds_are_as_sloppy_as_real_ones_and_still_read() -> None:
    read = {row.sku: row for each in SHOPS for row in rows_of(each, 0)}
    assert feed("coffee", 0).startswith(b"\xef\xbb\xbf")
    assert b"89.0000 EUR" in feed("coffee", 0)
    assert b";Image Link;" in feed("hiking", 0)
    assert b"\r\n" in feed("hiking", 0)
    assert str(read["BK-003"].facts and read["BK-003"].facts.price) == "89.00"
    assert {note.code for note in read["BK-007"].notes} == {"price_missing"}
    assert {note.code for note in read["KP-030"].notes} == {"price_unreadable"}
    assert {note.code for note in read["BK-040"].notes} == {"gtin_invalid"}


@pytest.mark.parametrize("facts", SHOPS, ids=lambda one: one.key)
def test_what_a_feed_says_is_what_is_on_the_shelf(facts: ShopFacts) -> None:
    read = {row.sku: row.facts for row in rows_of(facts, 45) if row.facts is not None}
    for one in shelf(facts.key, 45):
        said = read.get(one.product.sku)
        if said is None:
            continue
        assert Decimal(str(said.price)) == one.price, one.product.sku
        assert (said.sale_price and Decimal(str(said.sale_price))) == one.sale_price, one.product.sku
        assert said.link == one.product.link


def test_days_change_prices_put_things_on_sale_and_let_products_come_and_go() -> None:
    for facts in SHOPS:
        first = {one.product.sku: one for one in shelf(facts.key, 0)}
        last = {one.product.sku: one for one in shelf(facts.key, 90)}
        assert len(first.keys() - last.keys()) == len(last.keys() - first.keys()) == 2
        assert sum(first[sku].price != last[sku].price for sku in first.keys() & last.keys()) >= 10
        assert sum(one.sale_price is not None for one in shelf(facts.key, 45)) >= 3
        assert all(first[sku].pays == last[sku].pays for sku in STEADY & first.keys())
    assert all(product(sku) is not None for sku in LEAVES | ARRIVES)


def test_a_feed_of_a_day_is_always_the_same() -> None:
    shelf.cache_clear()
    before = [feed(one.key, 33) for one in SHOPS]
    shelf.cache_clear()
    assert [feed(one.key, 33) for one in SHOPS] == before
