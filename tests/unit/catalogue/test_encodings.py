"""Encodings of feeds: what the bytes say wins, then what they look like, and a few broken ones spoil their row only."""

from collections.abc import Callable

import pytest

from marketplace.catalogue.feeds.formats.reading import Feed
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import ReadRow, read_row

HEADER = "id,title,link,price\n"


def csv(*titles: str) -> str:
    return HEADER + "".join(f"{n},{title},https://s.example/{n},1 EUR\n" for n, title in enumerate(titles))


def rss(*titles: str, declared: str = "") -> str:
    declaration = f'<?xml version="1.0"{declared}?>\n'
    items = "".join(
        f"<item><id>{n}</id><title>{title}</title><link>https://s.example/{n}</link><price>1 EUR</price></item>"
        for n, title in enumerate(titles)
    )
    return f'{declaration}<rss version="2.0"><channel>{items}</channel></rss>'


def read(content: bytes, charset: str | None = None, size: int = 1000) -> tuple[list[ReadRow], Feed]:
    feed = Feed((content[at : at + size] for at in range(0, len(content), size)), charset)
    rows = [read_row(row, shop_currency="EUR", hosts=frozenset({"s.example"})) for row in feed]
    return rows, feed


def titles(rows: list[ReadRow]) -> list[str | None]:
    return [None if row.facts is None else row.facts.title for row in rows]


@pytest.mark.parametrize("text", [csv, rss])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_known_with_and_without_a_mark(text: Callable[..., str], encoding: str) -> None:
    rows, feed = read(text("Crème", "Größe €").encode(encoding))
    assert titles(rows) == ["Crème", "Größe €"] and feed.read_as.notes == []


@pytest.mark.parametrize("text", [csv, rss])
def test_what_is_not_utf_8_is_read_as_windows_1252_with_one_note(text: Callable[..., str]) -> None:
    rows, feed = read(text("Crème", "Größe €", "plain").encode("cp1252"))
    assert titles(rows) == ["Crème", "Größe €", "plain"]
    assert feed.read_as.encoding == "windows-1252"
    assert [note.code for note in feed.read_as.notes] == ["encoding_assumed"]


@pytest.mark.parametrize("text", [csv, rss])
def test_the_first_letter_beyond_ascii_may_come_late(text: Callable[..., str]) -> None:
    rows, feed = read(text(*["plain"] * 5000, "Größe").encode("cp1252"))
    assert titles(rows)[-1] == "Größe" and feed.read_as.encoding == "windows-1252"


@pytest.mark.parametrize("text", [csv, rss])
def test_a_few_broken_bytes_in_utf_8_spoil_their_rows_only(text: Callable[..., str]) -> None:
    content = text("Crème", "P@n", "Größe", "plain").encode().replace(b"@", b"\xfc")
    rows, feed = read(content)
    assert titles(rows) == ["Crème", None, "Größe", "plain"]
    assert rows[1].notes[0].code == "bad_characters"
    assert feed.read_as.encoding == "utf-8" and feed.read_as.notes == []


@pytest.mark.parametrize("text", [csv, rss])
def test_control_characters_spoil_their_rows_only(text: Callable[..., str]) -> None:
    rows, _ = read(text("a", "b\x0bc", "d").encode())
    assert titles(rows) == ["a", None, "d"]


@pytest.mark.parametrize(
    ("named", "encoding", "found"),
    [
        ("ISO-8859-1", "latin-1", "windows-1252"),
        ("windows-1250", "cp1250", "cp1250"),
        ("iso-8859-15", "iso-8859-15", "iso8859-15"),
        ("utf-8", "cp1252", "windows-1252"),
        ("utf-16", "utf-8", "utf-8"),
        ("made-up", "utf-8", "utf-8"),
    ],
)
def test_the_declaration_and_the_sender_are_believed_where_the_bytes_agree(
    named: str, encoding: str, found: str
) -> None:
    declared = rss("Größe", declared=f' encoding="{named}"').encode(encoding)
    for content, charset in ((declared, None), (csv("Größe").encode(encoding), named)):
        rows, feed = read(content, charset)
        assert titles(rows) == ["Größe"] and feed.read_as.encoding == found


def test_the_declaration_goes_before_the_sender() -> None:
    rows, _ = read(rss("Škoda", declared=' encoding="windows-1250"').encode("cp1250"), "windows-1252")
    assert titles(rows) == ["Škoda"]


def test_a_name_that_the_bytes_belie_is_passed_over_with_a_note() -> None:
    rows, feed = read(rss("Größe", "Crème", declared=' encoding="ISO-8859-1"').encode())
    assert titles(rows) == ["Größe", "Crème"]
    assert [note.code for note in feed.read_as.notes] == ["encoding_misnamed"]


def test_what_turns_out_to_be_utf_8_after_all_is_not_kept_as_something_else() -> None:
    content = csv("Größe").encode("cp1252") + csv(
        *["plain" * 100] * 2400, *["Größe"] * 100
    ).encode().removeprefix(HEADER.encode())
    with pytest.raises(FeedUnreadable) as refusal:
        read(content, size=100_000)
    assert refusal.value.code == "encoding_mixed"


def test_however_the_bytes_come_they_are_read_alike() -> None:
    content = csv(*["plain"] * 2000, "Größe", "Crème").encode("cp1252")
    assert read(content, size=7)[0] == read(content, size=10**6)[0]
