"""Delimited text of any kind: the first line says what parts the cells, and quotes never swallow the rows below."""

import time

import pytest

from marketplace.catalogue.feeds.formats import delimited
from marketplace.catalogue.feeds.formats.reading import Feed
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import RawRow


def read(text: str | bytes) -> tuple[list[RawRow], Feed]:
    content = text.encode() if isinstance(text, str) else text
    feed = Feed(content[at : at + 5] for at in range(0, len(content), 5))
    return list(feed), feed


def read_whole(text: str) -> tuple[list[RawRow], Feed]:
    feed = Feed(iter((text.encode(),)))
    return list(feed), feed


@pytest.mark.parametrize(("delimiter", "kind"), [("\t", "tsv"), (",", "csv"), (";", "csv"), ("|", "csv")])
def test_the_first_line_says_what_parts_the_cells(delimiter: str, kind: str) -> None:
    lines = (("id", "title", "link", "price"), ("A", '"a, b; c| d\te"', "l", "1.00 EUR"))
    rows, feed = read("\n".join(delimiter.join(cells) for cells in lines))
    assert rows[0].fields == {"id": "A", "title": "a, b; c| d\te", "link": "l", "price": "1.00 EUR"}
    assert (feed.read_as.format, feed.read_as.delimiter) == (kind, delimiter)


@pytest.mark.parametrize(
    "header",
    [
        "Id,Title,Image Link,Link,PRICE,Google Product Category",
        "g:id,g:title,g:image_link,g:link,g:price,g:google_product_category",
        "ID,title,image-link,link,price,google-product-category",
        '"id" , title ,imageLink,LINK,"Price",googleProductCategory',
    ],
)
def test_names_of_columns_are_known_however_they_are_written(header: str) -> None:
    (row,), feed = read(f"{header}\nA,Pan,i,l,1 EUR,Home\n")
    assert row.fields == {
        "id": "A", "title": "Pan", "image_link": "i", "link": "l", "price": "1 EUR", "google_product_category": "Home",
    }  # fmt: skip
    assert feed.read_as.ignored == []


def test_unknown_columns_are_named_and_empty_ones_are_nothing() -> None:
    (row,), feed = read("id,title,link,price,colour,,\nA,Pan,l,1 EUR,red,,,,\n")
    assert row.problem is None and set(row.fields) == {"id", "title", "link", "price"}
    assert feed.read_as.ignored == ["colour"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\n\n\r"])
def test_line_ends_of_any_kind_part_rows(ends: str) -> None:
    rows, _ = read(ends.join(("id;title;link;price", "A;Pan;l;1", "B;Pot;l;2", "")))
    assert [row.fields["id"] for row in rows] == ["A", "B"]


def test_what_spreadsheets_and_templates_write_before_the_first_line_is_passed_over() -> None:
    for before in ("sep=;\r\n", "# Required;;\n# Optional\n", "\ufeff"):
        rows, _ = read(f"{before}id;title;link;price\nA;Pan;l;1 EUR\n;;;\n")
        assert [row.fields["id"] for row in rows] == ["A"]


def test_a_quote_that_never_closes_is_a_character_of_its_own_row() -> None:
    rows, _ = read(
        'id,title,link,price\nA,"6 pipe,l,1 EUR\nB,"Two\nlines ""quoted""",l,2 EUR\nC,6" pipe,l,3 EUR\n'
    )
    assert [row.fields["title"] for row in rows] == ['"6 pipe', 'Two\nlines "quoted"', '6" pipe']


def test_long_quoted_texts_are_taken_whole() -> None:
    text = "\n".join(f"line {n}" for n in range(150))
    (row,), _ = read(f'id,title,link,price,description\nA,Pan,l,1 EUR,"{text}"\n')
    assert row.fields["description"] == text


def test_of_several_product_types_the_first_counts() -> None:
    (row,), _ = read("id,title,link,price,product_type,product_type\nA,Pan,l,1,One,Two\n")
    assert row.fields["product_type"] == "One"


def test_rows_before_a_line_that_is_too_long_are_there() -> None:
    feed = Feed([b"id,title,link,price\nA,Pan,l,1\nB," + b"x" * (delimited.MOST_LINE_CHARACTERS + 1)])
    rows = iter(feed)
    assert next(rows).fields["id"] == "A"
    with pytest.raises(FeedUnreadable) as refusal:
        next(rows)
    assert refusal.value.code == "row_too_large"


def test_quotes_that_are_escaped_by_backslashes_are_quotes() -> None:
    rows, _ = read('id,title,link,price\nA,"IPS 2\\", 4 lamps",l,1 EUR\nB,"C:\\",l,2 EUR\n')
    assert [row.fields["title"] for row in rows] == ['IPS 2", 4 lamps', "C:\\"]


def test_quotes_that_are_opened_in_every_line_and_never_closed_take_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "_MOST_IN_VAIN", 100_000)
    # Each of these lines closes a quote, has one inside of a cell and opens the next.
    lines = 'x",y"z,"w' + "a" * 1000 + "\n"
    begun = time.process_time()
    rows, _ = read_whole("id,title,link,price\n" + lines * 250)
    assert time.process_time() - begun < 1
    assert [row.fields["id"] for row in rows] == ['x"'] * 250


def test_a_record_of_many_lines_is_one_row_also_after_much_was_read_ahead_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "_MOST_IN_VAIN", 0)
    rows, _ = read('id,title,link,price\nA,"a\nb\nc\n""d""\ne",l,1 EUR\nB,"t,l,1 EUR\nC,t,l,1 EUR\n')
    assert [(row.fields["id"], row.fields["title"]) for row in rows] == [
        ("A", 'a\nb\nc\n"d"\ne'), ("B", '"t'), ("C", "t"),
    ]  # fmt: skip
