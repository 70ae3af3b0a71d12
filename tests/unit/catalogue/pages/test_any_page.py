"""Whatever a page is, reading it ends, soon, with an answer; and what was mended is what stood there."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.pages import loose_json
from marketplace.catalogue.pages.encoding import text_of
from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.pages.reading import read_page
from marketplace.catalogue.rows.reading import RawRow, read_row
from tests.drawn import examples

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


@examples(80)
@given(st.binary(max_size=400), st.text(max_size=12))
def test_any_bytes_give_an_answer(content: bytes, charset: str) -> None:
    text_of(content, charset)
    whole(read_page(content, URL, charset))


@examples(120)
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


@examples(120)
@given(_PRODUCTS)
def test_any_nesting_of_the_right_names_gives_an_answer(told: object) -> None:
    text = json.dumps({"@type": "Product", "x": told} | (told if isinstance(told, dict) else {}))
    whole(read_page(f'<script type="application/ld+json">{text}</script>'.encode(), URL))


@examples(100)
@given(_JSON)
def test_right_json_is_read_as_it_is_and_mending_leaves_it_so(value: object) -> None:
    text = json.dumps(value)
    assert loose_json.values(text) == [value]
    assert json.loads(loose_json.mended(text), strict=False) == value


# What grows by the square takes more than a second at the small size already.
SIZES = pytest.mark.parametrize(
    ("size", "seconds"), [(20_000, 1), pytest.param(300_000, 5, marks=pytest.mark.slow)]
)


@SIZES
def test_what_is_made_to_take_long_takes_little(size: int, seconds: int) -> None:
    made = [
        "[" * size, '{"a":' * (size // 5), '"' * size, "\\" * size, "/*" * size, "<!--" * (size // 4), "]" * size,
        "{}" * (size // 2), '{"a":"' + "\n" * size, '{"a":"x"' + "\n" * size + "x", '{"a":"' + '",' * (size // 2),
        '{"a":""' + " " * size + '"x', "]]>" * (size // 3), '{"a":' + "9" * size + "}", '["' + '","' * (size // 3),
        "&quot;" * (size // 6), '{"a":"' + '"\n' * (size // 2) + '"b"', '{"a":"' + '","' * (size // 3),
    ]  # fmt: skip
    for content in made:
        begun = time.process_time()
        whole(read_page(f'<script type="application/ld+json">{content}</script>'.encode(), URL))
        assert time.process_time() - begun < seconds, content[:20]


@SIZES
def test_large_pages_take_little(size: int, seconds: int) -> None:
    script = b'<script type="application/ld+json">{"@type":"Product"}</script>'
    made = [
        b"<div>" * size, b"<meta charset" * size, b"<meta property=og:title content=x>" * (size // 10), b"<" * size,
        script * (size // 20), b"\x00" * size,
    ]  # fmt: skip
    for content in made:
        begun = time.process_time()
        whole(read_page(content, URL))
        assert time.process_time() - begun < seconds, content[:20]
