"""One row of a feed: from the words a shop wrote to facts about a product, or to a refusal that says why."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from marketplace.catalogue.addresses import Address, AddressUnreadable, mended, page_digest, read_address
from marketplace.catalogue.facts import ProductFacts
from marketplace.catalogue.rows import sales, texts
from marketplace.catalogue.rows.availability import read_availability
from marketplace.catalogue.rows.notes import Note
from marketplace.catalogue.rows.prices import PriceUnreadable, Read, currencies, read_price
from marketplace.catalogue.taxonomy import categories
from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.core.money import Money

FIELDS = (
    "id", "title", "description", "link", "image_link", "availability", "price", "currency", "sale_price",
    "sale_price_effective_date", "brand", "gtin", "google_product_category", "product_type",
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
_FIELDS = frozenset(FIELDS)
# NUL, other controls and lone surrogates: PostgreSQL or JSON can't hold them, and nobody means them; and what stands
# for bytes that were no text (feeds.formats.encodings.BROKEN).
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0]")


@dataclass(frozen=True, slots=True)
class RawRow:
    """The words of row `number` (from 1), by the names of FIELDS; `problem` is set when it can't be read."""

    number: int
    fields: Mapping[str, str]
    problem: Note | None = None


@dataclass(frozen=True, slots=True)
class ReadRow:
    """What came of a row: facts, or None (refused), and what is to be said about it, refusals first."""

    number: int
    sku: str | None
    facts: ProductFacts | None
    notes: tuple[Note, ...]


def read_row(
    raw: RawRow, *, shop_currency: str, hosts: frozenset[str], now: dt.datetime | None = None
) -> ReadRow:
    """Return the facts of a row, or its refusal; never raises, whatever the row holds.

    shop_currency: a price in another one is kept with a warning, one without any is taken to be in it; hosts: the
    shop's verified ones, others are kept with a warning; now: decides whether a sale price holds, when it says from
    when to when; None for any time.
    """
    reader = _Reader({name: value.strip() for name, value in raw.fields.items() if name in _FIELDS})
    sku = reader.sku()
    if raw.problem is not None:
        return ReadRow(raw.number, sku, None, (raw.problem,))
    facts = reader.facts(sku, shop_currency, hosts, now)
    notes = reader.notes
    if not notes:
        return ReadRow(raw.number, sku, facts, ())
    ordered = tuple(sorted(notes, key=lambda note: not note.refuses))
    return ReadRow(raw.number, sku, None if ordered[0].refuses else facts, ordered)


class _Reader:
    """Reads the fields of one row and collects what is to be said about them."""

    __slots__ = ("fields", "notes")

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

    def facts(
        self, sku: str | None, shop_currency: str, hosts: frozenset[str], now: dt.datetime | None
    ) -> ProductFacts | None:
        if _BAD.search("\t".join(self.fields.values())):
            self.spoilt()
        if self.notes:
            return None
        title, link, price = self.text("title"), self.link(hosts), self.price(shop_currency)
        if not title:
            self.refuse("title", "missing", "The row has no title.", "Give the product a title.")
        if sku is None or not title or link is None or price is None:
            return None
        google, product_type = self.text("google_product_category", texts.plain), self.text("product_type")
        facts = {
            "sku": sku, "title": title, "description": self.text("description", texts.plain), "link": link.url,
            "page": page_digest(link), "image_link": self.image(), "brand": self.text("brand") or None,
            "gtin": self.gtin(), "price": price, "sale_price": self.sale_price(price, now),
            "availability": self.availability(), "category": self.category(google, product_type),
            "google_category": google or None, "product_type": categories.normalise(product_type) or None,
        }  # fmt: skip
        warnings = tuple(sorted({note.code for note in self.notes})) if self.notes else ()
        return ProductFacts(**facts, warnings=warnings)  # type: ignore[arg-type]

    def category(self, google: str, product_type: str) -> str:
        known = taxonomy.known()
        if google.isdigit() and known.find(google) is None:
            reason = (
                f"We don't know Google's category {google[:20]}: no rule about categories above it can hold."
            )
            fix = "Give the path in words, such as Home & Garden > Kitchen & Dining."
            self.warn("google_product_category", "category_unknown", reason, fix)
        return taxonomy.filed(google, product_type, known)

    def spoilt(self) -> None:
        for name, value in self.fields.items():
            if name != "id" and _BAD.search(value):
                fix = "Save the feed as UTF-8 and remove control characters."
                self.refuse(name, "bad_characters", f"{name} has characters that are no text.", fix)

    def text(self, name: str, plain: Callable[[str], str] = texts.line) -> str:
        value = self.fields.get(name, "")
        if not value:
            return value
        # Only entities can bring in what was looked for before.
        value, limit = _BAD.sub("", plain(value)) if "&" in value else plain(value), _LIMITS[name]
        if len(value) > limit:
            self.warn(name, "shortened", f"{name} was cut at {limit} characters.", f"Shorten {name}.")
            return value[:limit].rstrip()
        return value

    def address(self, name: str) -> Address:
        """Return the address in a field, mended with a warning where that is safe. Raises AddressUnreadable."""
        value = self.fields.get(name, "")
        if "&" in value and ";" in value:
            value = value.replace("&amp;amp;", "&").replace("&amp;", "&")
        better = mended(value)
        address = read_address(better)
        if better != value:
            reason = f"{name} has spaces or signs that an address can't have; they were percent-encoded."
            self.warn(name, "link_encoded", reason, "Percent-encode addresses.")
        return address

    def link(self, hosts: frozenset[str]) -> Address | None:
        try:
            address = self.address("link")
        except AddressUnreadable as error:
            fix = "Give the full address, such as https://shop.example/p/1."
            self.refuse("link", "link_unreadable", str(error), fix)
            return None
        if address.host not in hosts:
            self.notes.append(_unverified(address.host))
        return address

    def image(self) -> str | None:
        if "image_link" not in self.fields or not self.fields["image_link"]:
            return None
        try:
            return self.address("image_link").url
        except AddressUnreadable as error:
            reason = f"{error} The image was left out."
            self.warn("image_link", "image_unreadable", reason, "Give its full address.")
            return None

    def price(self, shop_currency: str) -> Money | None:
        try:
            read = self.amount(self.fields.get("price", ""), shop_currency)
        except PriceUnreadable as error:
            self.refuse("price", error.code, error.reason, error.fix)
            return None
        if note := _about_currency(read, shop_currency):
            self.notes.append(note)
        return read.price

    def amount(self, text: str, currency: str) -> Read:
        """Return a price; one without a currency is in that of the row's own field for it, else in `currency`."""
        named = self.fields.get("currency", "").upper()
        if not named:
            return read_price(text, currency)
        if named not in currencies():
            raise PriceUnreadable("currency_unknown", f"{named[:20]} is not a currency of ISO 4217.")
        return Read(read_price(text, named).price)

    def sale_price(self, price: Money, now: dt.datetime | None) -> Money | None:
        value = self.fields.get("sale_price", "")
        if not value:
            return None
        try:
            sale = read_price(value, price.currency).price
        except PriceUnreadable as error:
            if error.code not in ("price_missing",):
                self.warn(
                    "sale_price", "sale_price_unreadable", f"{error.reason} It was left out.", error.fix
                )
            return None
        if sale.currency != price.currency or sale > price:
            reason = "The sale price is in another currency than the price, or above it. It was left out."
            self.warn("sale_price", "sale_price_unfit", reason, "Give a sale price below the price.")
            return None
        return sale if sale < price and self.sale_holds(now) else None

    def sale_holds(self, now: dt.datetime | None) -> bool:
        """Tell whether the sale price holds now; many platforms send the same price twice, and dates without a sale."""
        name = "sale_price_effective_date"
        value = self.fields.get(name, "")
        if not value:
            return True
        period = sales.read_period(value)
        if period is None:
            reason = "When the sale price holds can't be read. The sale price was left out."
            self.warn(
                name, "sale_dates_unreadable", reason, "Write 2026-11-01T00:00+0100/2026-11-08T00:00+0100."
            )
            return False
        if now is not None and not sales.holds(period, now):
            reason = (
                "The sale price doesn't hold now. It was left out until a feed that is read when it does."
            )
            self.warn(name, "sale_not_now", reason, "Nothing, when that is meant.")
            return False
        return True

    def gtin(self) -> str | None:
        value = self.fields.get("gtin", "")
        if not value:
            return None
        value = value.replace(" ", "").replace("-", "")
        if not _is_gtin(value):
            self.warn(
                "gtin", "gtin_invalid", "The GTIN is not valid. It was left out.", "Check the bar code."
            )
            return None
        return value

    def availability(self) -> str | None:
        value = self.fields.get("availability", "")
        if not value:
            return None
        known = read_availability(value)
        if known is None:
            reason = (
                "The availability is none of in_stock, out_of_stock, preorder, backorder. It was left out."
            )
            self.warn("availability", "availability_unknown", reason, "Use one of these words.")
        return known


def _is_gtin(value: str) -> bool:
    """Tell whether these are 8, 12, 13 or 14 digits of which the last is right; a quarter of stdnum.ean's time."""
    if len(value) not in (8, 12, 13, 14) or not value.isascii() or not value.isdigit():
        return False
    return (3 * sum(map(int, value[-2::-2])) + sum(map(int, value[-1::-2]))) % 10 == 0


@lru_cache(maxsize=256)
def _unverified(host: str) -> Note:
    reason = f"{host} is not a verified domain of this shop: links to it can't earn yet."
    return Note("link", "host_unverified", reason, "Prove that site at /shop/start/domain.")


def _about_currency(read: Read, shop_currency: str) -> Note | None:
    currency = read.price.currency
    if read.is_assumed:
        reason = f"The price names no currency of its own. It was taken to be in {shop_currency}."
        fix = f"Write the currency behind the amount, for example 129.00 {shop_currency}."
        return Note("price", "currency_assumed", reason, fix)
    if currency == shop_currency:
        return None
    reason = f"The price is in {currency}, the shop sells in {shop_currency}."
    fix = f"Send a feed with prices in {shop_currency}; orders are taken in {shop_currency} only."
    return Note("price", "foreign_currency", reason, fix)
