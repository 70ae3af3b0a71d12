"""Rows of feeds: required words, warnings that keep the row, refusals that say how to put it right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from marketplace.catalogue.rows.reading import FIELDS, RawRow, ReadRow, _is_gtin, read_row
from marketplace.core.money import Money

GOOD = {"id": "A-1", "title": "Pan", "link": "https://shop.example/p/1", "price": "129.00 EUR"}
HOSTS = frozenset({"shop.example"})


def read(**changes: str) -> ReadRow:
    return read_row(RawRow(1, GOOD | changes), shop_currency="EUR", hosts=HOSTS)


def codes(row: ReadRow) -> list[str]:
    return [note.code for note in row.notes]


def test_the_least_that_a_row_needs_is_kept_without_a_word() -> None:
    row = read()
    assert row.facts is not None
    assert (row.sku, row.facts.price, row.notes) == ("A-1", Money(12900, "EUR"), ())
    assert row.facts.category == "" and row.facts.sale_price is None


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"id": " "}, "id", "missing"),
        ({"id": "x" * 201}, "id", "too_long"),
        ({"id": "a\x00b"}, "id", "bad_characters"),
        ({"title": ""}, "title", "missing"),
        ({"title": "a\udcffb"}, "title", "bad_characters"),
        ({"price": "free"}, "price", "price_unreadable"),
        ({"link": "/p/1"}, "link", "link_unreadable"),
    ],
)
def test_bad_rows_are_refused_with_field_code_reason_and_fix(
    changes: dict[str, str], field: str, code: str
) -> None:
    row = read(**changes)
    assert row.facts is None
    note = row.notes[0]
    assert (note.field, note.code, note.refuses) == (field, code, True)
    assert note.reason and note.fix


def test_all_that_is_wrong_is_said_at_once_and_refusals_come_first() -> None:
    row = read(price="free", link="https://other.example/p", image_link="nowhere", title="")
    assert set(codes(row)[:2]) == {"price_unreadable", "missing"}
    assert "host_unverified" in codes(row)[2:]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "12.00 USD"}, "foreign_currency"),
        ({"link": "https://other.example/p"}, "host_unverified"),
        ({"image_link": "nowhere"}, "image_unreadable"),
        ({"gtin": "1234567890123"}, "gtin_invalid"),
        ({"availability": "soon"}, "availability_unknown"),
        ({"sale_price": "cheap"}, "sale_price_unreadable"),
        ({"sale_price": "130.00 EUR"}, "sale_price_unfit"),
        ({"sale_price": "9.00 USD"}, "sale_price_unfit"),
        ({"title": "x" * 501}, "shortened"),
    ],
)
def test_smaller_matters_keep_the_row_with_a_warning(changes: dict[str, str], code: str) -> None:
    row = read(**changes)
    assert row.facts is not None
    assert codes(row) == [code] and row.facts.warnings == (code,)
    assert not row.notes[0].refuses


def test_what_a_shop_writes_is_brought_to_one_form() -> None:
    facts = read(
        sale_price="99,50 EUR",
        gtin="871 2345-678906 ".replace("8712345678906", "8712345678906"),
        availability="In Stock",
        google_product_category="Home>  Kitchen >Pans>",
        product_type="Shop > All",
    ).facts
    assert facts is not None
    assert facts.sale_price == Money(9950, "EUR") and facts.availability == "in_stock"
    assert facts.category == "Home > Kitchen > Pans" and facts.product_type == "Shop > All"
    assert facts.google_category == "Home>  Kitchen >Pans>"


@pytest.mark.parametrize(
    ("google", "product_type", "category"),
    [
        ("1604", "Shop >All", "Apparel & Accessories > Clothing"),
        ("Huis en tuin > Keuken en eetkamer", "Shop", "Home & Garden > Kitchen & Dining"),
        ("4242424", "Shop >All", "Shop > All"),
        ("4242424", "", "4242424"),
        ("", "Shop", "Shop"),
        ("", "", ""),
    ],
)
def test_a_category_of_googles_is_filed_by_its_name_and_an_unknown_number_by_the_shops_own_path(
    google: str, product_type: str, category: str
) -> None:
    facts = read(google_product_category=google, product_type=product_type).facts
    assert facts is not None
    assert (facts.google_category or "", facts.category) == (google, category)


def test_the_content_hash_changes_with_every_fact_and_with_nothing_else() -> None:
    def hash_of(**changes: str) -> bytes:
        facts = read(**changes).facts
        assert facts is not None
        return facts.content_hash()

    changes: list[dict[str, Any]] = [
        {"id": "A-2"}, {"title": "Pot"}, {"description": "x"}, {"link": "https://shop.example/p/2"},
        {"image_link": "https://shop.example/i"}, {"brand": "B"}, {"gtin": "4006381333931"}, {"price": "1 EUR"},
        {"price": "129.00 USD"}, {"sale_price": "1 EUR"}, {"availability": "in stock"}, {"product_type": "T"},
        {"google_product_category": "1"}, {"link": "https://other.example/p/1"},
    ]  # fmt: skip
    hashes = {hash_of(**change) for change in changes}
    assert len(hashes) == len(changes) and hash_of() not in hashes
    assert hash_of() == hash_of(price="EUR 129") == hash_of(unknown="x")


@given(st.from_regex(r"[0-9]{7,15}", fullmatch=True) | st.text(max_size=15))
def test_a_gtin_is_right_when_stdnum_says_so(value: str) -> None:
    assert _is_gtin(value) == (value.isascii() and ean.is_valid(value) and value == ean.compact(value))


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60)))
def test_no_words_make_a_row_raise(fields: dict[str, str]) -> None:
    row = read_row(RawRow(1, fields), shop_currency="EUR", hosts=frozenset())
    assert (row.facts is None) == any(note.refuses for note in row.notes)
    if row.facts is not None:
        row.facts.content_hash()
