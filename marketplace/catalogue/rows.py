"""One row of a feed: from the words a shop wrote to facts about a product, or to a refusal that says why."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from stdnum import ean

from marketplace.catalogue import categories
from marketplace.catalogue.addresses import Address, AddressUnreadable, page_digest, read_address
from marketplace.catalogue.notes import Note
from marketplace.catalogue.prices import PriceUnreadable, parse_price
from marketplace.core.money import Money

FIELDS = (
    "id", "title", "description", "link", "image_link", "availability", "price", "sale_price", "brand",
    "gtin", "google_product_category", "product_type",
)  # fmt: skip
REQUIRED = ("id", "title", "link", "price")
_LIMITS = {
    "title": 500,
    "description": 10_000,
    "brand": 200,
    "google_product_category": 750,
    "product_type": 750,
}
_MOST_ID = 200
_AVAILABILITY = frozenset({"in_stock", "out_of_stock", "preorder", "backorder"})
# NUL, other controls and lone surrogates: PostgreSQL or JSON can't hold them, and nobody means them.
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RawRow:
    """The words of row `number` (from 1), by the names of FIELDS; `problem` is set when it can't be read."""

    number: int
    fields: Mapping[str, str]
    problem: Note | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What a feed says about one product, checked and in one form."""

    sku: str
    title: str
    description: str
    link: str
    page: bytes
    image_link: str | None
    brand: str | None
    gtin: str | None
    price: Money
    sale_price: Money | None
    availability: str | None
    category: str
    google_category: str | None
    product_type: str | None
    warnings: tuple[str, ...]

    def content_hash(self) -> bytes:
        """Return 32 bytes that change exactly when something in here changes."""
        words = [_plain(getattr(self, field.name)) for field in fields(self)]
        return hashlib.sha256(json.dumps(words).encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class ReadRow:
    """What came of a row: facts, or None (refused), and what is to be said about it, refusals first."""

    number: int
    sku: str | None
    facts: ProductFacts | None
    notes: tuple[Note, ...]


def read_row(raw: RawRow, *, shop_currency: str, hosts: frozenset[str]) -> ReadRow:
    """Return the facts of a row, or its refusal; never raises, whatever the row holds.

    shop_currency: a price in another one is kept with a warning; hosts: the shop's verified ones, others are
    kept with a warning.
    """
    reader = _Reader({name: value.strip() for name, value in raw.fields.items() if name in FIELDS})
    sku = reader.sku()
    if raw.problem is not None:
        return ReadRow(raw.number, sku, None, (raw.problem,))
    facts = reader.facts(sku, shop_currency, hosts)
    notes = tuple(sorted(reader.notes, key=lambda note: not note.refuses))
    if facts is None or any(note.refuses for note in notes):
        return ReadRow(raw.number, sku, None, notes)
    return ReadRow(raw.number, sku, facts, notes)


class _Reader:
    """Reads the fields of one row and collects what is to be said about them."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        self.notes: list[Note] = []

    def refuse(self, field: str, code: str, reason: str, fix: str) -> None:
        self.notes.append(Note(field, code, reason, fix, refuses=True))

    def warn(self, field: str, code: str, reason: str, fix: str) -> None:
        self.notes.append(Note(field, code, reason, fix))

    def sku(self) -> str | None:
        """Return the id when it can stand for a product, else None (and the row is refused)."""
        sku = self.fields.get("id", "")
        if not sku:
            self.refuse("id", "missing", "The row has no id.", "Give each product its own lasting id.")
        elif len(sku) > _MOST_ID:
            self.refuse("id", "too_long", f"The id is longer than {_MOST_ID} characters.", "Shorten the id.")
        elif _BAD.search(sku):
            self.refuse("id", "bad_characters", "The id has characters that are no text.", "Save as UTF-8.")
        else:
            return sku
        return None

    def facts(self, sku: str | None, shop_currency: str, hosts: frozenset[str]) -> ProductFacts | None:
        for name, value in self.fields.items():
            if name != "id" and _BAD.search(value):
                fix = "Save the feed as UTF-8 and remove control characters."
                self.refuse(name, "bad_characters", f"{name} has characters that are no text.", fix)
        if self.notes:
            return None
        title, link, price = self.text("title"), self.link(hosts), self.price(shop_currency)
        if not title:
            self.refuse("title", "missing", "The row has no title.", "Give the product a title.")
        if sku is None or not title or link is None or price is None:
            return None
        google, product_type = self.text("google_product_category"), self.text("product_type")
        found = {
            "sku": sku, "title": title, "description": self.text("description"), "link": link.url,
            "page": page_digest(link), "image_link": self.image(), "brand": self.text("brand") or None,
            "gtin": self.gtin(), "price": price, "sale_price": self.sale_price(price),
            "availability": self.availability(), "category": _category(google, product_type),
            "google_category": google or None, "product_type": categories.normalise(product_type) or None,
        }  # fmt: skip
        warnings = tuple(sorted({note.code for note in self.notes}))
        return ProductFacts(**found, warnings=warnings)  # type: ignore[arg-type]

    def text(self, name: str) -> str:
        value, limit = self.fields.get(name, ""), _LIMITS[name]
        if len(value) > limit:
            self.warn(name, "shortened", f"{name} was cut at {limit} characters.", f"Shorten {name}.")
            return value[:limit].rstrip()
        return value

    def link(self, hosts: frozenset[str]) -> Address | None:
        try:
            address = read_address(self.fields.get("link", ""))
        except AddressUnreadable as error:
            self.refuse(
                "link",
                "link_unreadable",
                str(error),
                "Give the full address, such as https://shop.example/p/1.",
            )
            return None
        if address.host not in hosts:
            reason = f"{address.host} is not a verified domain of this shop: links to it can't earn yet."
            self.warn("link", "host_unverified", reason, "Verify the domain under Domains.")
        return address

    def image(self) -> str | None:
        value = self.fields.get("image_link", "")
        if not value:
            return None
        try:
            return read_address(value).url
        except AddressUnreadable as error:
            self.warn(
                "image_link", "image_unreadable", f"{error} The image was left out.", "Give its full address."
            )
            return None

    def price(self, shop_currency: str) -> Money | None:
        try:
            price = parse_price(self.fields.get("price", ""))
        except PriceUnreadable as error:
            self.refuse("price", error.code, error.reason, error.fix)
            return None
        if price.currency != shop_currency:
            reason = f"The price is in {price.currency}, the shop sells in {shop_currency}."
            fix = f"Send a feed with prices in {shop_currency}; orders are taken in {shop_currency} only."
            self.warn("price", "foreign_currency", reason, fix)
        return price

    def sale_price(self, price: Money) -> Money | None:
        value = self.fields.get("sale_price", "")
        if not value:
            return None
        try:
            sale = parse_price(value)
        except PriceUnreadable as error:
            self.warn("sale_price", "sale_price_unreadable", f"{error.reason} It was left out.", error.fix)
            return None
        if sale.currency != price.currency or sale > price:
            reason = "The sale price is in another currency than the price, or above it. It was left out."
            self.warn("sale_price", "sale_price_unfit", reason, "Give a sale price below the price.")
            return None
        return sale

    def gtin(self) -> str | None:
        value = re.sub(r"[ -]", "", self.fields.get("gtin", ""))
        if not value:
            return None
        if not value.isascii() or not ean.is_valid(value):
            self.warn(
                "gtin", "gtin_invalid", "The GTIN is not valid. It was left out.", "Check the bar code."
            )
            return None
        return value

    def availability(self) -> str | None:
        value = self.fields.get("availability", "").lower().replace(" ", "_").replace("-", "_")
        if value in _AVAILABILITY or not value:
            return value or None
        reason = "The availability is none of in_stock, out_of_stock, preorder, backorder. It was left out."
        self.warn("availability", "availability_unknown", reason, "Use one of these words.")
        return None


def _plain(value: object) -> object:
    if isinstance(value, Money):
        return [value.minor, value.currency]
    return value.hex() if isinstance(value, bytes) else value


def _category(google: str, product_type: str) -> str:
    """Return the path for commission rules: Google's as words, else the shop's own, else Google's number."""
    if google and not google.isdigit():
        return categories.normalise(google)
    return categories.normalise(product_type) or categories.normalise(google)
