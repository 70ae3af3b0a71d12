"""The feeds of the three shops as their software writes them on a day: RSS, CSV with semicolons, and Atom.

A few rows are as sloppy as those of real feeds, on purpose; REFUSED says how many of each can't be read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape

from marketplace.devtools.world.shelf import Shelved, shelf
from marketplace.devtools.world.shops import ShopFacts, shop

# Rows of each feed that a reader must refuse, as long as the day has the product.
REFUSED = {"coffee": 2, "hiking": 2, "books": 2}
_NAMES = (
    "id", "title", "description", "link", "image_link", "availability", "price", "sale_price", "brand", "gtin",
    "google_product_category", "product_type", "condition",
)  # fmt: skip
Row = dict[str, str]


def feed(key: str, day: int) -> bytes:
    """Return the shop's feed of a day (0 to 90) byte for byte, the same each time.

    Raises DevtoolsError when there is no such shop.
    """
    facts = shop(key)
    rows = [row for one in shelf(key, day) for row in _sloppy(_row(one, facts))]
    return {"rss": _rss, "csv": _csv, "atom": _atom}[facts.feed_format](facts, rows)


def _row(one: Shelved, facts: ShopFacts) -> Row:
    made = one.product
    row = {
        "id": made.sku,
        "title": made.title,
        "description": made.description,
        "link": made.link,
        "image_link": made.image_link,
        "availability": made.availability,
        "price": f"{one.price} {facts.currency}",
        "sale_price": f"{one.sale_price} {facts.currency}" if one.sale_price is not None else "",
        "brand": made.brand,
        "gtin": made.gtin or "",
        "google_product_category": made.category_path,
        "product_type": made.product_type,
        "condition": "new",
    }
    # Half of the shops' rows name Google's category by its number, as both are allowed.
    if made.category_id is not None and int(made.sku[-1]) % 2 and made.shop != "coffee":
        row["google_product_category"] = str(made.category_id)
    return row


def _change(**words: str) -> Callable[[Row], list[Row]]:
    return lambda row: [row | words]


def _four_decimals(row: Row) -> list[Row]:
    number, currency = row["price"].split()
    return [row | {"price": f"{number}00 {currency}"}]


def _tenth_of_a_cent(row: Row) -> list[Row]:
    number, currency = row["price"].split()
    return [row | {"price": f"{number}5 {currency}"}]


def _thousands(row: Row) -> list[Row]:
    whole = row["price"].partition(".")[0]
    return [row | {"price": f"{whole},000 EUR"}]


def _comma(row: Row) -> list[Row]:
    return [row | {"price": row["price"].replace(".", ",")}]


def _twice(row: Row) -> list[Row]:
    return [row, row]


def _and_a_headless_row(row: Row) -> list[Row]:
    return [row, row | {"id": "", "title": f"{row['title']} (kopie)"}]


_SLOPPY: dict[str, Callable[[Row], list[Row]]] = {
    # An evening with a price on request, and a price with a tenth of a cent: both refused.
    "BK-007": _change(price=""),
    "BK-071": _tenth_of_a_cent,
    "BK-003": _four_decimals,
    "BK-012": _change(title="Espresso Rotsduif 500 g &amp; receptkaart"),
    "BK-020": _twice,
    "BK-040": _change(gtin="2910000000001"),
    "BK-090": _change(availability="op voorraad"),
    # A service that is priced by hand, and a thousand that could be one and a fifth: both refused.
    "KP-030": _change(price="op aanvraag"),
    "KP-004": _thousands,
    "KP-010": _comma,
    "KP-016": _four_decimals,
    "KP-044": _twice,
    "KP-070": _change(image_link="/i/kp-070.svg"),
    # A subscription without a price, and a copy that lost its id: both refused.
    "UK-146": _change(price=""),
    "UK-050": _and_a_headless_row,
    "UK-014": _change(
        description="Voor wie &amp;lt;em&amp;gt;graag&amp;lt;/em&amp;gt; voorleest &amp;amp; lacht."
    ),
    "UK-021": _twice,
    "UK-060": _four_decimals,
    "UK-080": _change(availability="In Stock"),
}


def _sloppy(row: Row) -> list[Row]:
    change = _SLOPPY.get(row["id"])
    return [row] if change is None else change(row)


def _rss(facts: ShopFacts, rows: list[Row]) -> bytes:
    """Write RSS 2.0 behind a byte order mark, descriptions in CDATA."""
    items = "".join(f"<item>{''.join(_elements(row, cdata=True))}</item>\n" for row in rows)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
        f"<title>{facts.name}</title><link>https://{facts.host}/</link>"
        f"<description>{escape(facts.story_nl)}</description>\n{items}</channel></rss>\n"
    )
    return text.encode("utf-8-sig")


def _elements(row: Row, *, cdata: bool = False) -> Iterator[str]:
    for name in _NAMES:
        if cdata and name == "description":
            yield f"<g:{name}><![CDATA[{row[name]}]]></g:{name}>"
        elif row[name]:
            yield f"<g:{name}>{escape(row[name])}</g:{name}>"


def _csv(facts: ShopFacts, rows: list[Row]) -> bytes:
    """Write what a spreadsheet exports: semicolons, names of columns as titles, CR LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([name.replace("_", " ").title() for name in _NAMES] + ["Magazijnplaats"])
    for number, row in enumerate(rows):
        writer.writerow([row[name] for name in _NAMES] + [f"{facts.name[0]}{number // 12 + 1:02d}"])
    return out.getvalue().encode("utf-8-sig")


def _atom(facts: ShopFacts, rows: list[Row]) -> bytes:
    """Write Atom with Google's names beside Atom's own."""
    entries = "".join(
        f"<entry><title>{escape(row['title'])}</title><link href={_quoted(row['link'])}/>"
        f"<summary>{escape(row['description'])}</summary>"
        f"{''.join(_elements({**row, 'title': '', 'description': '', 'link': ''}))}</entry>\n"
        for row in rows
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
        f'<title>{facts.name}</title><link rel="self" href={_quoted(f"https://{facts.host}{facts.feed_path}")}/>'
        f"<updated>2026-01-01T06:00:00Z</updated>\n{entries}</feed>\n"
    ).encode()


def _quoted(address: str) -> str:
    return '"' + escape(address, {'"': "&quot;"}) + '"'
