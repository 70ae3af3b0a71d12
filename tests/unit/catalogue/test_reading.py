"""Feeds of three kinds, read in pieces: good ones whole, bad ones refused by name, bombs without effect."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketplace.catalogue.feeds.formats import delimited, reading, xml_feed
from marketplace.catalogue.feeds.formats.reading import feed_rows
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import RawRow, read_row

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "feeds"
ITEM = (
    "<item><g:id>{id}</g:id><title>Pan</title><g:link>https://shop.example/{id}</g:link>"
    "<g:price>12.50 EUR</g:price><g:shipping><g:price>4.95 EUR</g:price></g:shipping></item>"
)


def rss(*ids: str, before: str = "", head: str = "<?xml version='1.0'?>") -> bytes:
    items = "".join(ITEM.format(id=one) for one in ids)
    return (
        f"{head}<rss version='2.0' xmlns:g='http://base.google.com/ns/1.0'><channel><title>Shop</title>"
        f"{before}{items}</channel></rss>"
    ).encode()


def pieces(content: bytes, size: int = 7) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def rows(content: bytes, size: int = 7) -> list[RawRow]:
    return list(feed_rows(pieces(content, size)))


def refusal(content: bytes) -> FeedUnreadable:
    with pytest.raises(FeedUnreadable) as caught:
        rows(content, 4096)
    assert caught.value.reason and caught.value.fix
    return caught.value


def test_rss_gives_each_item_with_googles_fields_first() -> None:
    read = rows(rss("A", "B"))
    assert [(row.number, row.fields["id"]) for row in read] == [(1, "A"), (2, "B")]
    assert read[0].fields == {
        "id": "A",
        "title": "Pan",
        "link": "https://shop.example/A",
        "price": "12.50 EUR",
    }


def test_googles_own_element_wins_over_the_plain_one_whatever_their_order() -> None:
    content = rss("A").replace(
        b"<title>Pan</title>", b"<title>Plain</title><g:title>Google</g:title><title>Late</title>"
    )
    assert rows(content)[0].fields["title"] == "Google"
    assert rows(rss("A").replace(b"Pan", b"One</title><title>Two"))[0].fields["title"] == "One"


def test_atom_gives_each_entry_and_its_alternate_link() -> None:
    feed = (
        b"<feed xmlns='http://www.w3.org/2005/Atom' xmlns:g='http://base.google.com/ns/1.0'><link rel='self' href='x'/>"
        b"<entry><g:id>A</g:id><title>Pan &amp; lid</title><link rel='related' href='https://no.example/'/>"
        b"<link href='https://shop.example/A'/><summary>Good <b xmlns=''>pan</b></summary>"
        b"<g:price>1 EUR</g:price></entry>"
        b"</feed>"
    )
    (row,) = rows(feed)
    assert row.fields["link"] == "https://shop.example/A"
    assert (row.fields["title"], row.fields["description"]) == ("Pan & lid", "Good pan")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tsv_takes_byte_order_marks_line_ends_quotes_and_blank_lines(encoding: str) -> None:
    text = (
        "ID\ttitle\tdescription\tlink\tprice\textra\r\n"
        'A\t"Pan ""XL"""\t"two\nlines\there"\thttps://shop.example/A\t1 EUR\tx\r\n'
        "\r\n \t \r\n"
        'B\t6" pipe\t"unclosed\thttps://shop.example/B\t2 EUR\r\n'
        "C\tÜber\t\thttps://shop.example/C\t3 EUR\t\t\t"
    )
    read = rows(text.encode(encoding), 5)
    assert [row.fields["id"] for row in read] == ["A", "B", "C"]
    assert read[0].fields["title"] == 'Pan "XL"' and read[0].fields["description"] == "two\nlines\there"
    assert read[1].fields["title"] == '6" pipe' and read[1].fields["description"] == '"unclosed'
    assert read[2].fields["title"] == "Über" and read[2].problem is None
    assert [row.number for row in read] == [1, 2, 3]


def test_tsv_columns_may_have_googles_prefix_spaces_and_any_order() -> None:
    (row,) = rows(b"g:price\timage link\tG:Link\tID\ttitle\n1 EUR\ti\tl\tA\tPan\n")
    assert row.fields == {"price": "1 EUR", "image_link": "i", "link": "l", "id": "A", "title": "Pan"}


def test_a_row_with_too_many_cells_is_refused_alone() -> None:
    first, second = rows(b"id\ttitle\tlink\tprice\nA\tPan\tl\t1 EUR\tmore\nB\tPan\tl\t1 EUR\n")
    assert first.problem is not None and first.problem.code == "too_many_cells" and second.problem is None
    read = read_row(first, shop_currency="EUR", hosts=frozenset())
    assert read.facts is None and read.sku == "A"


def test_bytes_that_are_no_text_spoil_their_own_row_only() -> None:
    content = b"id\ttitle\tlink\tprice\nA\tP\xfcn\thttps://s.example/\t1 EUR\nB\tP\xc3\xbcn\thttps://s.example/\t1 EUR\n"
    read = [read_row(row, shop_currency="EUR", hosts=frozenset()) for row in rows(content)]
    assert [row.facts is not None for row in read] == [False, True]
    assert read[0].notes[0].code == "bad_characters"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n ", "empty"),
        (b"<rss><channel><item></channel></rss>", "not_well_formed"),
        (rss("A")[:-20], "not_well_formed"),
        (rss("A") + b"<more/>", "not_well_formed"),
        (b"<rss><g:id>x</g:id></rss", "not_well_formed"),
        (b"<rss><channel><item><title>a & b</title></item></channel></rss>", "not_well_formed"),
        (b"<rss>" * 300, "not_well_formed"),
        (b"<a>" * 300, "not_a_feed"),
        (b"<products><product><id>1</id></product></products>", "not_a_feed"),
        (b"<html><body><rss><item/></rss></body></html>", "not_a_feed"),
        (b"<catalogue><item/></catalogue>", "not_a_feed"),
        (b'{"products": []}', "not_a_feed"),
        (b"id\n", "not_a_feed"),
        (b"id;title;link;brand\n", "columns_missing"),
        (b"Handle,Title,Vendor,Variant Price\n", "columns_missing"),
        (b"id\ttitle\tlink\tbrand\n", "columns_missing"),
        (b"id\ttitle\tlink\tprice\ttitle\n", "columns_repeated"),
        (gzip.compress(rss("A")), "not_a_feed"),
        (b"PK\x03\x04rest", "not_a_feed"),
        (b"\xff\xfei", "empty"),
        (b"\x00" * 100, "not_a_feed"),
    ],
)
def test_what_is_no_feed_is_refused_by_name(content: bytes, code: str) -> None:
    assert refusal(content).code == code


BOMB = "<!DOCTYPE rss [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY a{n} '&a{n - 1 or ''};&a{n - 1 or ''};&a{n - 1 or ''};&a{n - 1 or ''};'>" for n in range(1, 30)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        BOMB,
        "<!doctype rss>",
        "<!DOCTYPE rss SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE rss [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'> %x;]>",
        "<!-- " + "x" * 80_000 + " -->" + BOMB,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_any_doctype_is_refused_before_it_does_anything(head: str, encoding: str) -> None:
    text = rss("A", before="<title>&a29;</title>", head=head).decode()
    found = refusal(text.encode(encoding)).code
    # Behind 64 kB of comment the parser sees it first, and refuses what the declaration would do.
    late = len(head) > 64 * 1024
    assert found == "doctype_refused" or (late and found == "not_well_formed")


@pytest.mark.parametrize("doctype", ["<!DOCTYPE rss>", "<!DOCTYPE rss [<!ENTITY a 'b'>]>"])
def test_a_harmless_doctype_that_comes_late_is_refused_at_the_root(doctype: str) -> None:
    head = "<!-- " + "x" * 80_000 + " -->" + doctype
    assert refusal(rss("A", head=head)).code == "doctype_refused"


def test_an_entity_without_a_doctype_is_not_well_formed() -> None:
    assert refusal(rss("A", before="<title>&bomb;</title>")).code == "not_well_formed"


def test_memory_is_bounded_by_a_row_whatever_stands_around_it() -> None:
    junk = "<junk/>" * 300_000
    assert refusal(rss("A", before=junk)).code == "row_too_large"
    assert refusal(rss("A").replace(b"Pan", b"P" * 3_000_000)).code == "row_too_large"
    assert refusal(b"id\ttitle\tlink\tprice\n" + b"x" * 3_000_000).code == "row_too_large"


def test_rows_are_counted_against_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert len(rows(rss("A", "B", "C"))) == 3
    assert refusal(rss("A", "B", "C", "D")).code == "too_many_rows"


def test_rows_read_before_are_forgotten() -> None:
    """The tree never holds more than the row at hand, else a large feed would fill memory."""
    alive = []
    original = xml_feed._forget

    def counting(element: object) -> None:
        original(element)
        alive.append(len(element.getparent()))  # type: ignore[attr-defined]

    xml_feed._forget, kept = counting, original
    try:
        rows(rss(*map(str, range(5000))), 64 * 1024)
    finally:
        xml_feed._forget = kept
    assert len(alive) == 5000 and max(alive) < 600


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder with real feeds is not there")
@pytest.mark.parametrize(
    ("name", "count"), [("sample-rss.xml", 1), ("sample-atom.xml", 1), ("pets-merchant-feed.tsv", 381)]
)
def test_real_feeds_are_read_whole(name: str, count: int) -> None:
    read = [
        read_row(row, shop_currency="EUR", hosts=frozenset())
        for row in rows((SAMPLES / name).read_bytes(), 1000)
    ]
    assert len(read) == count and all(row.facts is not None for row in read)
    assert {note.code for row in read for note in row.notes} == {"foreign_currency", "host_unverified"}


markup = st.sampled_from(
    [
        *(
            b"<",
            b">",
            b"</",
            b"/>",
            b"<rss>",
            b"</rss>",
            b"<item>",
            b"</item>",
            b"<channel>",
            b"<entry>",
            b"</entry>",
        ),
        *(
            b"<feed xmlns='http://www.w3.org/2005/Atom'>",
            b"</feed>",
            b"xmlns:g='x'",
            b"g:id",
            b"<!DOCTYPE x [",
            b"]>",
        ),
        *(
            b"<!ENTITY a 'b'>",
            b"&a;",
            b"&#0;",
            b"&#xD800;",
            b"<![CDATA[",
            b"]]>",
            b"<!--",
            b"-->",
            b"<?",
            b"?>",
        ),
        *(b"\x00", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1f\x8b", b"\t", b"\n", b"\r", b'"'),
        b"id\ttitle\tlink\tprice\n",
    ]
)


@given(
    st.binary(max_size=400) | st.lists(markup | st.binary(max_size=6), max_size=40).map(b"".join),
    st.integers(1, 64),
)
@example(rss("A", "B"), 3)
@example(b"\xff\xfe<\x00", 1)
@example(b'id\ttitle\tlink\tprice\n"', 1)
def test_no_bytes_raise_anything_but_the_refusal(content: bytes, size: int) -> None:
    """The same bytes give the same outcome however they are cut, and nothing but FeedUnreadable is raised."""

    def outcome(size: int) -> object:
        try:
            read = [
                read_row(row, shop_currency="EUR", hosts=frozenset())
                for row in feed_rows(pieces(content, size))
            ]
        except FeedUnreadable as error:
            return error.code
        return read

    assert outcome(size) == outcome(4096)


@given(st.lists(st.lists(st.text(alphabet='ab"\t\n é', max_size=8), min_size=4, max_size=4), max_size=8))
def test_what_the_csv_module_writes_is_read_back(cells: list[list[str]]) -> None:
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "title", "link", "price"])
    writer.writerows(cells)
    names = ("id", "title", "link", "price")
    read = [[row.fields.get(name, "") for name in names] for row in feed_rows([out.getvalue().encode()])]
    assert read == [row for row in cells if "".join(row).strip()]
    assert delimited.MOST_LINE_CHARACTERS > 0
