"""The three shops of the demo world and their catalogues: all invented, and all that the world says about them.

Products lie in data/<key>.tsv, categories in data/categories.tsv; both are read when they are first asked for.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.world.facts import SHOPS, ShopFacts, Store, WorldOffer

__all__ = [
    "SHOPS", "ShopFacts", "Store", "WorldOffer", "WorldProduct", "catalogue", "product", "shop", "shop_of_host",
]  # fmt: skip

DATA = Path(__file__).resolve().parent / "data"
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class WorldProduct:
    """A product as it stands in its shop on the first day; prices in the shop's currency, tax included.

    `drawing` names what its picture shows, such as "boot:high:brown"; `variant` holds facts such as a size.
    """

    shop: str
    sku: str
    title: str
    description: str
    price: Decimal
    sale_price: Decimal | None
    brand: str
    gtin: str | None
    category_id: int | None
    category_path: str
    product_type: str
    availability: str
    language: str
    drawing: str
    variant: tuple[tuple[str, str], ...]

    @property
    def slug(self) -> str:
        """Return the last part of the product page's address: words of the title, then the SKU."""
        plain = unicodedata.normalize("NFKD", self.title).encode("ascii", "ignore").decode().lower()
        return f"{_NOT_A_WORD.sub('-', plain).strip('-')}-{self.sku.lower()}"

    @property
    def path(self) -> str:
        """Return the path of the product page on its shop's host."""
        return f"/p/{self.slug}"

    @property
    def link(self) -> str:
        """Return the full address of the product page."""
        return f"https://{shop(self.shop).host}{self.path}"

    @property
    def image_link(self) -> str:
        """Return the full address of the picture."""
        return f"https://{shop(self.shop).host}/i/{self.sku.lower()}.svg"


def shop(key: str) -> ShopFacts:
    """Return the shop with this key. Raises DevtoolsError when there is none."""
    for one in SHOPS:
        if one.key == key:
            return one
    raise DevtoolsError(f"no shop {key!r}; there are: {', '.join(one.key for one in SHOPS)}")


def shop_of_host(host: str) -> ShopFacts | None:
    """Return the shop that answers on a host, with or without www; None when there is none."""
    return next((one for one in SHOPS if host.lower() in one.hosts), None)


@cache
def catalogue(key: str) -> tuple[WorldProduct, ...]:
    """Return every product of a shop in the order of its SKUs, as on the first day.

    Raises DevtoolsError when there is no such shop.
    """
    return tuple(sorted(_products(shop(key).key), key=lambda product: product.sku))


@cache
def product(sku: str) -> WorldProduct | None:
    """Return the product with this SKU (capitals don't matter), of whichever shop; None when there is none."""
    return next((one for each in SHOPS for one in catalogue(each.key) if one.sku == sku.upper()), None)


def _records(name: str) -> Iterator[dict[str, str]]:
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


@cache
def _categories() -> dict[str, tuple[int | None, str]]:
    """Return Google's number (None where we don't know it for sure) and path for each of our short names."""
    return {
        row["key"]: (int(row["id"]) if row["id"] else None, row["path"]) for row in _records("categories")
    }


def _products(key: str) -> Iterator[WorldProduct]:
    for row in _records(key):
        category_id, category_path = _categories()[row["category"]]
        pairs = (pair.partition("=") for pair in row["variant"].split(";") if pair)
        yield WorldProduct(
            shop=key,
            sku=row["sku"],
            title=row["title"],
            description=row["description"],
            price=Decimal(row["price"]),
            sale_price=Decimal(row["sale_price"]) if row["sale_price"] else None,
            brand=row["brand"],
            gtin=row["gtin"] or None,
            category_id=category_id,
            category_path=category_path,
            product_type=row["product_type"],
            availability=row["availability"],
            language=row["language"],
            drawing=row["drawing"],
            variant=tuple((name, value) for name, _, value in pairs),
        )
