"""Read a product page: JSON-LD first, then OpenGraph, then the plain HTML; any bytes give an answer."""

from __future__ import annotations

from marketplace.catalogue.pages import document, encoding, json_ld, loose_json, money_words
from marketplace.catalogue.pages.document import Document
from marketplace.catalogue.pages.found import HTML, OPENGRAPH, Gathering, PageRead, address, plain, same_host
from marketplace.catalogue.rows.notes import Note

MOST_BYTES = 2_000_000


def read_page(content: bytes, url: str, charset: str = "") -> PageRead:
    """Return what a page says about its product, field by field, with where each stood.

    content: the body of the answer; url: the address that answered in the end; charset: what its Content-Type says.
    Never raises: a page without a product gives what there is, with a note.
    """
    page = Gathering(url)
    seen = document.read(encoding.text_of(content[:MOST_BYTES], charset))
    scripts: list[object] = []
    for number, script in enumerate(seen.scripts, 1):
        try:
            scripts += loose_json.values(script)
        except loose_json.Unreadable:
            page.say(
                "json-ld",
                "json_ld_unreadable",
                f"Block {number} of JSON-LD is not JSON, and could not be mended.",
                "Check the page with a validator of structured data; often a quotation mark is not escaped.",
            )
    if seen.left_out:
        page.say(
            "json-ld", "json_ld_too_large", "Some blocks of JSON-LD were left out.", "Give fewer of them."
        )
    json_ld.gather(scripts, page)
    _from_opengraph(seen, page)
    _from_html(seen, page)
    if "price" not in page.found:
        page.say(
            "price",
            "no_price",
            "The page says no price in JSON-LD or product: meta tags.",
            "Add offers with price and priceCurrency to the structured data.",
        )
    return PageRead(url, page.found, tuple(page.variants), tuple(page.notes))


def _from_opengraph(seen: Document, page: Gathering) -> None:
    currency = seen.meta("product:price:currency", "og:price:currency")
    price = money_words.price(seen.meta("product:price:amount", "og:price:amount"), currency)
    before = money_words.price(seen.meta("product:original_price:amount"), currency)
    sale = money_words.price(
        seen.meta("product:sale_price:amount"), seen.meta("product:sale_price:currency") or currency
    )
    if "price" not in page.found:
        # Both prices are taken from one place, or they could be of different days.
        page.found.pop("sale_price", None)
        words = {
            "price": before or price,
            "sale_price": sale or (price if before and before != price else ""),
        }
        page.put(words, OPENGRAPH)
    page.put(
        {
            "title": plain(seen.meta("og:title", "twitter:title")),
            "description": plain(seen.meta("og:description")),
            "image_link": address(page.url, seen.meta("og:image:secure_url", "og:image", "twitter:image")),
            "availability": money_words.stock(seen.meta("product:availability", "og:availability")),
            "brand": plain(seen.meta("product:brand", "og:brand")),
            "id": plain(seen.meta("product:retailer_item_id", "product:sku")),
            "gtin": plain(seen.meta("product:ean", "product:gtin", "product:upc", "product:isbn")),
            "product_type": plain(seen.meta("product:category")),
        },
        OPENGRAPH,
    )


def _from_html(seen: Document, page: Gathering) -> None:
    page.put({"title": plain(seen.title), "description": plain(seen.meta("description"))}, HTML)
    named = address(page.url, seen.canonical) or address(page.url, seen.meta("og:url"))
    if named and not same_host(named, page.url):
        reason, fix = "The page names an address of another site as its own.", "Correct rel=canonical."
        page.notes.append(Note("link", "canonical_elsewhere", reason, fix))
        named = ""
    origin = HTML if seen.canonical else OPENGRAPH
    page.put({"link": named}, origin)
    page.put({"link": page.url}, HTML)
