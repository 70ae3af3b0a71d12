"""Pages as shops write them: each shape gives the price, stock and number that a person would read there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marketplace.catalogue.pages.found import PageRead
from marketplace.catalogue.pages.reading import read_page

URL = "https://shop.example/p/beans"
S = "https://schema.org/"


def script(told: Any) -> str:
    content = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    return f'<script type="application/ld+json">{content}</script>'


def read(html: str, url: str = URL) -> PageRead:
    return read_page(html.encode(), url)


def words(page: PageRead, *names: str) -> tuple[str | None, ...]:
    return tuple(page.found[name].value if name in page.found else None for name in names)


def codes(page: PageRead) -> set[str]:
    return {note.code for note in page.notes}


def offer(price: Any = "12.95", currency: Any = "EUR", stock: Any = "InStock", **more: Any) -> dict[str, Any]:
    return {"@type": "Offer", "price": price, "priceCurrency": currency, "availability": stock, **more}


def product(offers: Any, **more: Any) -> dict[str, Any]:
    return {"@context": S, "@type": "Product", "name": "Beans", "sku": "B-1", "offers": offers, **more}


PLAIN = product(offer())
WORDS = ("title", "id", "price", "availability")
USUAL = ("Beans", "B-1", "12.95 EUR", "in_stock")
BREAD = {"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "name": "Koffie"}]}
TEXT = json.dumps(PLAIN)

SHAPES: dict[str, str] = {
    "one object": script(PLAIN),
    "a list of objects": script([BREAD, PLAIN]),
    "two objects in one script": script(json.dumps(BREAD) + "\n" + TEXT),
    "one script each": script(BREAD) + script(PLAIN),
    "a graph": script({"@context": S, "@graph": [{"@type": "WebSite"}, BREAD, PLAIN]}),
    "a graph in a list": script([{"@graph": [PLAIN]}]),
    "mainEntity of a page": script({"@type": "ItemPage", "mainEntity": PLAIN}),
    "types as a list": script(PLAIN | {"@type": ["Product", "Thing"]}),
    "types as addresses": script(PLAIN | {"@type": "http://schema.org/Product"}),
    "names with a prefix": script({f"schema:{k}" if k[0] != "@" else k: v for k, v in PLAIN.items()}
                                  | {"@type": "schema:Product"}),
    "offers referred to by id": script({"@graph": [product({"@id": "#o"}), offer() | {"@id": "#o"}]}),
    "one product in two scripts": script({"@type": "Product", "@id": "#p", "name": "Beans"})
                                  + script({"@type": "Product", "@id": "#p", "sku": "B-1", "offers": offer()}),
    "two plug-ins, each a part": script({"@type": "Product", "name": "Beans", "offers": offer()})
                                 + script({"@type": "Product", "name": "Beans", "sku": "B-1"}),
    "a list of one offer": script(product([offer()])),
    "an aggregate with offers": script(product({"@type": "AggregateOffer", "lowPrice": "1", "priceCurrency": "EUR",
                                                "offers": [offer(currency=None)]})),
    "an aggregate of one price": script(product({"@type": "AggregateOffer", "lowPrice": "12.95", "highPrice": "12.95",
                                                 "priceCurrency": "EUR", "availability": "InStock"})),
    "a number": script(product(offer(price=12.95))),
    "a number as it is written": script(TEXT.replace('"12.95"', "12.9500")).replace("12.9500", "12.95"),
    "a price with a sign": script(product(offer(price="€ 12.95", currency=None))),
    "a currency as a sign": script(product(offer(currency="€"))),
    "a currency in small letters": script(product(offer(currency="eur"))),
    "only a price specification": script(product({"@type": "Offer", "availability": "InStock", "priceSpecification":
                                                  {"@type": "UnitPriceSpecification", "price": "12.95",
                                                   "priceCurrency": "EUR"}})),
    "a list of price specifications": script(product({"@type": "Offer", "availability": "InStock",
        "priceSpecification": [{"price": "51.80", "priceCurrency": "EUR", "referenceQuantity": {"value": "1"}},
                               {"price": "12.95", "priceCurrency": "EUR", "valueAddedTaxIncluded": True}]})),
    "stock as an address": script(product(offer(stock=f"{S}InStock"))),
    "stock as an old address": script(product(offer(stock="http://schema.org/InStock/"))),
    "stock as words": script(product(offer(stock="In stock"))),
    "stock as an object": script(product(offer(stock={"@id": f"{S}InStock"}))),
    "limited stock": script(product(offer(stock=f"{S}LimitedAvailability"))),
    "number of the offer": script({k: v for k, v in PLAIN.items() if k != "sku"} | {"offers": offer(sku="B-1")}),
    "the number as a number": script(product(offer())).replace('"B-1"', '"B-1"'),
    "the article of the offer": script({"@type": "Product", "name": "Beans", "offers":
                                        offer(itemOffered={"@type": "Product", "sku": "B-1"})}),
    "a book": script(PLAIN | {"@type": "Book"}),
    "a trailing comma": script(TEXT[:-1] + ",}"),
    "commas in lists": script("[" + TEXT + ",]"),
    "a comment of HTML": script(f"<!-- {TEXT} -->"),
    "CDATA": script(f"//<![CDATA[\n{TEXT}\n//]]>"),
    "CDATA in comments": script(f"/*<![CDATA[*/{TEXT}/*]]>*/"),
    "a semicolon": script(TEXT + ";"),
    "a byte order mark": script("\ufeff" + TEXT),
    "line breaks in text": script(TEXT.replace("Beans", "Be\nans").replace("Be\nans", "Beans\n")),
    "tabs and controls in text": script(TEXT.replace("Beans", "Beans\t\x07")),
    "a quotation mark in text": script(TEXT[:-1] + ', "description": "the "best" beans, 15" long"}'),
    "a wrong escape": script(TEXT[:-1] + ', "description": "it\\\'s"}'),
    "entities instead of marks": script(TEXT.replace('"', "&quot;")),
    "comments in JSON": script("{ // the product\n" + TEXT[1:-1] + " /* end */ }"),
    "a forgotten comma": script(TEXT[:-1] + '\n"color": "red"}').replace('}}\n"color"', '}, "x": 1\n"color"')
                         .replace('},\n', "},"),
    "an empty value": script(TEXT[:-1] + ', "mpn": , "gtin": }'),
    "undefined": script(TEXT[:-1] + ', "mpn": undefined, "width": NaN}'),
    "other JSON that is broken": script("{nothing") + script(PLAIN),
    "a type in capitals with charset": f'<script type="Application/LD+JSON; charset=utf-8">{TEXT}</script>',
    "in the body": f"<body><div><p>x<div>{script(PLAIN)}</p></body>",
    "among related products": script([product(offer("99.00"), url="https://shop.example/p/other", name="Other",
                                              sku="O"), PLAIN | {"url": URL}]),
    "with related ones inside": script(PLAIN | {"isRelatedTo": [product(offer("1.00"), name="Other")],
                                                "review": {"@type": "Review", "itemReviewed": {"@type": "Product"}}}),
    "offers of which one is of this address": script(product([offer("1.00", url=f"{URL}?v=2"), offer(url=URL)])),
    "a group of one variant": script({"@type": "ProductGroup", "name": "Beans", "hasVariant": [PLAIN]}),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_gives_title_number_price_and_stock(shape: str) -> None:
    page = read(SHAPES[shape])
    assert words(page, *WORDS) == USUAL
    assert {page.found[name].origin for name in WORDS} == {"json-ld"}


def test_there_are_as_many_shapes_as_were_promised() -> None:
    assert len(SHAPES) >= 45


def test_all_other_fields_are_found_in_plain_words() -> None:
    page = read(
        script(
            product(
                offer(),
                name="Caf&eacute; &amp; co",
                description="<p>Fine   <b>beans</b></p>\n&lt;i&gt;new&lt;/i&gt;",
                brand={"@type": "Brand", "name": "Peer"},
                gtin13="8710398527042",
                image=[{"@type": "ImageObject", "url": "//cdn.example/1.jpg"}, "/2.jpg"],
                category=["Koffie", "Bonen"],
            )
        )
    )
    assert words(page, "title", "description", "brand", "gtin", "image_link", "product_type") == (
        "Café & co", "Fine beans new", "Peer", "8710398527042", "https://cdn.example/1.jpg", "Koffie > Bonen",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "found"),
    [("/1.jpg", "https://shop.example/1.jpg"), (["/1.jpg", "/2.jpg"], "https://shop.example/1.jpg"),
     ({"@type": "ImageObject", "contentUrl": "/1.jpg"}, "https://shop.example/1.jpg"),
     ({"@list": []}, None), ("javascript:alert(1)", None), (["", None, []], None)],
)  # fmt: skip
def test_pictures_are_found_however_they_are_given(told: Any, found: str | None) -> None:
    assert words(read(script(product(offer(), image=told))), "image_link") == (found,)


@pytest.mark.parametrize(
    ("amount", "currency", "found"),
    [("12,95", "EUR", "12,95 EUR"), ("1.299,00", "EUR", "1.299,00 EUR"), ("12,-", "EUR", "12 EUR"),
     ("EUR 12.95", "EUR", "12.95 EUR"), ("12.95 €", "EUR", "12.95 EUR"), (0, "EUR", "0 EUR"),
     (109.99, "USD", "109.99 USD"), ("", "EUR", None), (None, "EUR", None), ({"x": 1}, "EUR", None),
     ("12.95", None, "12.95"), ("12.95", "EUROS AND MORE", "12.95")],
)  # fmt: skip
def test_prices_become_the_words_of_a_feed(amount: Any, currency: Any, found: str | None) -> None:
    assert words(read(script(product(offer(amount, currency)))), "price") == (found,)


def test_numbers_are_never_floats() -> None:
    page = read(script('{"@type":"Product","name":"x","sku":12345678901234567890123,'
                       '"offers":{"price":0.1000000000000000055511,"priceCurrency":"EUR"}}'))  # fmt: skip
    assert words(page, "id", "price") == ("12345678901234567890123", "0.1000000000000000055511 EUR")


def test_a_struck_price_is_the_price_and_the_present_one_the_sale() -> None:
    before = {"@type": "UnitPriceSpecification", "price": "19.95", "priceCurrency": "EUR",
              "priceType": f"{S}StrikethroughPrice"}  # fmt: skip
    assert words(read(script(product(offer(priceSpecification=before)))), "price", "sale_price") == (
        "19.95 EUR", "12.95 EUR",
    )  # fmt: skip
    both = [before, {"@type": "UnitPriceSpecification", "price": 12.95, "priceCurrency": "EUR"}]
    told = {"@type": "Offer", "priceSpecification": both}
    assert words(read(script(product(told))), "price", "sale_price") == ("19.95 EUR", "12.95 EUR")


def test_the_variant_of_the_address_is_shown_and_all_are_told() -> None:
    several = [
        {"@type": "Product", "sku": f"B-{n}", "name": f"Boots {n}", "url": f"{URL}?variant={n}",
         "offers": offer(f"{n}.00")}
        for n in (41, 42, 43)
    ]  # fmt: skip
    group = script({"@type": "ProductGroup", "name": "Boots", "brand": "Peer", "hasVariant": several})
    page = read(group, f"{URL}?variant=42&utm_source=x")
    assert words(page, "id", "price", "brand") == ("B-42", "42.00 EUR", "Peer")
    assert [variant["id"] for variant in page.variants] == ["B-41", "B-42", "B-43"]
    assert "several_variants" in codes(page)
    assert page.words("B-43")["price"] == "43.00 EUR" and page.words()["price"] == "42.00 EUR"
    assert words(read(group), "id") == ("B-41",)


def test_offers_that_each_name_an_article_are_variants() -> None:
    told = [
        offer("10.00", sku="S", url="/p/beans?v=1"),
        offer("30.00", stock="OutOfStock", sku="L", url="/p/beans?v=2"),
    ]
    page = read(script(product(told, sku="PARENT")), f"{URL}?v=2")
    assert words(page, "id", "price", "availability") == ("L", "30.00 EUR", "out_of_stock")
    assert page.words("S")["price"] == "10.00 EUR"


def test_what_one_variant_does_not_say_does_not_come_from_another() -> None:
    told = [{"@type": "Product", "sku": "A", "offers": offer("1.00")},
            {"@type": "Product", "sku": "B", "offers": {"@type": "Offer"}}]  # fmt: skip
    page = read(script({"@type": "ProductGroup", "name": "x", "hasVariant": told}))
    assert "price" not in page.words("B") and "availability" not in page.words("B")


def test_odd_pages_are_told_so() -> None:
    spread = {"@type": "AggregateOffer", "lowPrice": "5", "highPrice": "9", "priceCurrency": "EUR"}
    assert "lowest_price" in codes(read(script(product(spread))))
    bare = {
        "@type": "UnitPriceSpecification",
        "price": "5",
        "priceCurrency": "EUR",
        "valueAddedTaxIncluded": "false",
    }
    assert "price_without_tax" in codes(read(script(product({"@type": "Offer", "priceSpecification": bare}))))
    assert "id_from_other_number" in codes(read(script({"@type": "Product", "name": "x", "mpn": "7",
                                                        "offers": offer()})))  # fmt: skip
    assert "json_ld_unreadable" in codes(read(script('{"a": [}')))
    two = [product(offer("1.00"), name="One"), product(offer("2.00"), name="Two", sku="T")]
    assert "several_products" in codes(read(script(two)))
    assert {"no_price"} == codes(read("<title>Shop</title>"))
    away = read(script(PLAIN) + '<link rel="canonical" href="https://copy.example/p">')
    assert "canonical_elsewhere" in codes(away) and away.found["link"].value == URL
    for page in (read(script(two)), away):
        assert all(note.reason and note.fix for note in page.notes)


META = """<meta property="og:title" content="Beans &amp; co"><meta property="og:image" content="/b.jpg">
<meta property="product:price:amount" content="12,95"><meta property="product:price:currency" content="EUR">
<meta property="product:availability" content="in stock"><meta property="product:retailer_item_id" content="B-1">
<meta property="product:brand" content="Peer"><meta property="og:url" content="/p/beans"><title>No</title>"""


def test_opengraph_stands_in_where_json_ld_says_nothing() -> None:
    page = read(META)
    assert words(page, *WORDS, "brand", "image_link", "link") == (
        "Beans & co", "B-1", "12,95 EUR", "in_stock", "Peer", "https://shop.example/b.jpg", URL,
    )  # fmt: skip
    assert {found.origin for found in page.found.values()} == {"opengraph"}
    mixed = read(META + script({"@type": "Product", "name": "Beans", "sku": "B-1"}))
    assert (mixed.found["price"].origin, mixed.found["title"].origin) == ("opengraph", "json-ld")
    both = read(META + script(product(offer("99.00"))))
    assert both.found["price"].value == "99.00 EUR", "two prices are not mixed"


def test_a_sale_in_opengraph_is_a_sale() -> None:
    meta = '<meta property="product:{}" content="{}">'
    told = "".join(meta.format(*pair) for pair in (
        ("price:amount", "19.95"), ("price:currency", "EUR"), ("sale_price:amount", "12.95"),
        ("sale_price:currency", "EUR")))  # fmt: skip
    assert words(read(told), "price", "sale_price") == ("19.95 EUR", "12.95 EUR")
    old = "".join(meta.format(*pair) for pair in (
        ("price:amount", "12.95"), ("price:currency", "EUR"), ("original_price:amount", "19.95")))  # fmt: skip
    assert words(read(old), "price", "sale_price") == ("19.95 EUR", "12.95 EUR")


def test_title_and_address_of_the_html_come_last() -> None:
    page = read(
        '<title> Beans\n of Peer </title><link rel="canonical" href="/p/beans?x=1"><svg><title>no</title></svg>'
    )
    assert (page.found["title"].value, page.found["title"].origin) == ("Beans of Peer", "html")
    assert (page.found["link"].value, page.found["link"].origin) == (f"{URL}?x=1", "html")


@pytest.mark.parametrize(
    ("content", "charset"),
    [("<title>Café €</title>".encode(), ""), ("<title>Café €</title>".encode("cp1252"), ""),
     ("<title>Café €</title>".encode("cp1252"), "iso-8859-1"),
     ('<meta charset="windows-1252"><title>Café €</title>'.encode("cp1252"), ""),
     ('<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-15"><title>Café €</title>'
      .encode("iso8859-15"), ""),
     ("\ufeff<title>Café €</title>".encode("utf-16-le"), "utf-8"), ("\ufeff<title>Café €</title>".encode(), "latin-1"),
     ('<meta charset="utf-16"><title>Café €</title>'.encode(), ""),
     ("<title>Café €</title>".encode(), "base64"), ("<title>Café €</title>".encode(), "no-such-thing")],
)  # fmt: skip
def test_the_text_is_read_in_the_encoding_of_mark_server_page_or_sense(content: bytes, charset: str) -> None:
    assert read_page(content, URL, charset).found["title"].value == "Café €"
