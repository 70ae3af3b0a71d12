"""What a shop copies into its own program, as text: by system, with its own key, currency and product in it."""

from __future__ import annotations

from collections.abc import Mapping

import flask

from marketplace.core import config, pages

NAMES = (
    "keep.js",
    "order.sh",
    "refund.sh",
    "woocommerce.php",
    "shopify_theme.html",
    "shopify_order.liquid",
    "shopify_refund.liquid",
)


def of(key: str | None, currency: str, sku: Mapping[str, str]) -> dict[str, str]:
    """Return each text by its name; key: shown once, else a place for it; sku: {sku, title} of a product."""
    facts = {
        "api": f"{config.current().base_url}/api/v1",
        "key": key,
        "currency": currency,
        "sku": sku,
        "now": pages.business_now(),
    }
    return {
        name: flask.render_template(f"shop/snippets/{name}.txt", **facts).rstrip("\n") + "\n"
        for name in NAMES
    }
