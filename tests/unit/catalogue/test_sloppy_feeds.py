"""Feeds as real shops send them: what is meant without a doubt is taken, with a warning where something was changed."""

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.feeds.formats.reading import Feed
from marketplace.catalogue.rows import sales, texts
from marketplace.catalogue.rows.availability import read_availability
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import RawRow, ReadRow, read_row
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core.money import Money

GOOD = {"id": "A-1", "title": "Pan", "link": "https://shop.example/p/1", "price": "129.00 EUR"}
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
ITEM = "<{0}id>A</{0}id><{0}title>Pan</{0}title><{0}link>https://shop.example/a</{0}link><{0}price>1.00 EUR</{0}price>"


def read(**changes: str) -> ReadRow:
    row = RawRow(1, GOOD | changes)
    return read_row(row, shop_currency="EUR", hosts=frozenset({"shop.example"}), now=NOW)


def codes(row: ReadRow) -> list[str]:
    return [note.code for note in row.notes]


def fields(content: str) -> list[dict[str, str]]:
    return [dict(row.fields) for row in Feed([content.encode()])]


@pytest.mark.parametrize(
    "root",
    [
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><item>{g}</item></channel></rss>',
        '<rss version="2.0" xmlns:g="https://base.google.com/ns/1.0/"><channel><item>{g}</item></channel></rss>',
        '<rss version="2.0"><channel><item>{g}</item></channel></rss>',
        '<rss version="2.0"><channel><item>{none}</item></channel></rss>',
        '<rss xmlns="http://base.google.com/ns/1.0"><channel><item>{none}</item></channel></rss>',
        '<rss xmlns:x="http://base.google.com/ns/1.0"><channel><item>{x}</item></channel></rss>',
        '<rss xmlns:x="https://other.example/ns"><channel><item>{x}</item></channel></rss>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><entry>{g}</entry></feed>',
        "<feed><entry>{g}</entry></feed>",
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        "<item>{none}</item></rdf:RDF>",
        "\n\n <?xml version='1.0' encoding='UTF-8'?>\n<!-- made by x > y --><rss><channel><item>{g}</item></channel></rss>",
    ],
)
def test_googles_elements_are_known_whatever_their_namespace(root: str) -> None:
    content = root.format(g=ITEM.format("g:"), none=ITEM.format(""), x=ITEM.format("x:"))
    assert fields(content) == [
        {"id": "A", "title": "Pan", "link": "https://shop.example/a", "price": "1.00 EUR"}
    ]


def test_another_vocabulary_of_the_same_names_only_fills_what_is_missing() -> None:
    content = (
        '<rss xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item><dc:title>Other</dc:title>'
        "<dc:description>Text</dc:description><title>Pan</title><colour>red</colour></item></channel></rss>"
    )
    feed = Feed([content.encode()])
    assert [row.fields for row in feed] == [{"title": "Pan", "description": "Text"}]
    assert feed.read_as.ignored == ["colour"] and feed.read_as.format == "rss"


def test_a_document_of_another_kind_is_refused_by_the_name_of_its_root() -> None:
    for root in ("products", "catalog", "urlset"):
        with pytest.raises(FeedUnreadable, match=f"<{root}>") as refusal:
            fields(f"<?xml version='1.0'?><{root}><product><id>1</id></product></{root}>")
        assert refusal.value.code == "not_a_feed"


def test_an_empty_element_does_not_hide_a_plain_one() -> None:
    (row,) = fields("<rss><channel><item><g:title/><title>Pan</title><product_type/><product_type>Two</product_type>"
                    "</item></channel></rss>")  # fmt: skip
    assert row == {"title": "Pan", "product_type": "Two"}


def test_where_a_document_breaks_is_said_by_line_and_column_and_rows_before_it_are_there() -> None:
    feed = Feed(
        [
            f"<rss><channel>\n<item>{ITEM.format('')}</item>\n<item><title>Salt & pepper</title></item>".encode()
        ]
    )
    rows = iter(feed)
    assert next(rows).fields["id"] == "A"
    with pytest.raises(FeedUnreadable) as refusal:
        next(rows)
    assert (refusal.value.code, refusal.value.line) == ("not_well_formed", 3)
    assert refusal.value.column is not None and "&amp;" in refusal.value.fix


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Caf&eacute; &amp; co", "Café & co"),
        ("Caf&amp;amp;eacute; &amp;amp;amp; co", "Café & co"),
        ("<p>One</p><p>Two <b>bold</b></p><ul><li>x</li><li>y</li></ul>", "One\nTwo bold\nx\ny"),
        ("&lt;p&gt;One&lt;/p&gt;", "One"),
        ("a<br/>b<br>c", "a\nb\nc"),
        ("<style>p { x }</style>Text<script>alert(1)</script><!-- no -->", "Text"),
        ("5 < 6 > 3 & 7", "5 < 6 > 3 & 7"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("\u00a0 x \u00a0", "x"),
    ],
)
def test_descriptions_are_stored_as_plain_text(written: str, plain: str) -> None:
    facts = read(description=written).facts
    assert facts is not None and facts.description == plain


def test_titles_and_categories_are_single_lines() -> None:
    facts = read(title="  Pan\n\t&amp;amp; lid ", product_type="A &amp;gt; B").facts
    assert facts is not None and (facts.title, facts.product_type) == ("Pan & lid", "A > B")


@given(st.text(alphabet="<>!-/&;#xa1bpscrit \n\u00e9", max_size=200) | st.text())
def test_no_text_is_too_odd_to_become_plain(value: str) -> None:
    assert "\n" not in texts.line(value) and len(texts.plain(value)) <= len(value) + 1


def test_damaged_markup_takes_no_longer_than_other_text() -> None:
    for piece in ("<!--", "<script>", "<a ", "&amp;", "<b", "&#x", "</script"):
        assert texts.plain(piece * 40_000) is not None
    # A name of a tag that never ends.
    begun = time.process_time()
    assert texts.plain("<" + "a" * 100_000) == "<" + "a" * 100_000
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("written", "kept", "code"),
    [
        ("https://shop.example/a b", "https://shop.example/a%20b", "link_encoded"),
        ("https://shop.example/caf\u00e9", "https://shop.example/caf%C3%A9", "link_encoded"),
        ("https://shop.example/a?b=1&amp;c=2", "https://shop.example/a?b=1&c=2", None),
        ("https://shop.example/a?b=1&amp;amp;c=2", "https://shop.example/a?b=1&c=2", None),
        ("https://shop.example/a%20b", "https://shop.example/a%20b", None),
    ],
)
def test_addresses_are_mended_where_that_is_safe(written: str, kept: str, code: str | None) -> None:
    row = read(link=written)
    assert row.facts is not None and row.facts.link == kept
    assert codes(row) == ([code] if code else [])


@pytest.mark.parametrize(
    "link", ["https://shop .example/", "https://shop.example/a\x01", "https://shop.example\\a"]
)
def test_other_addresses_are_refused_as_ever(link: str) -> None:
    assert read(link=link).facts is None


def test_a_currency_in_a_field_of_its_own_is_that_of_the_price() -> None:
    row = read(price="60000", sale_price="50000", currency="ars")
    assert row.facts is not None and codes(row) == ["foreign_currency"]
    assert (row.facts.price, row.facts.sale_price) == (Money(6_000_000, "ARS"), Money(5_000_000, "ARS"))
    assert codes(read(price="60000", currency="pesos")) == ["currency_unknown"]
    assert codes(read(price="1 USD", currency="EUR")) == ["foreign_currency"]


@pytest.mark.parametrize("size", [1, 7, 70_000])
def test_entities_of_html_are_characters_and_others_break_the_document(size: int) -> None:
    def read_in_pieces(text: str) -> list[str]:
        content = f"<rss><channel><item><title>{text}</title></item></channel></rss>".encode()
        return [
            row.fields["title"]
            for row in Feed(content[at : at + size] for at in range(0, len(content), size))
        ]

    assert read_in_pieces("Caf&eacute;&nbsp;&amp; &lt;b&gt; &#233; &euro;") == [
        "Caf\u00e9\u00a0& <b> \u00e9 \u20ac"
    ]
    assert read_in_pieces("x" * 65_490 + "&eacute;" * 20) == ["x" * 65_490 + "\u00e9" * 20]
    for wrong in ("&bomb;", "&nvlt;", "&eacute", "a & b", "?a=1&b=2"):
        with pytest.raises(FeedUnreadable, match="not_well_formed"):
            read_in_pieces(wrong)


def test_a_price_without_currency_is_in_the_shops_with_a_warning() -> None:
    row = read(price="12.50")
    assert (
        row.facts is not None and row.facts.price == Money(1250, "EUR") and codes(row) == ["currency_assumed"]
    )
    assert read(price="109.9900 EUR").notes == ()


@pytest.mark.parametrize(
    ("changes", "sale", "code"),
    [
        ({"sale_price": "99.00 EUR"}, 9900, None),
        ({"sale_price": "99.00"}, 9900, None),
        ({"sale_price": "129.00 EUR"}, None, None),
        ({"sale_price": "99.00 EUR", "sale_price_effective_date": "2026-11-01/2026-11-30"}, 9900, None),
        ({"sale_price": "99.00 EUR", "sale_price_effective_date": "2026-11-22/2026-11-22"}, 9900, None),
        (
            {"sale_price": "99.00 EUR", "sale_price_effective_date": "2026-12-01/2026-12-30"},
            None,
            "sale_not_now",
        ),
        (
            {"sale_price": "99.00 EUR", "sale_price_effective_date": "2026-10-01/2026-11-21"},
            None,
            "sale_not_now",
        ),
        (
            {
                "sale_price": "99.00 EUR",
                "sale_price_effective_date": "2026-11-22T13:00+0100/2026-11-22T14:00+0100",
            },
            9900,
            None,
        ),
        ({"sale_price": "99.00 EUR", "sale_price_effective_date": "soon"}, None, "sale_dates_unreadable"),
        ({"sale_price_effective_date": "soon"}, None, None),
    ],
)
def test_a_sale_price_holds_when_it_says_so(
    changes: dict[str, str], sale: int | None, code: str | None
) -> None:
    row = read(**changes)
    assert row.facts is not None
    assert (row.facts.sale_price and row.facts.sale_price.minor) == sale
    assert codes(row) == ([code] if code else [])


@given(st.text(alphabet="0123456789-:T/+Z. ", max_size=60) | st.text(max_size=60))
def test_no_period_raises(text: str) -> None:
    period = sales.read_period(text)
    assert period is None or isinstance(sales.holds(period, NOW), bool)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("in stock", "in_stock"), ("In_Stock", "in_stock"), ("instock", "in_stock"), ("op voorraad", "in_stock"),
        ("available for order", "in_stock"), ("https://schema.org/InStock", "in_stock"), ("Out Of Stock", "out_of_stock"),
        ("OutOfStock", "out_of_stock"), ("niet op voorraad", "out_of_stock"), ("pre-order", "preorder"),
        ("http://schema.org/PreOrder", "preorder"), ("back order", "backorder"), ("auf Lager", "in_stock"),
        ("soon", None), ("1", None),
    ],
)  # fmt: skip
def test_availability_is_known_in_the_words_of_shops(words: str, state: str | None) -> None:
    assert read_availability(words) == state


@pytest.mark.parametrize(
    ("google", "own", "category"),
    [
        ("784", "", "Media > Books"),
        ("784", "Shop > Own", "Media > Books"),
        ("media > books", "", "Media > Books"),
        ("Media > Boeken", "", "Media > Books"),
        ("999999999", "Shop > Own", "Shop > Own"),
        ("Home > Own", "Shop", "Home > Own"),
        ("", "Shop > Own", "Shop > Own"),
    ],
)
def test_a_category_of_googles_is_known_by_number_and_in_words(
    monkeypatch: pytest.MonkeyPatch, google: str, own: str, category: str
) -> None:
    books = taxonomy.Category(784, ("Media", "Books"), ("Media", "Boeken"))
    known = taxonomy.Taxonomy([books])
    monkeypatch.setattr(taxonomy, "known", lambda: known)
    facts = read(google_product_category=google, product_type=own).facts
    assert facts is not None and facts.category == category
