"""What is known of a product from one source, checked and in one form."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from marketplace.catalogue.indexing import index_text
from marketplace.core.money import Money

_NONE = "\x1e"


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
        price, sale = self.price, self.sale_price
        # No fact holds a control character, so these part them without a doubt.
        words = (
            self.sku, self.title, self.description, self.link, self.page.hex(), self.image_link or _NONE,
            self.brand or _NONE, self.gtin or _NONE, f"{price.minor}{price.currency}",
            _NONE if sale is None else f"{sale.minor}{sale.currency}", self.availability or _NONE, self.category,
            self.google_category or _NONE, self.product_type or _NONE, *self.warnings,
        )  # fmt: skip
        return hashlib.sha256("\x1f".join(words).encode()).digest()

    def index_text(self) -> str:
        """Return what the product is found by."""
        return index_text(
            title=self.title,
            brand=self.brand,
            sku=self.sku,
            gtin=self.gtin,
            category=self.category,
            product_type=self.product_type,
            description=self.description,
        )
