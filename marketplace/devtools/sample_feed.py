"""A small product feed of our own: a coffee shop that exists nowhere."""

from __future__ import annotations

HOST = "bergkoffie.example"

_ROWS = (
    (
        "BK-001",
        "Espresso Bergtop 1 kg",
        "27.50",
        "Bergkoffie",
        "Food, Beverages & Tobacco > Beverages > Coffee",
    ),
    (
        "BK-002",
        "Filterkoffie Ochtend 500 g",
        "12.95",
        "Bergkoffie",
        "Food, Beverages & Tobacco > Beverages > Coffee",
    ),
    (
        "BK-003",
        "Hand grinder Steenbok",
        "89.00",
        "Steenbok",
        "Home & Garden > Kitchen & Dining > Coffee Grinders",
    ),
    (
        "BK-004",
        "Pour-over set for two",
        "45.00",
        "Steenbok",
        "Home & Garden > Kitchen & Dining > Coffee Makers",
    ),
    (
        "BK-005",
        "Espresso machine Gletsjer",
        "649.00",
        "Gletsjer",
        "Home & Garden > Kitchen & Dining > Espresso Machines",
    ),
    ("BK-006", "Gift card", "50.00", "Bergkoffie", "Arts & Entertainment > Gift Giving > Gift Cards"),
    # This row has no price, so that the report of the feed has something to say.
    ("BK-007", "Tasting evening", "", "Bergkoffie", "Arts & Entertainment > Event Tickets"),
)


def _item(sku: str, title: str, price: str, brand: str, category: str) -> str:
    escaped = category.replace("&", "&amp;").replace(">", "&gt;")
    priced = f"<g:price>{price} EUR</g:price>" if price else ""
    return (
        f"<item><g:id>{sku}</g:id><g:title>{title}</g:title><g:description>{title}, from a shop that exists nowhere."
        f"</g:description><g:link>https://{HOST}/p/{sku.lower()}</g:link>"
        f"<g:image_link>https://{HOST}/i/{sku.lower()}.jpg</g:image_link><g:availability>in stock</g:availability>"
        f"{priced}<g:brand>{brand}</g:brand><g:condition>new</g:condition>"
        f"<g:google_product_category>{escaped}</g:google_product_category></item>"
    )


SAMPLE_FEED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
    f"<title>Bergkoffie</title><link>https://{HOST}/</link><description>Coffee</description>"
    + "".join(_item(*row) for row in _ROWS)
    + "</channel></rss>\n"
).encode()
