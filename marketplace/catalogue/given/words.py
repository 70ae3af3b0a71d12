"""Products in the words of a row of a feed, and facts as columns of the table: the same judge for all that comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.catalogue.facts import ProductFacts
from marketplace.catalogue.models import Product
from marketplace.core.money import Money

_WORDS = {"sku": "id"}


def columns(facts: ProductFacts) -> dict[str, Any]:
    """Return facts as columns of `product`, without shop and article number."""
    return {
        "title": facts.title, "description": facts.description, "link": facts.link, "page_digest": facts.page,
        "image_link": facts.image_link, "brand": facts.brand, "gtin": facts.gtin,
        "price_minor": facts.price.minor, "currency": facts.price.currency,
        "sale_price_minor": None if facts.sale_price is None else facts.sale_price.minor,
        "availability": facts.availability, "category": facts.category, "google_category": facts.google_category,
        "product_type": facts.product_type, "warnings": list(facts.warnings), "content_hash": facts.content_hash(),
        "folded": facts.index_text(),
    }  # fmt: skip


def words_of_fields(data: Mapping[str, Any]) -> dict[str, str]:
    """Return fields of a product as a row of a feed writes them; what is None is left out."""
    return {
        _WORDS.get(name, name): f"{value} {value.currency}" if isinstance(value, Money) else str(value)
        for name, value in data.items()
        if value is not None
    }


def words_of(product: Product) -> dict[str, str]:
    """Return a product as a row of a feed would write it."""
    names = ("sku", "title", "description", "link", "image_link", "brand", "gtin", "price", "sale_price",
             "availability", "product_type")  # fmt: skip
    found = {name: getattr(product, name) for name in names}
    return words_of_fields(found | {"google_product_category": product.google_category})


def renamed(words: Mapping[str, str]) -> dict[str, str]:
    """Return words by the names that products have: a feed's `id` is the article number."""
    return {"sku" if name == "id" else name: value for name, value in words.items()}
