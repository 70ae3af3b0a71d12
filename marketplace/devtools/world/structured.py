"""What a product page says to machines: JSON-LD as the books have it, as shops wrongly write it, or OpenGraph alone."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from marketplace.devtools.world.shelf import Shelved
from marketplace.devtools.world.shops import shop

_STATES = {
    "in_stock": "InStock",
    "out_of_stock": "OutOfStock",
    "preorder": "PreOrder",
    "backorder": "BackOrder",
}
# How the pages of these numbers differ from a good one; all others are good.
KINDS = {11: "open_graph", 23: "comma", 37: "graph", 51: "euro", 68: "open_graph", 83: "list", 97: "comment"}


def kind_of(sku: str) -> str:
    """Return how a product's page speaks to machines: good, graph, list, euro, comma, comment or open_graph."""
    return KINDS.get(int(sku.partition("-")[2]), "good")


def head_of(one: Shelved) -> str:
    """Return the elements for the head of a product page."""
    kind = kind_of(one.product.sku)
    if kind == "open_graph":
        return _open_graph(one)
    return f'<script type="application/ld+json">{_script(_text(one, kind))}</script>'


def product_data(one: Shelved) -> dict[str, Any]:
    """Return schema.org's Product for a product of the day."""
    made = one.product
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": made.sku,
        "name": made.title,
        "description": made.description,
        "image": made.image_link,
        "brand": {"@type": "Brand", "name": made.brand},
        "category": made.category_path,
        "offers": {
            "@type": "Offer",
            "url": made.link,
            "price": str(one.pays),
            "priceCurrency": shop(made.shop).currency,
            "availability": f"https://schema.org/{_STATES[made.availability]}",
            "itemCondition": "https://schema.org/NewCondition",
        },
    }
    return data | {"gtin13": made.gtin} if made.gtin else data


def _text(one: Shelved, kind: str) -> str:
    data: Any = product_data(one)
    if kind == "graph":
        page = {"@type": "WebPage", "name": data["name"]}
        data = {"@context": data.pop("@context"), "@graph": [page, data]}
    elif kind == "list":
        data["@type"] = ["Product", "Thing"]
        data["offers"] = [data["offers"]]
        data = [data]
    elif kind == "euro":
        data["offers"]["price"] = f"€ {one.pays}".replace(".", ",")
        data["offers"]["availability"] = _STATES[one.product.availability]
    text = json.dumps(data, ensure_ascii=False, indent=1)
    if kind == "comma":
        # A template that writes a comma behind the last field too.
        return text.removesuffix("\n}") + ",\n}"
    return f"<!--\n{text}\n//-->" if kind == "comment" else text


def _script(text: str) -> str:
    """Return JSON that can't end its element."""
    return text.replace("</", "<\\/")


def _open_graph(one: Shelved) -> str:
    made = one.product
    words = {
        "og:type": "product",
        "og:title": made.title,
        "og:description": made.description,
        "og:url": made.link,
        "og:image": made.image_link,
        "product:price:amount": str(one.pays),
        "product:price:currency": shop(made.shop).currency,
        "product:availability": made.availability.replace("_", " "),
        "product:brand": made.brand,
        "product:retailer_item_id": made.sku,
    }
    return "".join(f'<meta property="{name}" content="{escape(words[name])}">' for name in words)
