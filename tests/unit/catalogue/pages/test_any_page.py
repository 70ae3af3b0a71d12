"""Whatever a page is, reading it ends, soon, with an answer; and what was mended is what stood there."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.catalogue.pages import loose_json
from marketplace.catalogue.pages.encoding import text_of
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.pages.reading import read_page
from marketplace.catalogue.rows import RawRow, read_row

URL = "https://shop.example/p"
_SHARDS = st.sampled_from(
    ['<script type="application/ld+json">', "</script>", '{"@type":"Product",', '"offers":', '"price":', '"@graph":[',
     '"hasVariant":[', '"@id":"#a"', "{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\\ud800", "<!--", "-->",
     "<![CDATA[", "]]>", "/*", "*/", "//", "&quot;", "&", "null", "NaN", "1e999", "-", "\n", "\x00", "\x0b", "é", "\ud7ff",
     '<meta property="og:title" content="', '">', "<title>", "<svg>", '<link rel="canonical" href="http://[', "<", ">"]
)  # fmt: skip
_PAGES = st.lists(st.one_of(_SHARDS, st.text(max_size=6)), max_size=60).map("".join)


def whole(page: PageRead) -> None:
    """Assert that what came is text that can be stored and shown."""
    for found in page.found.values():
        found.value.encode()
        assert "\x00" not in found.value and found.origin in ("json-ld", "opengraph", "html")
    assert "link" in page.found
    for words in (page.words(), *page.variants):
        read_row(RawRow(1, words), shop_currency="EUR", hosts=frozenset())
    json.dumps([note.as_dict() for note in page.notes])


@settings(max_examples=150)
@given(st.binary(max_size=400), st.text(max_size=12))
def test_any_bytes_give_an_answer(content: bytes, charset: str) -> None:
    text_of(content, charset)
    whole(read_page(content, URL, charset))


@settings(max_examples=300)
@given(_PAGES)
def test_any_pieces_of_pages_give_an_answer(text: str) -> None:
    whole(read_page(text.encode("utf-8", "replace"), URL))


_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(-9999, 9999).map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
_NAMES = st.sampled_from(["@type", "@id", "@graph", "name", "offers", "price", "sku", "hasVariant", "image", "brand",
                          "priceSpecification", "availability", "url", "mainEntity", "category", "model"])  # fmt: skip
_PRODUCTS = st.recursive(
    st.sampled_from(["Product", "ProductGroup", "Offer", "AggregateOffer", "#a", "12", "", URL, "InStock"])
    | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=300)
@given(_PRODUCTS)
def test_any_nesting_of_the_right_names_gives_an_answer(told: object) -> None:
    text = json.dumps({"@type": "Product", "x": told} | (told if isinstance(told, dict) else {}))
    whole(read_page(f'<script type="application/ld+json">{text}</script>'.encode(), URL))


@settings(max_examples=200)
@given(_JSON)
def test_right_json_is_read_as_it_is_and_mending_leaves_it_so(value: object) -> None:
    text = json.dumps(value)
    assert loose_json.values(text) == [value]
    assert json.loads(loose_json.mended(text), strict=False) == value


@pytest.mark.parametrize(
    "content",
    ["[" * 400_000, '{"a":' * 100_000, '"' * 400_000, "\\" * 400_000, "/*" * 200_000, "<!--" * 100_000, "{,", '{"a":"' + "\n" * 400_000,
     '{"a":"x"' + "\n" * 200_000 + "x", '{"a":"' + '",' * 200_000, '{"a":"' + '"' + " " * 300_000 + '"x', "]]>" * 130_000,
     '{"a":' + "9" * 400_000 + "}", '["' + '","' * 120_000, "&quot;" * 70_000, "]" * 400_000, "{}" * 200_000],
)  # fmt: skip
def test_what_is_made_to_take_long_takes_little(content: str) -> None:
    begun = time.process_time()
    whole(read_page(f'<script type="application/ld+json">{content}</script>'.encode(), URL))
    assert time.process_time() - begun < 2.5


@pytest.mark.parametrize(
    "content",
    [b"<div>" * 300_000, b"<meta charset" * 150_000, b"<meta property=og:title content=x>" * 50_000, b"<" * 2_000_000,
     b'<script type="application/ld+json">{"@type":"Product"}</script>' * 30_000, b"\x00" * 2_000_000],
)  # fmt: skip
def test_large_pages_take_little(content: bytes) -> None:
    begun = time.process_time()
    whole(read_page(content, URL))
    assert time.process_time() - begun < 2.5
