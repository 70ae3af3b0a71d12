"""Whatever bytes come as a feed: rows and FeedUnreadable are all that comes of it, and no bad row is let through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketplace.catalogue.addresses import read_address
from marketplace.catalogue.feeds import staging
from marketplace.catalogue.feeds.formats.reading import Feed
from marketplace.catalogue.feeds.models import FeedStaged
from marketplace.catalogue.rows.notes import FeedUnreadable
from marketplace.catalogue.rows.reading import ReadRow, read_row
from tests.drawn import examples

HOSTS = frozenset({"shop.example"})
# What PostgreSQL or JSON can't hold, and what stands for bytes that were no text.
UNHOLDABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufdd0]")
NAMES = (
    "id",
    "title",
    "link",
    "price",
    "sale_price",
    "availability",
    "description",
    "image_link",
    "gtin",
    "product_type",
)
WORDS = st.sampled_from(
    ["A-1", "Pan", "https://shop.example/p", "https://shop.example/a b", "12.50 EUR", "12,5", "€ 3,-", "$ 5", "in stock",
     "op voorraad", "&amp;amp;", "&eacute;", "<p>x</p>", "6\" pipe", "é", "\u00a0", "", " ", "NaN", "-1 EUR", "\x00", "\ufdd0",
     "\U0001f6cf", "1604", "A > B", "8712345678906", "//", "1e400 EUR", "9" * 20, "2026-11-01/2026-11-30"]
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from(NAMES), WORDS | st.text(max_size=12)), max_size=6)
GOOD = {"id": "A", "title": "Pan", "link": "https://shop.example/p", "price": "1.00 EUR"}
JUNK = [
    b"<",
    b">",
    b"&",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xfe\xff",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<!DOCTYPE x>",
]
JUNK += [
    b"<?",
    b"</item>",
    b"<item>",
    b"</rss>",
    b"&#0;",
    b"&#xD800;",
    b"&nbsp;",
    b'"',
    b"\t",
    b"\r",
    b"\n",
    b",",
    b";",
]
JUNK += [b"g:", b"xmlns:g=''", b"</g:id>"]


def as_rss(rows: list[dict[str, str]], *, escaped: bool = True) -> str:
    def words(value: str) -> str:
        return value.replace("&", "&amp;").replace("<", "&lt;") if escaped else f"<![CDATA[{value}]]>"

    items = "".join(
        "<item>"
        + "".join(f"<g:{name}>{words(value)}</g:{name}>" for name, value in row.items())
        + "</item>\n"
        for row in rows
    )
    return f'<?xml version="1.0"?>\n<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>'


def as_lines(rows: list[dict[str, str]], delimiter: str) -> str:
    lines = [delimiter.join(NAMES)]
    for row in rows:
        cells = (row.get(name, "") for name in NAMES)
        lines.append(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells))
    return "\n".join(lines)


@st.composite
def near_feeds(draw: st.DrawFn) -> bytes:
    """Give feeds of any kind and encoding, some of which were damaged somewhere."""
    rows = [*draw(ROWS), GOOD]
    kind = draw(st.sampled_from(["rss", "cdata", "\t", ",", ";", "|"]))
    text = as_rss(rows, escaped=kind == "rss") if kind in ("rss", "cdata") else as_lines(rows, kind)
    encoding = draw(
        st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
    )
    content = text.encode(encoding, "replace")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        cut = draw(st.integers(0, 12))
        content = content[:at] + draw(st.sampled_from(JUNK) | st.binary(max_size=4)) + content[at + cut :]
    return content


def outcome(content: bytes, size: int, charset: str | None = None) -> tuple[list[ReadRow], str | None]:
    """Return what was read before the end, and the code of the refusal."""
    pieces: Iterator[bytes] = (content[at : at + size] for at in range(0, len(content), size))
    feed = Feed(pieces, charset)
    rows: list[ReadRow] = []
    refused: FeedUnreadable | None = None
    try:
        for raw in feed:
            rows.append(read_row(raw, shop_currency="EUR", hosts=HOSTS))
    except FeedUnreadable as why:
        refused = why
    said = json.dumps(feed.read_as.as_dict(), ensure_ascii=False)
    assert not UNHOLDABLE.search(said) and "\\u0000" not in said
    if refused is not None:
        assert refused.reason and refused.fix
        assert not UNHOLDABLE.search(f"{refused.code}{refused.reason}{refused.fix}")
    return rows, None if refused is None else refused.code


def check(content: bytes, size: int, charset: str | None = None) -> None:
    rows, code = outcome(content, size, charset)
    assert (rows, code) == outcome(content, 10**6, charset), "however the bytes come"
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert (row.facts is None) == any(note.refuses for note in row.notes)
        if row.facts is not None:
            hold(row)


def hold(row: ReadRow) -> None:
    """Assert what everybody relies on of a row that is kept, down to the line that COPY gets."""
    facts = row.facts
    assert facts is not None
    assert 0 < len(facts.sku) <= 200 and facts.title.strip() and len(facts.title) <= 500
    assert facts.price.minor >= 0 and len(facts.price.currency) == 3
    assert facts.sale_price is None or 0 <= facts.sale_price.minor < facts.price.minor
    assert facts.sale_price is None or facts.sale_price.currency == facts.price.currency
    assert read_address(facts.link).url == facts.link and len(facts.page) == 32
    assert facts.availability in (None, "in_stock", "out_of_stock", "preorder", "backorder")
    texts = (
        facts.sku,
        facts.title,
        facts.description,
        facts.link,
        facts.image_link,
        facts.brand,
        facts.category,
    )
    for value in (*texts, facts.google_category, facts.product_type):
        assert value is None or not UNHOLDABLE.search(value)
    line = staging._line("job", row, facts)
    assert (
        line.count("\x1f") == len(FeedStaged.__table__.columns) - 1
        and line.count("\n") == 1
        and line.endswith("\n")
    )
    line.encode()


@examples(150)
@given(
    st.binary(max_size=300) | st.lists(st.sampled_from(JUNK), max_size=30).map(b"".join), st.integers(1, 40)
)
@example(b"\xff\xfe\x00", 1)
@example(b"\x00\x00\xfe\xff", 2)
@example(b"<g:rss><g:item>", 3)
def test_any_bytes_give_rows_or_a_refusal_and_never_a_bad_row(content: bytes, size: int) -> None:
    check(content, size)


@examples(150)
@given(near_feeds(), st.integers(5, 90), st.sampled_from([None, "utf-8", "iso-8859-1", "utf-16", "x"]))
def test_near_feeds_give_rows_or_a_refusal_and_never_a_bad_row(
    content: bytes, size: int, charset: str | None
) -> None:
    check(content, size, charset)


@pytest.mark.slow
@examples(6000, deadline=None)
@given(
    near_feeds() | st.binary(max_size=2000),
    st.integers(5, 90),
    st.sampled_from([None, "utf-8", "iso-8859-1"]),
)
def test_many_near_feeds_give_rows_or_a_refusal_and_never_a_bad_row(
    content: bytes, size: int, charset: str | None
) -> None:
    check(content, size, charset)


@examples(60)
@given(ROWS, st.sampled_from(["\t", ",", ";", "|", "rss"]))
def test_undamaged_feeds_are_read_whole(rows: list[dict[str, str]], kind: str) -> None:
    clean = [
        {name: UNHOLDABLE.sub("", value).strip().replace("\r", "") for name, value in row.items()}
        for row in rows
    ]
    clean = [{name: value for name, value in row.items() if value} for row in clean]
    clean = [row for row in clean if row]
    text = as_rss(clean) if kind == "rss" else as_lines(clean, kind)
    read = [dict(row.fields) for row in Feed([text.encode("utf-8", "ignore")])]
    stripped = [{name: value.strip() for name, value in row.items()} for row in read]
    assert [{name: value for name, value in row.items() if value} for row in stripped] == clean
